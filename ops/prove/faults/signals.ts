/**
 * Signals that tell the truth: each dependency frozen, stopped, full, read-only or locked, and
 * what /readyz, the metrics, the alerts, doctor and the logs say of it within 15 s; then how soon
 * all of them are green again. Payments go on meanwhile and are audited at the end.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditAll } from '../../testing/audit.js';
import { get, post } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { SmallVolume } from '../../testing/small-volume.js';
import { LocalSystem, until } from '../../testing/system.js';
import { firing, gaugeRules } from '../infrastructure/alert-rules.js';
import {
  engineFull,
  kafkaFrozen,
  kafkaFull,
  OUTAGES,
  type Outage,
  postgresFull,
  postgresLocked,
} from './outages.js';
import { LogReader, read, runDoctor, type State } from './signals-state.js';

const SAID_MS_MAX = 15_000;
const GREEN_MS_MAX = 30_000;
const LOOK_MS = 250;
const ENDED_MS_MAX = 90_000;
const OURS = new Set(['engine', 'processor']);
const FEED_EVERY_MS = 200;
/** Longer than a supervisor that waits for /readyz would wait. */
const FULL_MS = 65_000;

interface Volumes {
  readonly root: string;
  readonly engine: SmallVolume | undefined;
  readonly kafka: SmallVolume | undefined;
  readonly payments: SmallVolume | undefined;
}

export const signals: Proof = {
  name: 'signals',
  shows:
    'dependencies frozen, stopped, full, read-only, locked: every signal says so within 15 s and is green again after',
  async run(stage: Stage) {
    const volumes = mountVolumes(stage);
    const { engine, kafka, payments } = volumes;
    const system = await LocalSystem.start({
      ownServers: true,
      settings: {
        ...(stage.isShort ? { TOLLGATE_DEPENDENCY_LOST_AFTER_MS: '5000' } : {}),
        ...(engine ? { TOLLGATE_DATA_DIR: engine.dir, TOLLGATE_DISK_FREE_MIN_MB: '128' } : {}),
      },
      prepare: (home) => {
        mkdirSync(join(home, 'data'));
        if (kafka) symlinkSync(kafka.dir, join(home, 'data', 'own-kafka'));
      },
    });
    try {
      const shown = new Shown(stage, system);
      await shown.start();
      if (stage.isShort) await shown.show([kafkaFrozen, postgresLocked()]);
      else for (const outage of OUTAGES) await shown.show([outage]);
      if (engine) await shown.show([engineFull(engine)]);
      if (engine && !stage.isShort) await livesOnFullDisk(stage, system, engine);
      if (payments) await shown.show([postgresFull(payments)]);
      if (kafka) await shown.show([kafkaFull(kafka)]);
      await until('all payments have ended', ENDED_MS_MAX, () => shown.allSucceeded());
      await auditAll(stage, system, shown.accepted, { allowRepeats: true });
    } finally {
      await system.stop();
      for (const volume of [engine, kafka, payments]) volume?.unmount();
      rmSync(volumes.root, { recursive: true, force: true });
    }
  },
};

/** In the short form none: their outages take too long. */
function mountVolumes(stage: Stage): Volumes {
  const root = mkdtempSync(join(tmpdir(), 'tollgate-volumes-'));
  // Postgres runs as another user.
  chmodSync(root, 0o755);
  const mount = (name: string, megabytes: number): SmallVolume | undefined =>
    stage.isShort ? undefined : SmallVolume.mount(join(root, name), megabytes);
  const volumes = {
    root,
    engine: mount('engine', 384),
    kafka: mount('kafka', 256),
    payments: mount('payments', 32),
  };
  if (!stage.isShort && volumes.engine === undefined)
    stage.figure('full volumes', 'left out: mounting tmpfs takes root');
  return volumes;
}

class Shown {
  readonly accepted: string[] = [];
  readonly #ended = new Set<string>();
  readonly #stage: Stage;
  readonly #system: LocalSystem;
  readonly #rules = gaugeRules();
  /** Alerts that hold without any outage, as of a disk that is small. */
  #always = new Set<string>();

  constructor(stage: Stage, system: LocalSystem) {
    this.#stage = stage;
    this.#system = system;
  }

  async start(): Promise<void> {
    await this.#becomes('everything is green at the start', GREEN_MS_MAX, (state) => {
      const page = state.pages['tollgate-engine'] ?? '';
      const isConnected = ['cdc', 'status'].every((text) =>
        page.includes(`\n${text}_connected 1\n`),
      );
      return isReady(state) && isConnected;
    });
    this.#always = firing(this.#rules, (await read(this.#system)).pages);
    this.#stage.figure('alerts that are evaluated', this.#rules.length);
  }

  async allSucceeded(): Promise<boolean> {
    for (const id of this.accepted) {
      if (this.#ended.has(id)) continue;
      if (!(await get(this.#system.endpoints.api, id)).body.includes('"status":"succeeded"'))
        return false;
      this.#ended.add(id);
    }
    return true;
  }

  /** The outages happen together. */
  async show(outages: readonly Outage[]): Promise<void> {
    const name = outages.map((outage) => outage.name).join(' + ');
    const stopFeed = outages.every((outage) => outage.isFed) ? this.#feed(name) : undefined;
    try {
      await this.#showNamed(name, outages);
    } finally {
      await stopFeed?.();
    }
    const { bad } = await runDoctor(this.#system.home);
    this.#stage.must(bad.length === 0, `doctor still finds ${bad.join(', ')}`);
  }

  async #showNamed(name: string, outages: readonly Outage[]): Promise<void> {
    const log = new LogReader(this.#system.home);
    const begun = Date.now();
    for (const outage of outages) await outage.begin(this.#system);
    // In the short form at once: then it sees the dependencies, and not yet who has lost them.
    const early = this.#stage.isShort ? runDoctor(this.#system.home) : undefined;
    const state = await this.#becomes(`signals say: ${name}`, SAID_MS_MAX, (entry) =>
      outages.every((outage) => this.#says(entry, outage, log)),
    );
    const saidMs = Date.now() - begun;
    const doctor = await (early ?? runDoctor(this.#system.home));
    const doctorMs = Date.now() - begun;
    const ended = Date.now();
    for (const outage of outages) await outage.end(this.#system);
    const endedMs = Date.now() - ended;
    await this.#becomes(`all is green after ${name}`, GREEN_MS_MAX, (entry) =>
      this.#isGreen(entry, log),
    );
    const greenMs = Date.now() - ended - endedMs;
    const alerts = [...firing(this.#rules, state.pages)].filter((text) => !this.#always.has(text));
    this.#stage.figure(
      name,
      `said after ${seconds(saidMs)}, doctor after ${seconds(doctorMs)}, green ${seconds(greenMs)} after its end`,
    );
    this.#stage.figure(
      '',
      `engine: ${state.engine}; processor: ${state.processor}; alerts: ${alerts.join(' ') || 'none'}; doctor: ${doctor.bad.join(' ')}`,
    );
    this.#judge(outages, doctor.bad, doctorMs, log);
  }

  #judge(
    outages: readonly Outage[],
    bad: readonly string[],
    doctorMs: number,
    log: LogReader,
  ): void {
    const isSeen = (part: string): boolean => !this.#stage.isShort || !OURS.has(part);
    for (const { doctor, name } of outages)
      for (const part of doctor.filter(isSeen))
        this.#stage.must(bad.includes(part), `doctor did not name ${part}: ${name}`);
    this.#stage.must(doctorMs <= SAID_MS_MAX, `doctor had not said it after ${SAID_MS_MAX} ms`);
    const twice = [...log.counts('is lost'), ...log.counts('is back')].find(([, n]) => n > 1);
    this.#stage.must(twice === undefined, `logged more than once: ${twice?.[0]}`);
  }

  #says(state: State, outage: Outage, log: LogReader): boolean {
    const alerts = firing(this.#rules, state.pages);
    const pages = Object.values(state.pages).join('\n');
    return (
      names(state.engine, outage.engine) &&
      names(state.processor, outage.processor) &&
      outage.zero.every((metric) => pages.includes(`\n${metric} 0\n`)) &&
      outage.alerts.every((alert) => alerts.has(alert)) &&
      (outage.log === undefined || log.has(outage.log))
    );
  }

  #isGreen(state: State, log: LogReader): boolean {
    const alerts = [...firing(this.#rules, state.pages)];
    return (
      isReady(state) &&
      alerts.every((alert) => this.#always.has(alert)) &&
      log.counts('is lost').size === log.counts('is back').size
    );
  }

  async #becomes(what: string, msMax: number, holds: (state: State) => boolean): Promise<State> {
    const giveUpAt = Date.now() + msMax;
    for (;;) {
      const state = await read(this.#system);
      if (holds(state)) return state;
      const alerts = [...firing(this.#rules, state.pages)].join(' ');
      this.#stage.must(
        Date.now() < giveUpAt,
        `not within ${seconds(msMax)}: ${what} (engine: ${state.engine}; processor: ${state.processor}; alerts: ${alerts})`,
      );
      await sleep(LOOK_MS);
    }
  }

  /** Posts checkouts until the function that it returns is called. */
  #feed(name: string): () => Promise<void> {
    const posting = new Set<Promise<void>>();
    let count = 0;
    const timer = setInterval(() => {
      const id = `${name.replace(/\W+/g, '-')}-${count++}`;
      const posted = post(this.#system.endpoints.api, id)
        .then(({ status }) => void (status === 202 && this.accepted.push(id)))
        .catch(() => {})
        .finally(() => posting.delete(posted));
      posting.add(posted);
    }, FEED_EVERY_MS);
    return async () => {
      clearInterval(timer);
      await Promise.all(posting);
    };
  }
}

/** An engine that is started again on a full disk is not ready, and it is left alive. */
async function livesOnFullDisk(
  stage: Stage,
  system: LocalSystem,
  volume: SmallVolume,
): Promise<void> {
  volume.fill();
  const before = system.signal('engine', 'SIGKILL');
  await until('the engine runs again', GREEN_MS_MAX, async () => {
    return system.endpoints.pids.engine !== before && (await read(system)).engine === 'disk';
  });
  const pid = system.endpoints.pids.engine;
  await sleep(FULL_MS);
  const { engine } = await read(system);
  stage.must(system.endpoints.pids.engine === pid, 'the supervisor killed an engine that lives');
  stage.must(engine === 'disk', `on a full disk the engine says ${engine}`);
  volume.free();
  await until('the engine is ready', GREEN_MS_MAX, async () => isReady(await read(system)));
  stage.figure('engine killed on a full disk', `one new process, alive for ${seconds(FULL_MS)}`);
}

function isReady(state: State): boolean {
  return state.engine === 'ready' && state.processor === 'ready';
}

/** Of outages that happen together each is named. */
function names(found: string, expected: string): boolean {
  return expected === 'ready' ? found === 'ready' : found.split(', ').includes(expected);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
