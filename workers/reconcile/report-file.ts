/**
 * A provider's report on its way to disk: hashed as it comes, renamed once it is whole, so
 * that a half-written file is never read. Constant memory.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EngineError } from '../../engine/util/errors.js';

/** Larger than any month we know; a stream without an end stops here. */
const BYTES_MAX = 16 * 2 ** 30;

export interface ReportFile {
  readonly path: string;
  /** SHA-256, hex. */
  readonly digest: string;
  readonly bytes: number;
}

/** @param onBytes what has come so far */
export async function saveReport(
  from: Readable,
  folder: string,
  name: string,
  onBytes: (bytes: number) => void,
): Promise<ReportFile> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      onBytes(bytes);
      if (bytes > BYTES_MAX) done(new EngineError('report_too_large', `${name} has no end`));
      else done(null, chunk);
    },
  });
  const part = join(folder, `${name}.part`);
  try {
    await pipeline(from, meter, createWriteStream(part, { mode: 0o600 }));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  const path = join(folder, name);
  await rename(part, path);
  return { path, digest: hash.digest('hex'), bytes };
}
