/** The deployment, made offline: the template, what cfn-lint says, the diagram, the DNS records. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { diagramOf, hostsOf, STEPS } from '../../deploy/aws/diagram.js';
import { synthesise } from '../../deploy/aws/synth.js';
import type { Proof, Stage } from '../../testing/proof.js';

const NAME = 'pay.example.com';
const ADDRESSES = ['198.51.100.1', '198.51.100.2'];
/** Nobody answers there: whatever would call out fails. */
const NOWHERE = 'http://127.0.0.1:9';

export const infrastructure: Proof = {
  name: 'infrastructure',
  shows: 'the deployment synthesises offline, without findings, as drawn; DNS prints its records',
  async run(stage: Stage) {
    const since = Date.now();
    const { template, lint, remove } = synthesise();
    try {
      const seconds = ((Date.now() - since) / 1_000).toFixed(1);
      stage.figure('resources / seconds', `${Object.keys(template.Resources).length} / ${seconds}`);
      const findings = lint();
      stage.figure('findings of cfn-lint', findings === '' ? 0 : findings.split('\n').length);
      stage.must(findings === '', findings.split('\n')[0] ?? '');
      const there = hostsOf(template);
      const { hosts, told, drawn } = diagramOf();
      stage.figure('hosts', [...there].map(([name, count]) => `${count} ${name}`).join(', '));
      const differing = [...new Set([...hosts.keys(), ...there.keys()])].filter(
        (text) => hosts.get(text) !== there.get(text),
      );
      stage.must(differing.length === 0, `the diagram differs from the template in ${differing}`);
      stage.figure('steps told / drawn', `${told.length} / ${drawn.size}`);
      stage.must(told.length === STEPS && drawn.size === STEPS, 'the diagram misses steps');
    } finally {
      remove();
    }
    await dryRun(stage);
  },
};

async function dryRun(stage: Stage): Promise<void> {
  const env = childEnvironment({
    TOLLGATE_DNS_NAME: NAME,
    TOLLGATE_DNS_ADDRESSES: ADDRESSES.join(','),
    TOLLGATE_CLOUDFLARE_URL: NOWHERE,
    TOLLGATE_CLOUDFLARE_TOKEN: '',
    TOLLGATE_CLOUDFLARE_TOKEN_FILE: '',
  });
  const script = packageFile('dist/ops/deploy/dns/main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  const records = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  for (const record of records) stage.figure('record', record);
  const exact = ADDRESSES.map((address) => `${NAME}. A ${address} ; proxied`);
  stage.must(records.join('\n') === exact.join('\n'), 'the records are not the exact ones');
}
