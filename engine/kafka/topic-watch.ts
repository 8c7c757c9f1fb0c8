/**
 * Detects at run time that a topic was deleted or created again; librdkafka goes on with the name.
 * The owner of a stored offset decides what to do.
 */
import { topicIdentities } from './topic-identity.js';

/**
 * @param gone topics that were absent at two looks: deleted, or a broker does not know them yet
 * @param anew topics that have another id
 */
export type OnTopicsChanged = (gone: readonly string[], anew: readonly string[]) => void;

export class TopicWatch {
  readonly #brokers: string;
  readonly #names: readonly string[];
  readonly #onChange: OnTopicsChanged;
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;
  #ids = new Map<string, string>();
  /** Known topics that were absent at the last look: a broker that starts may not know all yet. */
  #missing = new Set<string>();

  constructor(
    brokers: string,
    names: readonly string[],
    lookMs: number,
    onChange: OnTopicsChanged,
  ) {
    this.#brokers = brokers;
    this.#names = names;
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.#look(), lookMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const found = await topicIdentities(this.#brokers, this.#names);
      this.#compare(new Map([...found].map(([name, { id }]) => [name, id])));
    } catch {
      // Kafka is away: looked at again.
    } finally {
      this.#isLooking = false;
    }
  }

  #compare(found: ReadonlyMap<string, string>): void {
    const known = [...this.#ids.keys()];
    const absent = known.filter((name) => !found.has(name));
    const gone = absent.filter((name) => this.#missing.has(name));
    const others = known.filter(
      (name) => found.has(name) && found.get(name) !== this.#ids.get(name),
    );
    this.#missing = new Set(absent);
    for (const [name, id] of found) this.#ids.set(name, id);
    if (gone.length + others.length > 0) this.#onChange(gone, others);
  }
}
