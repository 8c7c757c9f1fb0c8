/**
 * A search for planted words in everything a running system keeps or shows: all files below
 * its home (logs, RocksDB, write-ahead log, Kafka's and Postgres' own files), every topic,
 * every row of every table, every metric and admin page.
 */

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { KafkaTls } from '../../engine/config/config.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { topicSpecs } from '../../engine/kafka/topics-admin.js';
import { adminHeaders } from '../client/admin-headers.js';

export interface Places {
  /** File of the tokens for admin pages. */
  readonly adminTokenFile: string;
  /** Folder with data and logs. */
  readonly home: string;
  readonly kafka: string;
  readonly partitions: number;
  readonly shards: number;
  readonly kafkaTls?: KafkaTls;
  readonly postgres: string;
  /** Pages that are read whole. */
  readonly pages: readonly string[];
}

/** Where a word was found, for each word that was. */
export type Sightings = Map<string, Set<string>>;

/** Files that are holes or filling. */
const SKIPPED = /(\/ballast|\.index|\.timeindex)$/;

export async function searchEverything(
  places: Places,
  words: readonly string[],
): Promise<Sightings> {
  const sightings: Sightings = new Map();
  const look = (text: string, place: string): void => {
    for (const word of words) {
      if (!text.includes(word)) continue;
      sightings.set(word, (sightings.get(word) ?? new Set()).add(place));
    }
  };
  await searchFiles(places.home, words, look);
  const tls = places.kafkaTls ? { tls: places.kafkaTls } : {};
  for (const { name, partitions } of topicSpecs(places)) {
    await readTopic(places.kafka, name, { partitions, ...tls }, (message) => {
      look(
        `${message.key} ${message.value?.toString('latin1')} ${headersOf(message.headers)}`,
        `topic ${name}`,
      );
    });
  }
  await searchTables(places.postgres, look);
  const headers = adminHeaders(places.adminTokenFile, 'viewer');
  for (const page of places.pages) {
    const answer = await fetch(page, { signal: AbortSignal.timeout(10_000), headers });
    if (!answer.ok) throw new Error(`${page} answers ${answer.status}`);
    look(await answer.text(), `page ${page}`);
  }
  return sightings;
}

type Look = (text: string, place: string) => void;

async function searchFiles(home: string, words: readonly string[], look: Look): Promise<void> {
  const overlap = Math.max(...words.map((word) => word.length));
  for (const name of await readdir(home, { recursive: true })) {
    const file = join(home, name);
    if (SKIPPED.test(file) || !(await isFile(file))) continue;
    let rest = '';
    try {
      for await (const chunk of createReadStream(file, 'latin1')) {
        const text = rest + chunk;
        look(text, `file ${name}`);
        rest = text.slice(-overlap);
      }
    } catch (error) {
      // Kafka, Postgres and RocksDB may delete a file meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function searchTables(url: string, look: Look): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name
       from information_schema.tables
       where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
    );
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ text: string }>(
        `select t::text as text from ${name} t`,
      );
      for (const { text } of rows) look(text, `table ${name}`);
    }
  } finally {
    await client.end();
  }
}

function headersOf(headers: unknown): string {
  return Buffer.from(JSON.stringify(headers ?? [])).toString('latin1');
}
