/**
 * Machines that are not like ours: a user without a row in passwd, a checkout in a folder with a blank, another Node,
 * no network, and npm settings that leave out what the build needs. Each works, or is refused at once with a
 * sentence that says what to do. None prints a stack.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile, packageRoot } from '../../../engine/util/paths.js';
import { type Run, run } from '../../testing/client-fixture.js';
import type { Proof, Stage } from '../../testing/proof.js';

const NO_ROW = '65501';
/** Nothing listens there: the registry of a machine without network. */
const NO_REGISTRY = 'http://127.0.0.1:9';
const REFUSED_MS_MAX = 15_000;
const SETUP_FILES = ['package.json', 'package-lock.json', '.nvmrc', 'ops/setup'];
const STACK = /^\s+at .*:\d+:\d+\)?$/m;

interface Case {
  readonly what: string;
  readonly run: (folder: string) => Promise<Run>;
  readonly code: number;
  readonly says: RegExp;
  /** Only root may become another user. */
  readonly needsRoot?: true;
}

export const oddMachines: Proof = {
  name: 'odd-machines',
  shows: 'a machine that is not like ours works, or is refused at once with what to do',
  async run(stage: Stage) {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-odd-'));
    chmodSync(folder, 0o755);
    try {
      const isRoot = process.getuid?.() === 0;
      for (const testCase of CASES.filter((entry) => isRoot || !entry.needsRoot)) {
        const { code, output, ms } = await testCase.run(folder);
        const isRight = code === testCase.code && testCase.says.test(output) && !STACK.test(output);
        stage.must(
          isRight,
          `${testCase.what}: ${code}, not ${testCase.code} and ${testCase.says}:\n${output}`,
        );
        stage.must(code === 0 || ms < REFUSED_MS_MAX, `${testCase.what}: refused after ${ms} ms`);
        stage.figure(testCase.what, code === 0 ? 'works' : 'refused');
      }
      if (!stage.isShort) await productionEnvironment(stage, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

const CASES: readonly Case[] = [
  ...['--help', 'plan --rate 1000', 'reconcile --help'].map((command) => ({
    what: `tollgate ${command}, user without a row in passwd`,
    run: () => asNobodyKnown(command),
    code: 0,
    says: /\S/,
    needsRoot: true as const,
  })),
  {
    what: 'a wrong setting, user without a row in passwd',
    run: () => asNobodyKnown('engine', { TOLLGATE_API_PORT: 'x' }),
    code: 2,
    says: /TOLLGATE_API_PORT/,
    needsRoot: true,
  },
  {
    what: 'a checkout in a folder with a blank',
    run: (folder) => setUp(join(folder, 'a checkout')),
    code: 1,
    says: /the path of this checkout has a blank.*move it to a plain path/,
  },
  {
    what: 'Node 20.10, and no network for another one',
    run: (folder) => setUp(join(folder, 'old-node'), withNode(folder, 'v20.10.0')),
    code: 1,
    says: /cannot be fetched from http:\/\/127.0.0.1:9.*install Node 20\.\d+/,
  },
  {
    what: 'no network',
    run: (folder) => setUp(join(folder, 'no-network')),
    code: 1,
    says: /the npm registry does not answer within 5 s: connect this machine/,
  },
];

function asNobodyKnown(command: string, settings: Record<string, string> = {}): Promise<Run> {
  const identity = ['--reuid', NO_ROW, '--regid', NO_ROW, '--clear-groups'];
  const cli = [process.execPath, packageFile('ops/cli/tollgate.mjs'), ...command.split(' ')];
  return run('setpriv', [...identity, ...cli], { HOME: '/nonexistent', ...settings });
}

/** Set-up in a checkout of its own, before npm has installed anything. */
function setUp(checkout: string, environment: Record<string, string> = {}): Promise<Run> {
  copyCheckout(checkout, SETUP_FILES);
  const settings = { npm_config_registry: NO_REGISTRY, npm_config_cache: join(checkout, 'cache') };
  return run('bash', [join(checkout, 'ops/setup/setup.sh')], { ...settings, ...environment });
}

function copyCheckout(checkout: string, files: readonly string[]): void {
  mkdirSync(checkout, { recursive: true });
  for (const file of files) cpSync(packageFile(file), join(checkout, file), { recursive: true });
}

function withNode(folder: string, version: string): Record<string, string> {
  const bin = join(folder, version);
  mkdirSync(bin);
  writeFileSync(join(bin, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  return { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` };
}

/** Whole set-up, from nothing, in an environment that asks for less than the build needs. */
async function productionEnvironment(stage: Stage, folder: string): Promise<void> {
  const checkout = join(folder, 'production');
  mkdirSync(checkout);
  const copied = await run('git', ['clone', '--quiet', packageRoot, checkout]);
  stage.must(copied.code === 0, copied.output);
  const asked = {
    NODE_ENV: 'production',
    npm_config_ignore_scripts: 'true',
    npm_config_omit: 'dev',
  };
  const { code, output, ms } = await run('make', ['-C', checkout, 'setup'], asked);
  stage.must(code === 0, `make setup ended with ${code}: ${output}`);
  stage.must(existsSync(join(checkout, 'dist/ops/cli/main.js')), 'nothing was built');
  stage.figure('make setup with NODE_ENV=production, ignore-scripts, omit', `${ms / 1_000} s`);
}
