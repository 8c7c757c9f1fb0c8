/** Which clock is wrong, by how much, and when: the cases of the proof `clocks`. */
import type { Host, Server } from '../../testing/host-clocks.js';

export const DAY_MS = 86_400_000;
const DAYS = [DAY_MS, -DAY_MS] as const;

export interface ClockCase {
  readonly name: string;
  readonly shifts: readonly (readonly [Host, number])[];
  /**
   * `before`: the clock is wrong before the first payment. `stepping`: it steps when half of the
   * payments are accepted. `started`: this server is started with it, and again with the right one.
   */
  readonly when: 'before' | 'stepping' | { readonly started: Server };
  /** The processor that saw the wrong clock is killed before the clock is right. */
  readonly killsProcessor?: boolean;
}

export const SEEN: ClockCase = {
  name: 'processor 60 s ahead, engine a day behind',
  shifts: [
    ['processor', 60_000],
    ['engine', -DAY_MS],
  ],
  when: 'before',
};

export const WHOLE: readonly ClockCase[] = [
  { name: 'processor 60 s ahead', shifts: [['processor', 60_000]], when: 'before' },
  ...(['processor', 'engine', 'postgres', 'kafka'] as const).flatMap((host) =>
    DAYS.map((ms) => ({
      name: `${host} steps ${ms > 0 ? 'ahead' : 'back'} a day`,
      shifts: [[host, ms]] as const,
      when: 'stepping' as const,
    })),
  ),
  // Kafka first: it would wait for the processor that is killed in a case of Postgres.
  ...(['kafka', 'postgres'] as const).flatMap((host) =>
    DAYS.map((ms) => ({
      name: `${host} started a day ${ms > 0 ? 'ahead' : 'behind'}`,
      shifts: [[host, ms]] as const,
      when: { started: host },
      killsProcessor: host === 'postgres' && ms < 0,
    })),
  ),
];
