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

const HASH_SHOWN = 12;

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
    keys
      .command(name)
      .description(description)
      .requiredOption('--file <file>', 'keys file (TOLLGATE_KEYS_FILE of the engine)');
  command('add', 'make a further key for a merchant and print it, once')
    .requiredOption('--merchant <name>', '1 to 64 letters, digits, _ or -', merchantName)
    .option('--secret', 'also make a checksum secret: every request must then carry a checksum')
    .option('--providers <names>', 'the only ones it may use, separated by commas', names)
    .action((it: Chosen & { secret?: boolean; providers?: string[] }) => {
      const made = addKey(it.file, it.merchant, it.secret === true, it.providers);
      console.log(`key     ${made.key}`);
      if (made.checksumSecret) console.log(`secret  ${made.checksumSecret}`);
    });
  command('list', 'merchants, with the beginning of the hash of each key').action(
    ({ file }: Chosen) => {
      for (const { merchant, keys: hashes, checksum_secrets = [] } of readKeysFile(file)) {
        const shown = hashes.map((it) => it.slice(0, HASH_SHOWN)).join(' ') || 'no key';
        console.log(`${merchant}  ${shown}  ${checksum_secrets.length} checksum secrets`);
      }
    },
  );
  command('remove', 'end a key, or a whole merchant')
    .requiredOption('--merchant <name>', 'whose', merchantName)
    .option('--hash <beginning>', 'of the key to end; without: all there is of the merchant', hex)
    .action(({ file, merchant, hash: beginning }: Chosen & { hash?: string }) => {
      const left = without(readKeysFile(file), merchant, beginning);
      writeKeysFile(file, left);
    });
}

/** Makes the file where there is none. */
export function addKey(
  file: string,
  merchant: string,
  withSecret: boolean,
  providers?: readonly string[],
): NewCredentials {
  const table = existsSync(file) ? readKeysFile(file) : [];
  const key = `tg_${randomBytes(32).toString('base64url')}`;
  const secret = withSecret ? [`tgs_${randomBytes(32).toString('base64url')}`] : [];
  const entry = table.find((it) => it.merchant === merchant) ?? { merchant, keys: [] };
  const secrets = [...(entry.checksum_secrets ?? []), ...secret];
  const allowed = providers ?? entry.providers;
  const changed: MerchantEntry = {
    merchant,
    keys: [...entry.keys, hash('sha256', key, 'hex')],
    ...(secrets.length > 0 ? { checksum_secrets: secrets } : {}),
    ...(allowed ? { providers: [...allowed] } : {}),
  };
  writeKeysFile(file, [...table.filter((it) => it.merchant !== merchant), changed]);
  return secret[0] === undefined ? { key } : { key, checksumSecret: secret[0] };
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
