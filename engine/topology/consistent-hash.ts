/**
 * The consistent hash of nginx's `hash … consistent`, so that an engine knows which shard
 * the edge sends an id to: 160 points a server, each the CRC-32 of its name and the point
 * before it (ketama; ngx_http_upstream_hash_module). A server's name is its text in the
 * `server` directive; an address behind that name may change, no id moves with it.
 */
import { crc32 } from 'node:zlib';

const POINTS_A_SERVER = 160;

export class ConsistentHash {
  readonly #hashes: Uint32Array;
  readonly #servers: Uint16Array;

  /** @param names in any order; equal points go to the first name */
  constructor(names: readonly string[]) {
    const points = names.flatMap((name, server) =>
      pointsOf(name).map((hash, order) => ({ hash, server, order })),
    );
    points.sort((a, b) => a.hash - b.hash || a.server - b.server || a.order - b.order);
    const distinct = points.filter((it, i) => i === 0 || it.hash !== points[i - 1]!.hash);
    this.#hashes = Uint32Array.from(distinct, (it) => it.hash);
    this.#servers = Uint16Array.from(distinct, (it) => it.server);
  }

  /** @returns the index of the server's name */
  pick(key: string): number {
    const hash = crc32(key);
    let low = 0;
    let high = this.#hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return this.#servers[low % this.#hashes.length]!;
  }
}

function pointsOf(name: string): number[] {
  const [host, port] = hostAndPort(name);
  const base = Buffer.from(`${host}\0${port}`);
  const points: number[] = [];
  const before = Buffer.alloc(4);
  for (let i = 0; i < POINTS_A_SERVER; i++) {
    const hash = crc32(before, crc32(base));
    points.push(hash);
    before.writeUInt32LE(hash);
  }
  return points;
}

/** As nginx cuts a server's text: `unix:` goes, digits behind the last colon are a port. */
function hostAndPort(name: string): [string, string] {
  if (/^unix:/i.test(name)) return [name.slice(5), ''];
  const match = /^(.*):(\d+)$/s.exec(name);
  return match ? [match[1]!, match[2]!] : [name, ''];
}
