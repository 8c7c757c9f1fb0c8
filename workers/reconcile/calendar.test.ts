import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addDays, monthBefore, monthDays, type Period, reportsFor } from './calendar.js';

function utc(kind: Period['kind'], label: string, from: string, until: string): Period {
  return { kind, label, from: new Date(from), until: new Date(until) };
}

describe('the calendar', () => {
  it('should count days over month ends and leap days', () => {
    assert.equal(addDays('2028-02-28', 1), '2028-02-29');
    assert.equal(addDays('2027-02-28', 1), '2027-03-01');
    assert.equal(addDays('2100-02-28', 1), '2100-03-01');
    assert.equal(addDays('2026-01-01', -1), '2025-12-31');
    assert.equal(monthBefore('2026-01'), '2025-12');
    assert.deepEqual(monthDays('2028-02'), ['2028-02-01', '2028-03-01']);
    assert.deepEqual(monthDays('2026-12'), ['2026-12-01', '2027-01-01']);
  });

  it('should refuse days and months that do not exist', () => {
    for (const day of ['2026-02-29', '2026-04-31', '2026-13-01', '26-01-01', 'today'])
      assert.throws(() => addDays(day, 1), { code: 'period_invalid' });
    for (const month of ['2026-13', '2026-00', '2026', '2026-1'])
      assert.throws(() => monthDays(month), { code: 'period_invalid' });
  });

  it('should ask for the reports that cover the period and the hour before it', () => {
    const day = utc('daily', '2026-03-01', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z');
    const hour = (period: Period): Date => new Date(period.from.getTime() - 3_600_000);
    assert.deepEqual(reportsFor(day, hour(day)), ['2026-02-28', '2026-03-01']);
    const month = utc('monthly', '2026-03', '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z');
    assert.deepEqual(reportsFor(month, hour(month)), ['2026-03', '2026-02-28']);
  });

  it('should cover a month of another place by its report and the days at its ends', () => {
    // Tokyo, cut-off at 5: nine hours before UTC.
    const tokyo = utc('monthly', '2026-03', '2026-02-28T20:00:00Z', '2026-03-31T20:00:00Z');
    assert.deepEqual(reportsFor(tokyo, tokyo.from), ['2026-03', '2026-02-28']);
    const west = utc('monthly', '2026-03', '2026-03-01T08:00:00Z', '2026-04-01T07:00:00Z');
    assert.deepEqual(reportsFor(west, west.from), ['2026-03', '2026-04-01']);
  });
});
