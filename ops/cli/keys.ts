/** `tollgate keys`: the merchants' API keys and checksum secrets. Each is shown once, when made. */
import { hash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { isProviderName } from '../../engine/core/payment.js';
import {
  type KeyTable,
  MERCHANT_PATTERN,
  type MerchantEntry,
  readKeysFile,
  writeKeysFile,
} from '../../engine/keys/keys-file.js';

import { NAME_RULE } from './arguments.js';
import { addSecretCommands, newSecret, secretName, withSecret } from './keys-secret.js';

const HASH_SHOWN = 12;
const KEYS_FILE = 'keys file (TOLLGATE_KEYS_FILE of the engine)';

interface NewKey {
  readonly secret?: true;
  readonly optional?: true;
  readonly providers?: string[];
}

export interface NewCredentials {
  readonly key: string;
  readonly checksumSecret?: string;
}

interface Chosen {
  readonly file: string;
  readonly merchant: string;
}

export function registerKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description('API keys of merchants; a running engine takes a change within two seconds');
  const command = (name: string, description: string) =>
    keys.command(name).description(description).requiredOption('--file <file>', KEYS_FILE);
  command('add', 'make a further key for a merchant and print it, once')
    .requiredOption('--merchant <name>', '1 to 64 letters, digits, _ or -', merchantName)
    .option(
      '--secret',
      'also make a checksum secret: every request, with any key of the merchant, must then carry a checksum',
    )
    .option(
      '--optional',
      'with --secret: requests without a checksum are taken until `secret require`',
    )
    .option('--providers <names>', 'the only ones it may use, separated by commas', names)
    .action((it: Chosen & NewKey, add: Command) => {
      if (it.optional && !it.secret)
        add.error('tollgate: --optional goes with --secret', { exitCode: 2 });
      const made = addKey(it.file, it.merchant, it.secret === true, it.providers, it.optional);
      console.log(`key     ${made.key}`);
      if (made.checksumSecret) console.log(`secret  ${made.checksumSecret}`);
    });
  command('list', 'merchants, with the beginning of the hash of each key').action(
    ({ file }: Chosen) => {
      for (const {
        merchant,
        keys: hashes,
        checksum_secrets = [],
        checksums_optional,
      } of readKeysFile(file)) {
        const shown = hashes.map((it) => it.slice(0, HASH_SHOWN)).join(' ') || 'no key';
        const secrets = checksum_secrets.map(secretName).join(' ') || 'none';
        const phase = checksums_optional ? ' (optional)' : '';
        console.log(`${merchant}  ${shown}  checksum secrets: ${secrets}${phase}`);
      }
    },
  );
  const secrets = keys.command('secret').description('checksum secrets of a merchant');
  addSecretCommands(
    (name, description) =>
      secrets
        .command(name)
        .description(description)
        .requiredOption('--file <file>', KEYS_FILE)
        .requiredOption('--merchant <name>', 'whose', merchantName),
    hex,
  );
  command('remove', 'end a key, or a whole merchant')
    .requiredOption('--merchant <name>', 'whose', merchantName)
    .option('--hash <beginning>', 'of the key to end; without: all there is of the merchant', hex)
    .action(({ file, merchant, hash: beginning }: Chosen & { hash?: string }) => {
      const left = without(readKeysFile(file), merchant, beginning);
      writeKeysFile(file, left);
    });
}

/** Makes the file where there is none. @param hasSecret also makes a checksum secret */
export function addKey(
  file: string,
  merchant: string,
  hasSecret: boolean,
  providers?: readonly string[],
  isOptional = false,
): NewCredentials {
  const table = existsSync(file) ? readKeysFile(file) : [];
  const key = `tg_${randomBytes(32).toString('base64url')}`;
  const secret = hasSecret ? newSecret() : undefined;
  const entry = table.find((it) => it.merchant === merchant) ?? { merchant, keys: [] };
  const keyed: MerchantEntry = {
    ...entry,
    keys: [...entry.keys, hash('sha256', key, 'hex')],
    ...(providers ? { providers: [...providers] } : {}),
  };
  const changed = secret === undefined ? keyed : withSecret(keyed, secret, isOptional);
  writeKeysFile(file, [...table.filter((it) => it.merchant !== merchant), changed]);
  return secret === undefined ? { key } : { key, checksumSecret: secret };
}

function without(table: KeyTable, merchant: string, beginning: string | undefined): KeyTable {
  const entry = table.find((it) => it.merchant === merchant);
  const gone = entry?.keys.filter((it) => it.startsWith(beginning ?? '')) ?? [];
  if (!entry || (beginning !== undefined && gone.length !== 1))
    throw new Error(`${merchant} has ${gone.length} such keys: nothing was changed`);
  const keys = entry.keys.filter((it) => !gone.includes(it));
  return table.flatMap((it) =>
    it !== entry ? [it] : beginning === undefined ? [] : [{ ...entry, keys }],
  );
}

function merchantName(text: string): string {
  if (!new RegExp(MERCHANT_PATTERN).test(text)) throw new InvalidArgumentError(NAME_RULE);
  return text;
}

function names(text: string): string[] {
  const found = text.split(',');
  if (found.every(isProviderName)) return found;
  throw new InvalidArgumentError('names of providers, such as stripe,wallet');
}

function hex(text: string): string {
  if (!/^[0-9a-f]{4,64}$/.test(text)) throw new InvalidArgumentError('4 to 64 hex digits');
  return text;
}
