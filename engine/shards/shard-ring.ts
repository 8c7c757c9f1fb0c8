/**
 * Which shard an id belongs to: the same consistent hash as nginx's `hash … consistent`
 * (compatible with Cache::Memcached::Fast), so that an engine and a shard move agree with the
 * edge. The text of each server enters the hash, so it must never change; its address may.
 */
import { crc32 } from 'node:zlib';

/** `weight=` of every server: more points on the ring, so that two shards share within 2 %. */
export const SHARD_WEIGHT = 8;
const POINTS_PER_SERVER = 160 * SHARD_WEIGHT;

interface Point {
  readonly hash: number;
  readonly server: number;
}

export class ShardRing {
  readonly #points: readonly Point[];

  /** @param servers `host:port`, in the order of nginx's upstream block */
  constructor(servers: readonly string[]) {
    const points = servers.flatMap((text, server) => pointsOf(text, server));
    points.sort((a, b) => a.hash - b.hash);
    this.#points = points.filter((point, i) => i === 0 || point.hash !== points[i - 1]!.hash);
  }

  /** @returns the index of the server in the list */
  ownerOf(id: string): number {
    const hash = crc32(id);
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle]!.hash < hash) low = middle + 1;
      else high = middle;
    }
    return this.#points[low % this.#points.length]!.server;
  }
}

function pointsOf(text: string, server: number): Point[] {
  const { host, port } = /^(?<host>.*):(?<port>\d*)$/.exec(text)?.groups ?? {
    host: text,
    port: '',
  };
  const base = crc32(`${host}\0${port}`);
  const previous = Buffer.alloc(4);
  return Array.from({ length: POINTS_PER_SERVER }, () => {
    const hash = crc32(previous, base);
    previous.writeUInt32LE(hash);
    return { hash, server };
  });
}
