/**
 * The records at Cloudflare, through its own SDK: read, planned, and written only when asked
 * to, all changes in one batch. The token is never printed, also not in an error.
 */
import Cloudflare from 'cloudflare';
import { type Changes, changesTo, lineOf, type PresentRecord, type WantedRecord } from './plan.js';

const CALL_MS_MAX = 10_000;
const RETRIES_MAX = 2;

export interface Access {
  readonly zone: string;
  readonly token: string;
  readonly url: string;
}

export class CloudflareDns {
  readonly #client: Cloudflare;
  readonly #zone: string;

  constructor(access: Access) {
    this.#zone = access.zone;
    this.#client = new Cloudflare({
      ...{ apiToken: access.token, apiKey: null, apiEmail: null, userServiceKey: null },
      ...{ baseURL: access.url, timeout: CALL_MS_MAX, maxRetries: RETRIES_MAX, logLevel: 'off' },
    });
  }

  async plan(wanted: readonly WantedRecord[]): Promise<Changes> {
    const present: PresentRecord[] = [];
    const name = { exact: wanted[0]!.name };
    for await (const it of this.#client.dns.records.list({ zone_id: this.#zone, name }))
      present.push(it as PresentRecord);
    return changesTo(wanted, present);
  }

  /** Removes, changes and creates in one transaction; the way to the edge needs our certificate. */
  async apply(changes: Changes): Promise<void> {
    const zone = { zone_id: this.#zone };
    if (!isNothing(changes)) {
      await this.#client.dns.records.batch({
        ...zone,
        deletes: changes.remove.map(({ id }) => ({ id })),
        patches: changes.change.map(({ id, to }) => ({ id, ...to })),
        posts: changes.create.map((it) => ({ ...it })),
      });
    }
    await this.#client.originTLSClientAuth.settings.update({ ...zone, enabled: true });
  }
}

export function isNothing({ create, change, remove }: Changes): boolean {
  return create.length + change.length + remove.length === 0;
}

export function describe(changes: Changes): string[] {
  return [
    ...changes.remove.map((it) => `- ${it.type} ${it.content}`),
    ...changes.change.map((it) => `~ ${lineOf(it.to)}`),
    ...changes.create.map((it) => `+ ${lineOf(it)}`),
  ];
}
