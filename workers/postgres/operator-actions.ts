/**
 * Operators' actions, in rows that no statement can change. Each row is written before its action,
 * so every action has a row. The tables that the action changes show whether it was completed.
 */
import type pg from 'pg';
import { maskCardData } from '../../engine/card-data/card-mask.js';

const ACTOR_CHARS_MAX = 100;
const NOTE_CHARS_MAX = 1_000;

export interface OperatorAct {
  /** As the command says: the login name. The proof of who it was is the host's log. */
  readonly actor: string;
  /** The command, such as `dlq redrive`. */
  readonly action: string;
  readonly target: object;
  readonly note?: string | undefined;
}

export async function recordAct(
  db: Pick<pg.ClientBase, 'query'>,
  { actor, action, target, note }: OperatorAct,
): Promise<void> {
  await db.query(
    'insert into operator_acts (actor, action, target, note) values ($1, $2, $3, $4)',
    [
      maskCardData(actor.slice(0, ACTOR_CHARS_MAX)),
      action,
      maskCardData(JSON.stringify(target)),
      note === undefined ? null : maskCardData(note.slice(0, NOTE_CHARS_MAX)),
    ],
  );
}
