/** Faults that tests switch on: the shape of `POST /faults`, and their defaults. */
import { type Static, Type } from '@sinclair/typebox';

const rate = () => Type.Optional(Type.Number({ minimum: 0, maximum: 1 }));
const ms = () => Type.Optional(Type.Integer({ minimum: 0, maximum: 2_592_000_000 }));

export const FaultsBody = Type.Object(
  {
    /** Share of charges that answer 500 before anything is taken. */
    error_rate: rate(),
    /** Share of charges that are taken and never answered. */
    timeout_rate: rate(),
    /** Share of charges whose answer waits `slow_ms`. */
    slow_rate: rate(),
    slow_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })),
    /** Every call answers 503 until this is false. */
    down: Type.Optional(Type.Boolean()),
    /** A key replays its first 500. */
    replay_errors: Type.Optional(Type.Boolean()),
    /** Younger charges are not found. */
    find_lag_ms: ms(),
    /** An older key makes a new charge. */
    key_window_ms: ms(),
    webhook_drop_rate: rate(),
    webhook_repeat_rate: rate(),
    webhook_reorder_rate: rate(),
  },
  { additionalProperties: false },
);
export type Faults = Required<Static<typeof FaultsBody>>;

export const NO_FAULTS: Faults = {
  error_rate: 0,
  timeout_rate: 0,
  slow_rate: 0,
  slow_ms: 1_000,
  down: false,
  replay_errors: false,
  find_lag_ms: 0,
  key_window_ms: 86_400_000,
  webhook_drop_rate: 0,
  webhook_repeat_rate: 0,
  webhook_reorder_rate: 0,
};
