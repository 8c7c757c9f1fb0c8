/** The options of the publisher of the write-ahead log. */
import type { EngineConfig } from '../config/config.js';
import type { DurableFile } from '../util/durable-file.js';
import type { Logger } from '../util/log.js';
import type { Checkpoint } from '../wal/checkpoint.js';
import type { WalPosition } from '../wal/wal-position.js';

export interface PublisherParts {
  readonly config: EngineConfig;
  readonly dbDir: string;
  readonly volume: string;
  readonly checkpoint: DurableFile<Checkpoint>;
  readonly start: WalPosition;
  readonly durableSequence: () => number;
  /** Awaited at each connection, before a record goes out. Rejects with what forbids it. */
  readonly beforePublishing: () => Promise<void>;
  /** The register of volumes in Kafka names this one. */
  readonly onRegistered: () => void;
  readonly logger: Logger;
  /** Kafka has confirmed a record or a connection. */
  readonly onAnswer: () => void;
  /** After each checkpoint that is on disk. */
  readonly onCheckpoint: (checkpoint: Checkpoint) => void;
  /** Durable records are missing: the process must end. */
  readonly onFatal: (error: Error) => void;
}
