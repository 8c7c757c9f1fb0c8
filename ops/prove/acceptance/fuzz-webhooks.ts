/**
 * Sends the cases of webhooks. Each is answered 200 only if its signature is right and its event
 * can be read; what a payment becomes is only what a signed event of its provider claims.
 */
import { get } from '../../testing/checkout-client.js';
import { claimOf, Expected } from './fuzz-claims.js';
import { type EventCase, eventCase, type Secrets, type Target } from './fuzz-events.js';
import { isBusy, jsonOf, wrongAnswer } from './fuzz-judge.js';
import { parsed } from './fuzz-meaning.js';
import { read, write } from './fuzz-message.js';
import { Random } from './fuzz-random.js';
import type { FuzzRun } from './fuzz-run.js';
import { isAnswer, type WireAnswer, WireClient } from './fuzz-wire.js';
import { rawAnswersOf } from './raw-answers.js';

/** Cases of webhooks are numbered from here, so that a number names one case of a run. */
export const WEBHOOK_CASES_FROM = 10_000_000;
const ANSWER_MS_MAX = 20_000;
/** So many payments are in use at a time; a later case is about later ones. */
const WINDOW = 12;
const EVENT_ID = /^[A-Za-z0-9_.:-]{1,255}$/;

export class WebhookFuzzer {
  readonly #run: FuzzRun;
  readonly #targets: readonly Target[];
  readonly #byId: ReadonlyMap<string, Target>;
  readonly #expected: ReadonlyMap<string, Expected>;
  readonly #secrets: Secrets;
  readonly #count: number;
  readonly counts = { stored: 0, repeated: 0, refused: 0, busy: 0 };

  /** @param count of cases, over which the targets are spread */
  constructor(run: FuzzRun, targets: readonly Target[], secrets: Secrets, count: number) {
    this.#run = run;
    this.#targets = new Random(run.seed, WEBHOOK_CASES_FROM - 1).shuffled(targets);
    this.#byId = new Map(targets.map((target) => [target.id, target]));
    this.#expected = new Map(targets.map((target) => [target.id, new Expected(target)]));
    this.#secrets = secrets;
    this.#count = count;
  }

  /** @returns what handles the cases of one connection */
  worker(): (n: number) => Promise<void> {
    const client = new WireClient(this.#run.port);
    return async (n) => {
      const random = new Random(this.#run.seed, n);
      const event = eventCase(random, n, this.#window(n), this.#secrets);
      const bytes = bytesOf(event);
      this.#run.sends(n, bytes);
      const wrong = await this.#one(client, event, bytes, random.chance(3));
      if (wrong !== undefined) this.#run.found(n, wrong);
    };
  }

  /** @returns the payments that are not what their provider said */
  async wrongPayments(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [id, expected] of this.#expected) {
      const { status, body } = await get(this.#run.system.endpoints.api, id);
      const problem =
        status === 200 ? expected.wrong(jsonOf(Buffer.from(body))) : `${id}: ${status}`;
      if (problem !== undefined) wrong.push(problem);
    }
    return wrong;
  }

  #window(n: number): readonly Target[] {
    const last = Math.max(0, this.#targets.length - WINDOW);
    const from = Math.floor(((n - WEBHOOK_CASES_FROM) / this.#count) * last);
    return this.#targets.slice(from, from + WINDOW);
  }

  async #one(
    client: WireClient,
    event: EventCase,
    bytes: Buffer,
    isRepeated: boolean,
  ): Promise<string | undefined> {
    const raw = rawAnswersOf({ bytes, cuts: [] });
    // Before it is sent: the payment may have moved by the time that the answer is here.
    const found = event.isSigned ? claimOf(event.provider, event.body, this.#byId) : undefined;
    if (found) this.#expected.get(found.target.id)!.add(found.claim, false);
    const result = await client.exchange([bytes], { msMax: ANSWER_MS_MAX });
    const wrong = wrongAnswer(read(bytes), result, raw);
    if (wrong !== undefined || !isAnswer(result)) return wrong;
    if (result.status === 200 && found && event.isPlain)
      this.#expected.get(found.target.id)!.add(found.claim, true);
    if (isBusy(result)) this.counts.busy++;
    else if (result.status === 200) this.counts.stored++;
    else this.counts.refused++;
    const problem = wrongStatus(event, result);
    if (problem !== undefined || result.status !== 200 || !isRepeated) return problem;
    const again = await client.exchange([bytes], { msMax: ANSWER_MS_MAX });
    this.counts.repeated++;
    return isAnswer(again) && (again.status === 200 || isBusy(again))
      ? undefined
      : 'the same event again was not answered 200';
  }
}

function wrongStatus(event: EventCase, { status, body }: WireAnswer): string | undefined {
  const id = (parsed(event.body) as { id?: unknown } | null | undefined)?.id;
  const isReadable = typeof id === 'string' && EVENT_ID.test(id);
  const code = jsonOf(body)?.['code'];
  if (status === 200)
    return event.isSigned && isReadable ? undefined : '200 for an event that must be refused';
  if (!event.isSigned) return status === 401 || status === 413 ? undefined : `${status} unsigned`;
  if (event.isPlain && status !== 503) return `${status} ${code} for a plain event`;
  if (isReadable && status === 401) return `${status} ${code} for a signed event`;
  return undefined;
}

function bytesOf({ path, provider, body, signature }: EventCase): Buffer {
  return write({
    ...{ method: 'POST', target: path, version: 'HTTP/1.1', body },
    headers: [
      ['Host', 'fuzz'],
      ['Content-Type', 'application/json'],
      [provider === 'stripe' ? 'Stripe-Signature' : 'X-PSP-Signature', signature],
      ['Content-Length', `${body.length}`],
    ],
  });
}
