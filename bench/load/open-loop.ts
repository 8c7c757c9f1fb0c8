/**
 * An open loop: requests are due at a constant rate whether or not answers come back, and latency
 * counts from the moment each was due, also when no connection was free to send it. So a server
 * that stalls is charged for everything it held up (coordinated omission is corrected by
 * construction). Bounded: one request a connection.
 */
import { build, type Histogram } from 'hdr-histogram-js';
import { isTerminal, type PaymentStatusName } from '../../engine/domain/payment.js';
import { connectionProblem } from '../../ops/client/client-errors.js';
import { type Answer, HttpConnection, type Target } from './http-connection.js';
import { startTicker } from './ticker.js';

const MICROS_MAX = 120_000_000;
const TICK_MS_MIN = 0.2;
const TICK_MS_MAX = 1;
const POLL_AFTER_MS = 2_000;
/** After the last request was due, as long as all of it was to take and this much more. */
const GRACE_MS = 10_000;
const POLLS_MAX = 30;
const STATUS = /"status":"(\w+)"/;

export interface OpenLoopPlan {
  readonly target: Target;
  readonly ratePerSecond: number;
  readonly seconds: number;
  /** At the beginning, sent but not recorded. */
  readonly warmUpSeconds: number;
  readonly connections: number;
  readonly requestOf: (n: number) => string;
  /** The status that counts as an answer; 0: any of 2xx and 304. */
  readonly expected: number;
  /** What is read every 2 s until the body says a terminal status, for each answered request. */
  readonly pollOf: ((n: number) => string) | undefined;
  readonly onSecond?: (sent: number, answered: number) => void;
}

export interface Recorded {
  readonly histogram: Histogram;
  /** Sent after due, of the client itself or for want of a free connection. */
  readonly late: Histogram;
  readonly failures: Record<string, number>;
  /** Terminal statuses that were read. */
  readonly outcomes: Record<string, number>;
  readonly perSecond: number;
}

interface Poll {
  readonly n: number;
  readonly dueAt: number;
  readonly polls: number;
}

export class OpenLoop {
  readonly #plan: OpenLoopPlan;
  readonly #free: HttpConnection[] = [];
  readonly #all: HttpConnection[];
  readonly #posts = recorded();
  readonly #reads = recorded();
  readonly #polls: Poll[] = [];
  readonly #total: number;
  readonly #warmUp: number;
  #pollHead = 0;
  #start = 0;
  #next = 0;
  #inFlight = 0;
  #answered = 0;
  #done: () => void = () => {};

  constructor(plan: OpenLoopPlan) {
    this.#plan = plan;
    this.#warmUp = Math.round(plan.ratePerSecond * plan.warmUpSeconds);
    this.#total = this.#warmUp + Math.round(plan.ratePerSecond * plan.seconds);
    this.#all = Array.from({ length: plan.connections }, () => this.#open());
  }

  /** @returns what was recorded of the requests, and of the reads that followed */
  async run(): Promise<{ posts: Recorded; reads: Recorded }> {
    const { ratePerSecond, onSecond } = this.#plan;
    const finished = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    await this.#untilConnected();
    const tickMs = Math.min(TICK_MS_MAX, Math.max(TICK_MS_MIN, 250 / ratePerSecond));
    this.#start = performance.now();
    const progress = setInterval(() => onSecond?.(this.#next, this.#answered), 1_000);
    const ticker = startTicker(
      tickMs,
      () => this.#dispatch(),
      () => this.#free.length > 0 && this.#isDue(performance.now()),
    );
    this.#dispatch();
    await finished;
    ticker.stop();
    clearInterval(progress);
    for (const connection of this.#all) connection.close();
    const from = this.#dueAt(this.#warmUp);
    const reads = summed(this.#reads, from + POLL_AFTER_MS);
    return { posts: summed(this.#posts, from), reads };
  }

  #open(): HttpConnection {
    return new HttpConnection(this.#plan.target, (connection) => {
      this.#free.push(connection);
      if (this.#start > 0) this.#dispatch();
    });
  }

  async #untilConnected(): Promise<void> {
    const giveUpAt = Date.now() + 10_000;
    while (this.#free.length < this.#all.length && Date.now() < giveUpAt && !this.#isRefused())
      await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.#free.length > 0) return;
    const { host, port, isTls } = this.#plan.target;
    const code = this.#all.find((connection) => connection.problem !== '')?.problem ?? 'ETIMEDOUT';
    const error = Object.assign(new Error(code), { code });
    const url = `${isTls ? 'https' : 'http'}://${host}:${port}`;
    throw connectionProblem(error, 'API', url, '--url, TOLLGATE_API_PORT');
  }

  /** No connection is open, and each attempt failed with an error that a retry does not cure. */
  #isRefused(): boolean {
    const isLost = this.#all.every(({ problem }) => problem !== '' && problem !== 'closed');
    return this.#free.length === 0 && isLost;
  }

  #dueAt(n: number): number {
    return this.#start + (n * 1_000) / this.#plan.ratePerSecond;
  }

  #isDue(now: number): boolean {
    return (this.#next < this.#total && this.#dueAt(this.#next) <= now) || this.#isPollDue(now);
  }

  #isPollDue(now: number): boolean {
    const poll = this.#polls[this.#pollHead];
    return poll !== undefined && poll.dueAt <= now;
  }

  /** Sends what is due while a connection is free. */
  #dispatch(): void {
    const now = performance.now();
    if (now > this.#dueAt(this.#total) + this.#graceMs) this.#giveUp();
    while (this.#hasFree()) {
      if (this.#next < this.#total && this.#dueAt(this.#next) <= now) this.#sendPost(now);
      else if (this.#isPollDue(now)) this.#sendPoll(now);
      else break;
    }
    const isOver = this.#next === this.#total && this.#pollHead === this.#polls.length;
    if (isOver && this.#inFlight === 0) this.#done();
  }

  /** A server that carries far less than the rate, or holds an answer back, is not waited for. */
  #giveUp(): void {
    const left = this.#total - this.#next;
    if (left > 0) this.#posts.failures['never sent'] = left;
    this.#next = this.#total;
    this.#pollHead = this.#polls.length;
    for (const connection of this.#all) connection.close();
  }

  get #graceMs(): number {
    return (this.#plan.seconds + this.#plan.warmUpSeconds) * 1_000 + GRACE_MS;
  }

  /** Forgets those that were closed meanwhile: each comes back when it is connected again. */
  #hasFree(): boolean {
    while (this.#free.length > 0 && !this.#free.at(-1)!.isConnected) this.#free.pop()!.withdraw();
    return this.#free.length > 0;
  }

  #sendPost(now: number): void {
    const n = this.#next++;
    const dueAt = this.#dueAt(n);
    const isRecorded = n >= this.#warmUp;
    this.#send(this.#plan.requestOf(n), (answer) => {
      const isGood = this.#isExpected(answer);
      if (isRecorded) record(this.#posts, answer, isGood, dueAt, now);
      if (isGood && this.#plan.pollOf) this.#pollLater(n, 0);
    });
  }

  #sendPoll(now: number): void {
    const { n, dueAt, polls } = this.#polls[this.#pollHead]!;
    this.#pollHead++;
    this.#send(this.#plan.pollOf!(n), (answer) => {
      if (n >= this.#warmUp) record(this.#reads, answer, answer.status === 200, dueAt, now);
      const status = STATUS.exec(answer.body.slice(0, 300))?.[1] as PaymentStatusName | undefined;
      if (status !== undefined && isTerminal(status)) count(this.#reads.outcomes, status);
      else if (polls < POLLS_MAX) this.#pollLater(n, polls + 1);
      else count(this.#reads.failures, 'never terminal');
    });
  }

  #pollLater(n: number, polls: number): void {
    this.#polls.push({ n, dueAt: performance.now() + POLL_AFTER_MS, polls });
  }

  #send(request: string, onAnswer: (answer: Answer) => void): void {
    this.#inFlight++;
    this.#free.pop()!.send(request, (answer) => {
      this.#inFlight--;
      this.#answered++;
      onAnswer(answer);
      if (this.#inFlight === 0) this.#dispatch();
    });
  }

  #isExpected({ status }: Answer): boolean {
    const { expected } = this.#plan;
    return expected === 0 ? (status >= 200 && status < 300) || status === 304 : status === expected;
  }
}

type Recording = Omit<Recorded, 'perSecond'> & { lastAt: number };

function recorded(): Recording {
  const histogram = (): Histogram => build({ highestTrackableValue: MICROS_MAX });
  return { histogram: histogram(), late: histogram(), failures: {}, outcomes: {}, lastAt: 0 };
}

function record(
  to: Recording,
  answer: Answer,
  isGood: boolean,
  dueAt: number,
  sentAt: number,
): void {
  if (!isGood) {
    const code = /"code":"(\w+)"/.exec(answer.body)?.[1];
    count(to.failures, answer.problem || [answer.status, code].filter((text) => text).join(' '));
    return;
  }
  to.lastAt = performance.now();
  const micros = Math.round((to.lastAt - dueAt) * 1_000);
  to.histogram.recordValue(Math.min(MICROS_MAX, Math.max(1, micros)));
  to.late.recordValue(Math.min(MICROS_MAX, Math.max(1, Math.round((sentAt - dueAt) * 1_000))));
}

function count(to: Record<string, number>, name: string): void {
  to[name] = (to[name] ?? 0) + 1;
}

/** @param from when the first that is recorded was due */
function summed({ lastAt, ...entry }: Recording, from: number): Recorded {
  const seconds = (lastAt - from) / 1_000;
  return { ...entry, perSecond: seconds > 0 ? entry.histogram.totalCount / seconds : 0 };
}
