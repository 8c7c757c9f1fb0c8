/** `tollgate keys`: manages merchants' API keys. A key is shown once, when it is created. */
import { type Command, InvalidArgumentError } from 'commander';
import { isProviderName } from '../../engine/domain/payment.js';
import { type KeyTable, readKeysFile, writeKeysFile } from '../../engine/keys/keys-file.js';
import { addKey, hashOf } from '../keys/new-key.js';
import { NAME_RULE, nameOf } from './arguments.js';
import { addSecretCommands, hashBeginning, shownHash } from './keys-secret.js';

const KEYS_FILE = 'keys file (TOLLGATE_KEYS_FILE of the engine)';

interface NewKey {
  readonly secret?: true;
  readonly optional?: true;
  readonly providers?: string[];
}

interface Chosen {
  readonly file: string;
  readonly merchant: string;
}

export function registerKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description('API keys of merchants; a running engine takes a change within two seconds');
  const below = (parent: Command) => (name: string, description: string) =>
    parent.command(name).description(description).requiredOption('--file <file>', KEYS_FILE);
  const command = below(keys);
  command('add', 'make a further key for a merchant and print it, once')
    .requiredOption('--merchant <name>', NAME_RULE, nameOf)
    .option(
      '--secret',
      'also make a checksum secret: every request, with any key of the merchant, must then carry a checksum',
    )
    .option(
      '--optional',
      'with --secret: requests without a checksum are taken until `secret require`',
    )
    .option('--providers <names>', 'the only ones it may use, separated by commas', names)
    .action((entry: Chosen & NewKey, add: Command) => {
      if (entry.optional && !entry.secret)
        add.error('tollgate: --optional goes with --secret', { exitCode: 2 });
      const made = addKey(
        entry.file,
        entry.merchant,
        entry.secret === true,
        entry.providers,
        entry.optional,
      );
      console.log(`key     ${made.key}`);
      if (made.checksumSecret) console.log(`secret  ${made.checksumSecret}`);
    });
  command(
    'list',
    'merchants, with the beginning of the hash of each key, and their providers',
  ).action(({ file }: Chosen) => {
    for (const {
      merchant,
      keys: hashes,
      checksum_secrets = [],
      checksums_optional,
      providers = [],
    } of readKeysFile(file)) {
      const shown = hashes.map(shownHash).join(' ') || 'no key';
      const secrets =
        checksum_secrets.map((secret) => shownHash(hashOf(secret))).join(' ') || 'none';
      const phase = checksums_optional ? ' (optional)' : '';
      const allowed = providers.join(' ') || 'all';
      console.log(
        `${merchant}  ${shown}  providers: ${allowed}  checksum secrets: ${secrets}${phase}`,
      );
    }
  });
  const secrets = keys.command('secret').description('checksum secrets of a merchant');
  addSecretCommands(below(secrets));
  command('remove', 'end a key, or a whole merchant')
    .requiredOption('--merchant <name>', 'whose', nameOf)
    .option(
      '--hash <beginning>',
      'of the key to end; without: all there is of the merchant',
      hashBeginning,
    )
    .action(({ file, merchant, hash: beginning }: Chosen & { hash?: string }) => {
      const left = without(readKeysFile(file), merchant, beginning);
      writeKeysFile(file, left);
    });
}

function without(table: KeyTable, merchant: string, beginning: string | undefined): KeyTable {
  const entry = table.find((item) => item.merchant === merchant);
  const gone = entry?.keys.filter((key) => key.startsWith(beginning ?? '')) ?? [];
  if (!entry || (beginning !== undefined && gone.length !== 1))
    throw new Error(`${merchant} has ${gone.length} such keys: nothing was changed`);
  const keys = entry.keys.filter((key) => !gone.includes(key));
  return table.flatMap((item) =>
    item !== entry ? [item] : beginning === undefined ? [] : [{ ...entry, keys }],
  );
}

function names(text: string): string[] {
  const found = text.split(',');
  if (found.every(isProviderName)) return found;
  throw new InvalidArgumentError('names of providers, such as stripe,wallet');
}
