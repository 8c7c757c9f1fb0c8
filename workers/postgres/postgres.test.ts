import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { Batcher } from './batcher.js';
import { claimDue, claimTickets } from './claims.js';
import { bury, deadAmong, redrivePayments } from './dead-payments.js';
import { type IntentResult, type IntentRow, insertIntents } from './intents.js';
import { migrateAsOwner } from './migrate.js';
import { markPublished, STARTED_MS, unpublished } from './outbox.js';
import { type OutcomeRow, recordOutcomes } from './outcomes.js';
import { isBadData, openPool } from './pool.js';
import { commitSends, type SendRow } from './send-commits.js';

function intent(id: string, changes: Partial<IntentRow> = {}): IntentRow {
  return {
    key: `default/${id}`,
    merchant: 'default',
    checkout_id: id,
    shard: 0,
    fingerprint: 'aa'.repeat(32),
    amount: 1999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    asked: 'auto',
    provider: 'simulator',
    is_sent: true,
    idempotency_key: `default/${id}/charge/1`,
    accepted_ms: Date.now(),
    status: 'processing',
    reason: 'charge_started',
    failure_code: null,
    ask_after_ms: 60_000,
    republish: false,
    ...changes,
  };
}

function outcome(id: string, changes: Partial<OutcomeRow> = {}): OutcomeRow {
  return {
    key: `default/${id}`,
    merchant: 'default',
    checkout_id: id,
    version: 1,
    asks: 0,
    status: 'succeeded',
    reason: 'approved',
    source: 'charge',
    provider: 'simulator',
    provider_reference: 'ch_1',
    failure_code: null,
    next_action: null,
    ask_after_ms: null,
    never_sent: false,
    is_failure: false,
    is_waiting: false,
    find_only: false,
    action_expires_ms: 1_000,
    call_id: `call-${id}-${Math.random()}`,
    operation: 'charge',
    attempt: 1,
    idempotency_key: `default/${id}/charge/1`,
    request: {},
    response: {},
    http_status: 200,
    outcome: 'approved',
    ...changes,
  };
}

describe('payments in Postgres', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-postgres-'));
  let server: LocalPostgres;
  let pool: pg.Pool;

  before(async () => {
    chmodSync(dir, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    await Promise.all([migrateAsOwner(server), migrateAsOwner(server)]);
    pool = openPool(server.url, 8);
  });
  after(async () => {
    await pool.end();
    await server.stop('SIGINT', 5_000);
    rmSync(dir, { recursive: true });
  });

  it('should let exactly one of many who insert the same intent send it', async () => {
    const tries = Array.from({ length: 20 }, () => insertIntents(pool, [intent('race')]));
    const results = (await Promise.all(tries)).flat();
    assert.equal(results.filter((result) => result === 'inserted').length, 1);
    assert.equal(results.filter((result) => result === 'known').length, 19);
    const other = intent('race', { fingerprint: 'bb'.repeat(32) });
    assert.deepEqual(await insertIntents(pool, [other]), ['conflict']);
  });

  it('should apply one of two outcomes that judged the same version, with its ledger entries', async () => {
    await insertIntents(pool, [intent('cas')]);
    const failed = outcome('cas', { status: 'failed', outcome: 'declined' });
    const both = await Promise.all([
      recordOutcomes(pool, [outcome('cas')]),
      recordOutcomes(pool, [failed]),
    ]);
    assert.equal(both.flat().filter(Boolean).length, 1);
    const { rows } = await pool.query(
      `select version, status, (select count(*) from payment_events where checkout_id = 'cas') as events,
        (select coalesce(sum(amount_minor), 0) from ledger_entries) as total
       from payments where checkout_id = 'cas'`,
    );
    assert.equal(rows[0].version, 2);
    assert.equal(rows[0].events, 2);
    assert.equal(Number(rows[0].total), 0);
  });

  it('should keep a call row of a question only when its answer changes', async () => {
    await insertIntents(pool, [intent('asked')]);
    const pending = {
      status: null,
      reason: null,
      operation: 'find',
      outcome: 'unknown',
      ask_after_ms: 60_000,
      response: { status: 'authorized' },
    };
    let n = 0;
    const record = (changes: Partial<OutcomeRow>) =>
      recordOutcomes(pool, [outcome('asked', { ...pending, call_id: `asked-${n++}`, ...changes })]);
    for (let i = 0; i < 5; i++) assert.deepEqual(await record({}), [true]);
    await record({ http_status: 503, response: null });
    await record({});
    await record({ operation: 'charge' });
    await record({ operation: 'charge' });
    const { rows } = await pool.query<{ call_id: string }>(
      `select call_id from psp_calls where checkout_id = 'asked' order by call_id`,
    );
    assert.deepEqual(
      rows.map((row) => row.call_id),
      ['asked-0', 'asked-5', 'asked-6', 'asked-7', 'asked-8'],
    );
  });

  it('should publish every version once, oldest first', async () => {
    await insertIntents(pool, [intent('out')]);
    await recordOutcomes(pool, [outcome('out')]);
    const client = await pool.connect();
    const records = (await unpublished(client, 100)).filter(
      (status) => status.checkout_id === 'out',
    );
    client.release();
    assert.deepEqual(
      records.map((record) => [record.version, record.status, record.history.length]),
      [
        [1, 'processing', 1],
        [2, 'succeeded', 2],
      ],
    );
  });

  it('should publish the newest version again when the engine asks for it', async () => {
    await insertIntents(pool, [intent('again')]);
    const client = await pool.connect();
    const versions = async (): Promise<number[]> =>
      (await unpublished(client, 100))
        .filter((status) => status.checkout_id === 'again')
        .map((status) => status.version);
    assert.deepEqual(await versions(), [], 'a payment that has just begun is not told yet');
    await sleep(STARTED_MS + 100);
    assert.deepEqual(await versions(), [1]);
    await markPublished(client, await unpublished(client, 100));
    assert.deepEqual(await versions(), []);
    await insertIntents(pool, [intent('again')]);
    assert.deepEqual(await versions(), []);
    assert.deepEqual(await insertIntents(pool, [intent('again', { republish: true })]), ['known']);
    assert.deepEqual(await versions(), [1]);
    client.release();
  });

  it('should follow a payment to a later shard, never back, also when a publishing is under way', async () => {
    await insertIntents(pool, [intent('moved', { shard: 0 })]);
    await recordOutcomes(pool, [outcome('moved')]);
    const client = await pool.connect();
    const mine = async () =>
      (await unpublished(client, 1_000)).filter((status) => status.checkout_id === 'moved');
    const underWay = await mine();
    await insertIntents(pool, [intent('moved', { shard: 2 })]);
    await markPublished(client, underWay);
    const again = await mine();
    assert.deepEqual([again.at(-1)?.shard, again.at(-1)?.version], [2, 2]);
    await markPublished(client, again);
    await insertIntents(pool, [intent('moved', { shard: 0 })]);
    assert.deepEqual(await mine(), []);
    client.release();
  });

  it('should hand an intent whose maker died to exactly one asker', async () => {
    await insertIntents(pool, [intent('orphan', { ask_after_ms: 0 })]);
    const claims = await Promise.all(Array.from({ length: 5 }, () => claimDue(pool, 10, 60_000)));
    const mine = claims.flat().filter((claim) => claim.checkoutId === 'orphan');
    assert.equal(mine.length, 1);
    assert.equal(mine[0]?.idempotencyKey, 'default/orphan/charge/1');
    assert.notEqual(mine[0]?.firstSentAt, null);
  });

  it('should let a ticket through once, and void it when somebody else has claimed', async () => {
    await insertIntents(pool, [intent('ticket'), intent('late')]);
    const row = (id: string, asks: number) => ({
      key: `default/${id}`,
      merchant: 'default',
      checkout_id: id,
      asks,
      lease_ms: 60_000,
    });
    const tries = Array.from({ length: 5 }, () => claimTickets(pool, [row('ticket', 0)]));
    const claims = (await Promise.all(tries)).flat().filter((ask) => ask !== undefined);
    assert.deepEqual(
      claims.map((claim) => claim.asks),
      [1],
    );
    assert.deepEqual(await claimTickets(pool, [row('late', 7)]), [undefined]);
  });

  it('should commit a send only under the claim that judged it', async () => {
    await insertIntents(pool, [intent('send')]);
    const send = (asks: number, attempt: number): SendRow => ({
      key: 'default/send',
      merchant: 'default',
      checkout_id: 'send',
      version: 1,
      asks,
      provider: 'simulator_b',
      attempt,
      idempotency_key: `default/send/charge/${attempt}`,
      is_fresh: true,
    });
    assert.deepEqual(await commitSends(pool, [send(3, 2)]), [false]);
    assert.deepEqual(await commitSends(pool, [send(0, 2)]), [true]);
    const of = (changes: Partial<OutcomeRow>) => recordOutcomes(pool, [outcome('send', changes)]);
    const declined = { status: 'failed', outcome: 'declined' };
    assert.deepEqual(await of({ ...declined, attempt: 1 }), [false], 'a no to an earlier attempt');
    const unsent = { status: null, reason: null, outcome: 'not_sent', never_sent: true };
    assert.deepEqual(await of({ ...unsent, attempt: 2, asks: 9 }), [false], 'another claim');
    assert.deepEqual(await of({ ...unsent, attempt: 2 }), [true]);
    assert.deepEqual(await of({ attempt: 1 }), [true], 'a yes counts whoever hears it');
  });

  it('should bury once, free once, and keep versions whole', async () => {
    await insertIntents(pool, [intent('dead')]);
    const row = {
      merchant: 'default',
      checkout_id: 'dead',
      version: 1,
      reason: 'x',
      event: 'dead_letter: x',
      detail: '',
      attempts: 6,
    };
    const buried = await Promise.all([bury(pool, row), bury(pool, row)]);
    assert.equal(buried.filter(Boolean).length, 1);
    const names = [{ merchant: 'default', checkout_id: 'dead' }];
    assert.deepEqual([...(await deadAmong(pool, names))], ['default/dead']);
    const free = () => redrivePayments(pool, names);
    const freed = await Promise.all([free(), free(), free()]);
    assert.deepEqual(
      freed.flatMap((set) => [...set]),
      ['default/dead'],
    );
    const due = (await claimDue(pool, 100, 60_000)).find((ask) => ask.checkoutId === 'dead');
    assert.equal(due?.version, 3);
    const { rows } = await pool.query(
      `select reason from payment_events where checkout_id = 'dead' order by version`,
    );
    assert.deepEqual(
      rows.map((entry) => entry.reason),
      ['charge_started', 'dead_letter: x', 'redriven'],
    );
  });

  it('should commit the good rows of a batch and refuse the poisonous one alone', async () => {
    const write = (rows: readonly IntentRow[]) => insertIntents(pool, rows);
    const batcher = new Batcher<IntentRow, IntentResult>(write, 100);
    const rows = Array.from({ length: 20 }, (_, i) => intent(`batch-${i}`));
    const poison = intent('poison', { payment_method: 'a\0b' });
    const settled = await Promise.allSettled([...rows, poison].map((row) => batcher.add(row)));
    assert.equal(settled.filter((result) => result.status === 'fulfilled').length, 20);
    const refused = settled.at(-1);
    assert.ok(refused?.status === 'rejected' && isBadData(refused.reason));
  });

  it('should refuse a ledger transaction that does not balance, and any change of the books', async () => {
    const entry = (amount: number) =>
      `insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor)
       values ('lonely', 'm', 'c', 'x', 'USD', ${amount})`;
    await assert.rejects(pool.query(entry(5)), /does not sum to zero/);
    const owner = openPool(server.ownerUrl, 1);
    await assert.rejects(owner.query('delete from ledger_entries'), /append-only/);
    await assert.rejects(owner.query(`update payment_events set reason = 'x'`), /append-only/);
    await owner.end();
  });

  it('should wait for a Postgres that was killed, and go on when it is back', async () => {
    const batcher = new Batcher<IntentRow, IntentResult>((rows) => insertIntents(pool, rows), 100);
    await server.stop('SIGKILL', 1_000);
    const waiting = batcher.add(intent('patient'));
    const port = Number(new URL(server.url).port);
    server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
    assert.equal(await waiting, 'inserted');
  });
});
