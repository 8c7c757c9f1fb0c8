/**
 * `node dist/ops/deploy/dns/main.js [--apply]`: prints the records that Cloudflare should have and,
 * with a token, what differs; writes nothing without `--apply`. Exit codes: 0 done, 1 failed,
 * 2 wrong use, 3 there are differences and nothing was written.
 */
import { readFileSync } from 'node:fs';
import { type DnsConfig, dnsConfig } from '../../../engine/config/config.js';
import { CloudflareDns, describe, isNothing } from './cloudflare-dns.js';
import { lineOf, wantedRecords } from './plan.js';

const OPEN_ITEMS = 3;

function tokenOf({ token, tokenFile }: DnsConfig): string {
  return tokenFile === '' ? token : readFileSync(tokenFile, 'utf8').trim();
}

async function run(config: DnsConfig, isApply: boolean): Promise<number> {
  const wanted = wantedRecords(
    config.name,
    config.addresses.split(',').map((part) => part.trim()),
  );
  console.log(
    '; wanted at Cloudflare, with ssl strict, TLS 1.2 or newer and authenticated origin pulls',
  );
  for (const record of wanted) console.log(lineOf(record));
  const token = tokenOf(config);
  if (token === '' || config.zone === '') {
    if (isApply)
      throw new Error('--apply needs TOLLGATE_CLOUDFLARE_ZONE and a token (…_TOKEN_FILE)');
    console.log('; without a token and a zone what is there was not read');
    return 0;
  }
  const dns = new CloudflareDns({ ...config, token });
  const changes = await dns.plan(wanted);
  for (const line of describe(changes)) console.log(line);
  if (isApply) await dns.apply(changes);
  console.log(isApply ? '; written' : '; nothing was written: that takes --apply');
  return isApply || isNothing(changes) ? 0 : OPEN_ITEMS;
}

const options = process.argv.slice(2);
if (options.some((option) => option !== '--apply')) {
  console.error(
    'usage: node dist/ops/deploy/dns/main.js [--apply]; everything else is TOLLGATE_… variables',
  );
  process.exit(2);
}
try {
  process.exitCode = await run(dnsConfig(), options.includes('--apply'));
} catch (error) {
  console.error(`dns: ${(error as Error).message}`);
  process.exitCode = 1;
}
