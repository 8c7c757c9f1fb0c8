/**
 * The result of the check of this volume against Kafka, in `volume-check.json` beside the
 * database: not yet compared (with the state of the volume when the comparison began), compared,
 * or refused.
 *
 * Keeps: "unchecked" is on disk before the first 202 and stays until a check has passed, whatever
 * is accepted meanwhile; a refusal survives every restart.
 */
import { join } from 'node:path';
import type { Store } from '../store/store.js';
import { DurableFile } from '../util/durable-file.js';
import { EngineError, invariant } from '../util/errors.js';
import { isEmpty } from './volume.js';

interface CheckState {
  readonly state: 'unchecked' | 'passed' | 'refused';
  readonly volume: string;
  /** The database's last sequence when it was first opened unchecked. */
  readonly sequence: number;
  /** It held no payment then. */
  readonly wasEmpty: boolean;
  /** A recovery or an accepted loss made it, and the register of volumes does not name it yet. */
  readonly isNewHistory: boolean;
  /** The error of the refusal; else ''. */
  readonly code: string;
  readonly message: string;
}

const REFUSALS: readonly string[] = ['volume_lost', 'volume_older_than_kafka'];
const NO_REFUSAL = { code: '', message: '' };

export class VolumeCheck {
  readonly #file: DurableFile<CheckState>;
  #state: CheckState | undefined;

  constructor(dataDir: string) {
    this.#file = new DurableFile(join(dataDir, 'volume-check.json'), isCheckState);
  }

  /** Throws the refusal of an earlier start. */
  assertNotRefused(): void {
    const before = this.#file.load();
    if (before?.state === 'refused') throw new EngineError(before.code, before.message);
  }

  /** After the database is opened, before anything is accepted. */
  begin(store: Store, volume: string, isLossAccepted: boolean): void {
    const before = isLossAccepted ? undefined : this.#file.load();
    const isSame = before?.volume === volume;
    if (isSame && before.state === 'unchecked') {
      this.#state = before;
      return;
    }
    this.#save({
      state: 'unchecked',
      volume,
      sequence: store.sequence,
      // A volume that passed once may have outlived its payments.
      wasEmpty: !isSame && !isLossAccepted && isEmpty(store),
      isNewHistory: isLossAccepted || (isSame && before.isNewHistory),
      ...NO_REFUSAL,
    });
  }

  get isPassed(): boolean {
    return this.#state?.state === 'passed';
  }

  /** What the check must compare with Kafka. */
  get subject(): Pick<CheckState, 'volume' | 'sequence' | 'wasEmpty' | 'isNewHistory'> {
    return this.#known;
  }

  pass(): void {
    if (!this.isPassed) this.#save({ ...this.#known, state: 'passed', ...NO_REFUSAL });
  }

  /** Whether the error is Kafka's proof against this volume; others say that Kafka did not answer. */
  isRefusal(error: unknown): error is EngineError {
    return error instanceof EngineError && REFUSALS.includes(error.code);
  }

  refuse({ code, message }: EngineError): void {
    this.#save({ ...this.#known, state: 'refused', code, message });
  }

  /** The register of volumes in Kafka names this volume. */
  registered(): void {
    if (this.#known.isNewHistory) this.#save({ ...this.#known, isNewHistory: false });
  }

  /** A volume that was built from Kafka: it takes the place of the one that the register names. */
  recovered(volume: string, sequence: number): void {
    const state = { volume, sequence, wasEmpty: false, isNewHistory: true };
    this.#save({ state: 'passed', ...state, ...NO_REFUSAL });
  }

  get #known(): CheckState {
    invariant(this.#state, 'the check of the volume has begun');
    return this.#state;
  }

  #save(state: CheckState): void {
    this.#file.saveSync(state);
    this.#state = state;
  }
}

function isCheckState(value: unknown): value is CheckState {
  const state = value as Partial<CheckState> | null | undefined;
  return (
    ['unchecked', 'passed', 'refused'].includes(`${state?.state}`) &&
    typeof state?.volume === 'string' &&
    Number.isSafeInteger(state.sequence) &&
    typeof state.wasEmpty === 'boolean' &&
    typeof state.isNewHistory === 'boolean' &&
    typeof state.code === 'string' &&
    typeof state.message === 'string'
  );
}
