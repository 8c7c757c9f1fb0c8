/**
 * Sends the cases of requests. Each one that is answered 202 is read back at once and sent again:
 * the same meaning, the same bytes. Keeps what was accepted for the audit at the end.
 */
import { CASE_ID, checkoutOf, isBusy, wrongAnswer, wrongFields } from './fuzz-judge.js';
import type { Meaning } from './fuzz-meaning.js';
import { type Message, read } from './fuzz-message.js';
import { Random } from './fuzz-random.js';
import { bytesOfDraft, getOf, postOf, type RequestCase, requestCase } from './fuzz-requests.js';
import type { FuzzRun } from './fuzz-run.js';
import { isAnswer, type WireAnswer, WireClient, type WireResult } from './fuzz-wire.js';
import { rawAnswersOf } from './raw-answers.js';

/** Longer than a loaded engine takes; what is not answered by then hangs. */
const ANSWER_MS_MAX = 20_000;
/** Of a request that the HTTP library may leave unanswered. */
const SILENT_MS_MAX = 100;

export interface Counts {
  accepted: number;
  /** The same again, answered with the same bytes. */
  replayed: number;
  refused: number;
  busy: number;
  /** Answers of the HTTP library. */
  raw: number;
  abandoned: number;
}

export class RequestFuzzer {
  readonly #run: FuzzRun;
  readonly counts: Counts = {
    accepted: 0,
    replayed: 0,
    refused: 0,
    busy: 0,
    raw: 0,
    abandoned: 0,
  };
  /** By checkout id. */
  readonly accepted = new Map<string, Meaning>();

  constructor(run: FuzzRun) {
    this.#run = run;
  }

  /** @returns what handles the cases of one connection */
  worker(): (n: number) => Promise<void> {
    const client = new WireClient(this.#run.port);
    return async (n) => {
      const random = new Random(this.#run.seed, n);
      const request = requestCase(random, `${CASE_ID}${n}`, `${CASE_ID}${random.below(n + 1)}`);
      this.#run.sends(n, request.bytes);
      await this.#one(client, n, request);
    };
  }

  /** Reads every accepted payment once more. @returns the first that is wrong */
  async readAll(): Promise<string | undefined> {
    const client = new WireClient(this.#run.port);
    for (const [id, meaning] of this.accepted) {
      const wrong = await readBack(client, id, meaning);
      if (wrong !== undefined) return wrong;
    }
    client.reset();
    return undefined;
  }

  async #one(client: WireClient, n: number, request: RequestCase): Promise<void> {
    if (request.isAbandoned) {
      this.counts.abandoned++;
      return client.abandon(request.bytes);
    }
    const message = read(request.bytes);
    const raw = rawAnswersOf(request);
    if (raw.size > 0) client.reset();
    const result = await client.exchange(segmentsOf(request), {
      msMax: raw.has('silent') ? SILENT_MS_MAX : ANSWER_MS_MAX,
      isHead: message?.method === 'HEAD',
    });
    if (raw.size > 0) client.reset();
    const wrong = wrongAnswer(message, result, raw);
    if (wrong !== undefined) return this.#run.found(n, wrong);
    this.#count(result);
    if (isAnswer(result) && result.status === 202) await this.#follow(client, n, message, result);
  }

  async #follow(
    client: WireClient,
    n: number,
    message: Message | undefined,
    answer: WireAnswer,
  ): Promise<void> {
    const checkout = checkoutOf(message);
    if (message === undefined || checkout === undefined) return;
    const { id, meaning } = checkout;
    this.accepted.set(id, meaning);
    const wrong =
      (await readBack(client, id, meaning)) ??
      (await this.#repeat(client, id, message.body!, answer));
    if (wrong !== undefined) this.#run.found(n, wrong);
  }

  /** The same body again, in a plain head. */
  async #repeat(
    client: WireClient,
    id: string,
    body: Buffer,
    first: WireAnswer,
  ): Promise<string | undefined> {
    const bytes = bytesOfDraft(postOf(id, body));
    const again = await client.exchange([bytes], { msMax: ANSWER_MS_MAX });
    if (!isAnswer(again)) return `the same again was not answered: ${again}`;
    if (isBusy(again)) return undefined;
    if (again.status !== 202 || !again.body.equals(first.body))
      return `the same again got ${again.status} ${again.body}`;
    this.counts.replayed++;
    return again.headers.get('idempotent-replayed') === 'true'
      ? undefined
      : 'the same again was not marked as a replay';
  }

  #count(result: WireResult): void {
    if (!isAnswer(result)) this.counts.raw++;
    else if (result.status === 202) this.counts.accepted++;
    else if (result.headers.get('content-type') === undefined) this.counts.raw++;
    else if (isBusy(result)) this.counts.busy++;
    else this.counts.refused++;
  }
}

async function readBack(
  client: WireClient,
  id: string,
  meaning: Meaning,
): Promise<string | undefined> {
  const result = await client.exchange([bytesOfDraft(getOf(id))], { msMax: ANSWER_MS_MAX });
  if (!isAnswer(result)) return `the read of ${id} was not answered: ${result}`;
  if (result.status !== 200) return `the read of ${id} got ${result.status} ${result.body}`;
  return wrongFields(result.body, id, meaning);
}

function segmentsOf({ bytes, cuts }: RequestCase): Buffer[] {
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}
