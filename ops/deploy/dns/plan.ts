/**
 * Compares the DNS records and zone settings at Cloudflare with what they should be, and plans the
 * changes. Only address records of the one public name are read and changed. The settings are the
 * zone's: Cloudflare applies them to all its names.
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

/** TLS on both sides of Cloudflare: the value to set, then others that are as strict. */
export const WANTED_SETTINGS = {
  /** Full (strict): Cloudflare verifies the edge's certificate. */
  ssl: ['strict', 'origin_pull'],
  min_tls_version: ['1.2', '1.3'],
  /** Authenticated origin pulls: Cloudflare shows the edge its certificate. */
  origin_pulls: ['on'],
} as const;
export type SettingName = keyof typeof WANTED_SETTINGS;
export type Settings = Readonly<Record<SettingName, string>>;

export interface Changes {
  readonly settings: readonly {
    readonly name: SettingName;
    readonly from: string;
    readonly to: string;
  }[];
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
  settings: Settings,
): Changes {
  const addresses = present.filter((record) => ['A', 'AAAA', 'CNAME'].includes(record.type));
  const of = (record: WantedRecord): PresentRecord | undefined =>
    addresses.find((there) => there.type === record.type && there.content === record.content);
  const change = wanted.flatMap((to) => {
    const there = of(to);
    return there && there.proxied !== true ? [{ id: there.id, to }] : [];
  });
  const kept = new Set(wanted.map((record) => of(record)?.id));
  return {
    settings: settingsToChange(settings),
    create: wanted.filter((record) => !of(record)),
    change,
    remove: addresses.filter((address) => !kept.has(address.id)),
  };
}

function settingsToChange(present: Settings): Changes['settings'] {
  const names = Object.keys(WANTED_SETTINGS) as SettingName[];
  return names
    .filter((name) => !(WANTED_SETTINGS[name] as readonly string[]).includes(present[name]))
    .map((name) => ({ name, from: present[name], to: WANTED_SETTINGS[name][0] }));
}

/** One line a record: as a zone file has it, with what a zone file has no word for behind it. */
export function lineOf(record: WantedRecord): string {
  return `${record.name}. ${record.type} ${record.content} ; proxied`;
}
