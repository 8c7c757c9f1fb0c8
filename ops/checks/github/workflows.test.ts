/** The workflows: least rights, an end in time, pinned actions, and only commands that exist. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { packageFile, packageRoot } from '../../../engine/util/paths.js';

const FOLDER = '.github/workflows';
const ACTIONLINT = '.cache/actionlint/actionlint';
const TIMEOUT_MINUTES_MAX = 120;
/** An action by the digest of a commit, with the version that it is beside it for people. */
const PINNED = /^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Record<string, unknown>;
}

interface Job {
  readonly permissions?: Record<string, string>;
  readonly 'timeout-minutes'?: number;
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly permissions?: Record<string, string>;
  readonly concurrency?: { readonly group: string };
  readonly jobs: Record<string, Job>;
}

const workflows = readdirSync(packageFile(FOLDER)).map((name) => {
  const text = readFileSync(packageFile(`${FOLDER}/${name}`), 'utf8');
  const workflow = parse(text) as Workflow;
  return { name, text, workflow, jobs: Object.entries(workflow.jobs) };
});

function makeTargets(): Set<string> {
  const makefile = readFileSync(packageFile('Makefile'), 'utf8');
  return new Set([...makefile.matchAll(/^([a-z][a-z-]*):(?!=)/gm)].map((match) => match[1]!));
}

describe('the workflows', () => {
  it('are the four that CONTRIBUTING.md explains', () => {
    const names = ['bench-nightly.yml', 'check.yml', 'full.yml', 'unit.yml'];
    assert.deepEqual(workflows.map((file) => file.name).sort(), names);
    const guide = readFileSync(packageFile('CONTRIBUTING.md'), 'utf8');
    for (const name of names) assert.ok(guide.includes(`\`${name}\``), `${name} is not explained`);
  });

  for (const { name, text, workflow, jobs } of workflows) {
    it(`let ${name} read the repository and nothing more`, () => {
      assert.deepEqual(workflow.permissions, { contents: 'read' });
      for (const [job, { permissions }] of jobs)
        assert.equal(permissions, undefined, `job ${job} asks for more`);
      assert.doesNotMatch(text, /pull_request_target|secrets\./);
    });

    it(`end each job of ${name} in time, and one run at a time for each branch`, () => {
      assert.ok(jobs.length > 0);
      for (const [name, job] of jobs) {
        const minutes = job['timeout-minutes'];
        assert.ok(minutes !== undefined && minutes <= TIMEOUT_MINUTES_MAX, `${name}: ${minutes}`);
      }
      assert.match(workflow.concurrency?.group ?? '', /github\.ref/);
    });

    it(`pin each action of ${name} by a digest, and keep no token on the disk`, () => {
      const uses = [...text.matchAll(/^ *(?:- )?uses: (.+)$/gm)].map((match) => match[1]!);
      assert.ok(uses.length > 0);
      for (const action of uses) assert.match(action, PINNED);
      const steps = jobs.flatMap(([, job]) => job.steps);
      for (const step of steps.filter((step) => step.uses?.startsWith('actions/checkout@')))
        assert.equal(step.with?.['persist-credentials'], false);
    });

    it(`take Node for ${name} from .nvmrc`, () => {
      const steps = jobs.flatMap(([, job]) => job.steps);
      const node = steps.find((step) => step.uses?.startsWith('actions/setup-node@'));
      assert.equal(node?.with?.['node-version-file'], '.nvmrc');
    });

    it(`run in ${name} only targets that the Makefile has`, () => {
      const targets = makeTargets();
      const commands = jobs.flatMap(([, job]) => job.steps.flatMap((step) => step.run ?? []));
      assert.ok(commands.length > 0);
      for (const command of commands) {
        const target = /^make ([a-z-]+)( [A-Z]+=[\w.]+)*$/.exec(command.trim())?.[1];
        assert.ok(target !== undefined && targets.has(target), `${name} runs: ${command}`);
      }
    });
  }

  it('pass actionlint', (context) => {
    if (!existsSync(packageFile(ACTIONLINT))) {
      assert.ok(
        !process.env['GITHUB_ACTIONS'],
        'actionlint is missing: install Go, then run make setup',
      );
      return context.skip('actionlint is missing: install Go, then run make setup');
    }
    // Without the linters of shell and Python that a machine may have or not.
    const options = ['-no-color', '-shellcheck=', '-pyflakes='];
    const files = workflows.map((file) => `${FOLDER}/${file.name}`);
    const run = spawnSync(packageFile(ACTIONLINT), [...options, ...files], {
      cwd: packageRoot,
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stdout + run.stderr);
  });
});
