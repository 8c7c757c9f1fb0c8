/** One task with what orders it, counts its failures and names the record it came from. */

import type { LetterSource } from '../dead-letters/dead-letter-record.js';
import type { Task } from '../tasks.js';

export interface Work {
  /** Work of one key is done in order. */
  readonly key: string;
  /** What its failures are counted by. */
  readonly id: string;
  readonly task: Task;
  /** The record that led to it, if one did. */
  readonly record?: LetterSource;
  /**
   * Whether it is still ours to try again. Absent for a claimed row: what it was claimed with is
   * out of date after a failure, so it is tried once and claimed again.
   */
  readonly isOurs?: () => boolean;
}
