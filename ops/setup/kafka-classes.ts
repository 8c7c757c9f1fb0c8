/**
 * Run by set-up: starts Kafka once in a folder of its own and archives the classes that it has
 * loaded (the JVM's class data sharing), so that every later start takes less CPU.
 */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackConfig } from '../../engine/config/config.js';
import { sharedClassesFile, startKafka } from '../local/kafka.js';
import { freePorts } from '../testing/engine-process.js';

/** The JVM writes the archive when it ends. */
const STOP_MS_MAX = 60_000;

const jars = join(stackConfig().cacheDir, 'kafka');
const file = sharedClassesFile(jars);
const made = `${file}.new`;
const dir = mkdtempSync(join(tmpdir(), 'tollgate-kafka-'));
rmSync(file, { force: true });
try {
  const [port, controllerPort] = await freePorts(2);
  const options = { jars, dir, port: port!, controllerPort: controllerPort! };
  const env = { JAVA_TOOL_OPTIONS: `-XX:ArchiveClassesAtExit=${made}` };
  const broker = await startKafka({ ...options, env });
  await broker.stop('SIGTERM', STOP_MS_MAX);
  renameSync(made, file);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
