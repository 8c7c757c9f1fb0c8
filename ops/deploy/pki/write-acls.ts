/**
 * `node dist/ops/deploy/pki/write-acls.js BROKER:PORT`: writes the rules of kafka-acls.ts for a Kafka that
 * is not ours, such as MSK, where a user is a certificate's whole name. Repeating it changes
 * nothing. Without `--apply` it prints the rules. Exit codes: 0 done, 1 failed, 2 wrong use.
 */
import { parseArgs } from 'node:util';
import { ACLS, type Acl } from './kafka-acls.js';
import { createAcls } from './kafka-admin.js';
import { brokerAcls, distinguishedName, plainName, withNames } from './principals.js';

const USAGE = `usage: node dist/ops/deploy/pki/write-acls.js BROKER:PORT --engine FILE --processor FILE
  --engine, --processor  certificates of the two roles: their names become the users
  --brokers NAME         the brokers' own name (MSK: CN=*.… of the bootstrap address)
  --apply                write; needs:
  --ca, --cert FILE      who signed the brokers; a certificate with its key that may write rules`;

function rules(engine: string, processor: string, brokers: string | undefined): Acl[] {
  const names = { engine: distinguishedName(engine), processor: distinguishedName(processor) };
  const own = brokers === undefined ? [] : brokerAcls(plainName(brokers, '--brokers'));
  return [...own, ...withNames(ACLS, names)];
}

async function run(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ engine: text, processor: text, brokers: text, ca: text, cert: text },
      apply: { type: 'boolean' },
    },
  });
  const { engine, processor, brokers, ca, cert, apply = false } = values;
  const [address] = positionals;
  const isComplete = address && engine && processor && (!apply || (ca && cert));
  if (!isComplete || positionals.length > 1) {
    console.error(USAGE);
    return 2;
  }
  const acls = rules(engine, processor, brokers);
  for (const acl of acls)
    console.log(
      `User:${acl.user} may ${acl.may.join(', ')} ${acl.resource} ${acl.name} (${acl.pattern})`,
    );
  if (apply) await createAcls({ address, tls: { ca: ca!, cert: cert!, key: cert! } }, acls);
  console.log(apply ? `; written to ${address}` : '; nothing was written: that takes --apply');
  return 0;
}

if (process.argv[1] === import.meta.filename) {
  try {
    process.exitCode = await run();
  } catch (error) {
    console.error(`write-acls: ${(error as Error).message}`);
    process.exitCode = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
  }
}
