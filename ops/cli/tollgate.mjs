#!/usr/bin/env node
import { existsSync } from 'node:fs';

// librdkafka's calls hold threads of libuv's pool, which also writes our small files.
process.env.UV_THREADPOOL_SIZE ??= '16';

const main = new URL('../../dist/ops/cli/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('tollgate is not installed yet: run `make setup` first.');
  process.exit(1);
}
