/** The options of the processor's consumer. */
import type { Message } from 'node-rdkafka';
import type { Logger } from '../../engine/util/log.js';
import type { Hold } from '../polling/delay-queue.js';

export interface IntakeParts {
  readonly brokers: string;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** One try to make those that are missing. */
  readonly makeTopics: () => Promise<void>;
  readonly inFlightMax: number;
  /** One connection attempt may take this long. */
  readonly connectMsMax: number;
  readonly logger: Logger;
  /** A record that is not handled before its time. Must not throw. */
  readonly holdOf: (message: Message) => Hold | undefined;
  /**
   * Resolves with `true` when the record is finished: its state is durable elsewhere. Else it
   * comes again. `isOurs` says whether its partition is still assigned to us. Must not reject.
   */
  readonly handle: (message: Message, isOurs: () => boolean) => Promise<boolean>;
  /** A record has come from Kafka. */
  readonly onFetch: () => void;
  readonly onFatal: (reason: string) => void;
}
