/**
 * The records at Cloudflare, through its own SDK: read, planned, and written only when asked
 * to, all changes in one batch. The token is never printed, also not in an error.
 */
import Cloudflare from 'cloudflare';
import {
  type Changes,
  changesTo,
  lineOf,
  type PresentRecord,
  type Settings,
  type WantedRecord,
} from './plan.js';

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
    for await (const response of this.#client.dns.records.list({ zone_id: this.#zone, name }))
      present.push(response as PresentRecord);
    return changesTo(wanted, present, await this.#settings());
  }

  /**
   * The settings first, so that no request goes a way that is not protected; then removes, changes
   * and creates records in one transaction.
   */
  async apply(changes: Changes): Promise<void> {
    const zone = { zone_id: this.#zone };
    for (const { name, to } of changes.settings) {
      if (name === 'origin_pulls')
        await this.#client.originTLSClientAuth.settings.update({ ...zone, enabled: true });
      else await this.#client.zones.settings.edit(name, { ...zone, value: to as never });
    }
    if (changes.remove.length + changes.change.length + changes.create.length > 0) {
      await this.#client.dns.records.batch({
        ...zone,
        deletes: changes.remove.map(({ id }) => ({ id })),
        patches: changes.change.map(({ id, to }) => ({ id, ...to })),
        posts: changes.create.map((record) => ({ ...record })),
      });
    }
  }

  async #settings(): Promise<Settings> {
    const zone = { zone_id: this.#zone };
    const setTo = async (name: 'ssl' | 'min_tls_version'): Promise<string> => {
      const setting = await this.#client.zones.settings.get(name, zone);
      return `${(setting as { value?: unknown }).value}`;
    };
    const pulls = await this.#client.originTLSClientAuth.settings.get(zone);
    return {
      ssl: await setTo('ssl'),
      min_tls_version: await setTo('min_tls_version'),
      origin_pulls: pulls.enabled === true ? 'on' : 'off',
    };
  }
}

export function isNothing({ settings, create, change, remove }: Changes): boolean {
  return settings.length + create.length + change.length + remove.length === 0;
}

export function describe(changes: Changes): string[] {
  return [
    ...changes.settings.map((setting) => `~ ${setting.name}: ${setting.from} -> ${setting.to}`),
    ...changes.remove.map((record) => `- ${record.type} ${record.content}`),
    ...changes.change.map((entry) => `~ ${lineOf(entry.to)}`),
    ...changes.create.map((record) => `+ ${lineOf(record)}`),
  ];
}
