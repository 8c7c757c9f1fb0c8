/** `tollgate keys secret`: manages the checksum secrets of a merchant. */
import { type Command, InvalidArgumentError } from 'commander';
import {
  type KeyTable,
  type MerchantEntry,
  readKeysFile,
  writeKeysFile,
} from '../../engine/keys/keys-file.js';
import { hashOf, newSecret, withSecret } from '../keys/new-key.js';
import { nameOf } from './arguments.js';

const HASH_SHOWN = 12;

export type MakeCommand = (name: string, description: string) => Command;

interface Chosen {
  readonly file: string;
  readonly merchant: string;
}

/** Keys and secrets are named by the beginning of their hash. */
export function shownHash(hex: string): string {
  return hex.slice(0, HASH_SHOWN);
}

export function hashBeginning(text: string): string {
  if (!/^[0-9a-f]{4,64}$/.test(text)) throw new InvalidArgumentError('4 to 64 hex digits');
  return text;
}

/** @param below makes a command with the option `--file` */
export function addSecretCommands(below: MakeCommand): void {
  const command: MakeCommand = (name, description) =>
    below(name, description).requiredOption('--merchant <name>', 'whose', nameOf);
  command('add', 'make a checksum secret and print it, once')
    .option('--optional', 'requests without a checksum are taken too, until `secret require`')
    .action(({ file, merchant, optional }: Chosen & { optional?: true }) => {
      const secret = newSecret();
      change(file, merchant, (entry) => withSecret(entry, secret, optional === true));
      console.log(`secret  ${secret}`);
    });
  command('require', 'every request must carry a checksum from now on').action(
    ({ file, merchant }: Chosen) => {
      change(file, merchant, ({ checksums_optional: _, ...entry }) => {
        if ((entry.checksum_secrets ?? []).length > 0) return entry;
        throw new Error(`${merchant} has no checksum secret: \`keys secret add\` makes one`);
      });
    },
  );
  command('remove', 'end a checksum secret')
    .requiredOption('--hash <beginning>', 'of its SHA-256, as `keys list` shows it', hashBeginning)
    .option('--last', 'also the last one: then the requests of the merchant need no checksum')
    .action(({ file, merchant, hash: beginning, last }: Chosen & { hash: string; last?: true }) =>
      change(file, merchant, (entry) => withoutSecret(entry, beginning, last === true)),
    );
}

function withoutSecret(entry: MerchantEntry, beginning: string, mayBeLast: boolean): MerchantEntry {
  const { checksum_secrets: secrets = [], checksums_optional, ...rest } = entry;
  const left = secrets.filter((secret) => !hashOf(secret).startsWith(beginning));
  const gone = secrets.length - left.length;
  if (gone !== 1)
    throw new Error(`${entry.merchant} has ${gone} such secrets: nothing was changed`);
  if (left.length > 0)
    return {
      ...rest,
      checksum_secrets: left,
      ...(checksums_optional ? { checksums_optional } : {}),
    };
  if (mayBeLast) return rest;
  throw new Error(
    `it is the last secret of ${entry.merchant}, whose requests would need no checksum: --last removes it`,
  );
}

function change(file: string, merchant: string, to: (entry: MerchantEntry) => MerchantEntry): void {
  const table: KeyTable = readKeysFile(file);
  const entry = table.find((item) => item.merchant === merchant);
  if (!entry) throw new Error(`${file} has no merchant ${merchant}`);
  const changed = to(entry);
  writeKeysFile(
    file,
    table.map((item) => (item === entry ? changed : item)),
  );
}
