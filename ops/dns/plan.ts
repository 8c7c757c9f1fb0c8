/**
 * What Cloudflare should say about the public name, and what must change for it to say so.
 * Only address records of that one name are looked at; every other record is left alone.
 */
import { isIP } from 'node:net';

/** Cloudflare chooses the time to live of a proxied record itself; 1 asks for that. */
const TTL_AUTOMATIC = 1;

export interface WantedRecord {
  readonly type: 'A' | 'AAAA';
  readonly name: string;
  readonly content: string;
  readonly proxied: true;
  readonly ttl: typeof TTL_AUTOMATIC;
}

export interface PresentRecord {
  readonly id: string;
  readonly type: string;
  readonly content?: string;
  readonly proxied?: boolean;
}

export interface Changes {
  readonly create: readonly WantedRecord[];
  readonly change: readonly { readonly id: string; readonly to: WantedRecord }[];
  readonly remove: readonly PresentRecord[];
}

/** @throws when a name or an address is none */
export function wantedRecords(name: string, addresses: readonly string[]): WantedRecord[] {
  if (!/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/.test(name))
    throw new Error(`TOLLGATE_DNS_NAME: "${name}" is no host name`);
  return [...new Set(addresses)].map((content) => {
    const family = isIP(content);
    if (family === 0) throw new Error(`TOLLGATE_DNS_ADDRESSES: "${content}" is no address`);
    return { type: family === 4 ? 'A' : 'AAAA', name, content, proxied: true, ttl: TTL_AUTOMATIC };
  });
}

export function changesTo(
  wanted: readonly WantedRecord[],
  present: readonly PresentRecord[],
): Changes {
  const addresses = present.filter((it) => ['A', 'AAAA', 'CNAME'].includes(it.type));
  const of = (it: WantedRecord): PresentRecord | undefined =>
    addresses.find((there) => there.type === it.type && there.content === it.content);
  const change = wanted.flatMap((to) => {
    const there = of(to);
    return there && there.proxied !== true ? [{ id: there.id, to }] : [];
  });
  const kept = new Set(wanted.map((it) => of(it)?.id));
  return {
    create: wanted.filter((it) => !of(it)),
    change,
    remove: addresses.filter((it) => !kept.has(it.id)),
  };
}

/** One line a record: as a zone file has it, with what a zone file has no word for behind it. */
export function lineOf(it: WantedRecord): string {
  return `${it.name}. ${it.type} ${it.content} ; proxied`;
}
