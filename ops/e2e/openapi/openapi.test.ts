import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { childEnvironment, stackConfig } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { type EngineProcess, startEngineProcess } from '../../testing/engine-process.js';

const SEED = 15;
const EXAMPLES = 25;

describe('/openapi.json', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-openapi-'));
  let engine: EngineProcess;
  before(async () => {
    engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_CDC: 'off',
      TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: 'a-secret-for-this-test',
    });
  });
  after(async () => {
    await engine.stop();
    rmSync(dir, { recursive: true });
  });

  it('should agree with the engine in all that schemathesis tries', async (t) => {
    const command = join(stackConfig().cacheDir, 'schemathesis', 'bin', 'schemathesis');
    assert.ok(existsSync(command), `${command} is missing: make setup, with Python 3.11 or newer`);
    const child = spawn(
      command,
      [
        ...['run', `${engine.admin}/openapi.json`, '--url', engine.api],
        ...['--seed', `${SEED}`, '--max-examples', `${EXAMPLES}`],
        ...['--checks', 'all', '--generation-database', 'none', '--no-color'],
      ],
      {
        cwd: dir,
        env: childEnvironment({ SCHEMATHESIS_HOOKS: packageFile('ops/e2e/openapi/relations.py') }),
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (output += chunk));
    const [code] = (await once(child, 'exit')) as [number | null];
    t.diagnostic(output.split('\n').slice(-12).join('\n'));
    assert.equal(code, 0, output);
  });
});
