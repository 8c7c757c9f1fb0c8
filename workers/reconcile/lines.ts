/**
 * The lines of a report, checked once, one at a time. Columns (others are ignored):
 * `reference` (the provider's name of the charge), `merchant`, `checkout_id`, `type` (charge,
 * refund or dispute), `amount`, `currency`, `fee`, `status`, `refund_reference`, `dispute_reference`,
 * `settled_currency` (what is paid out, if another), and the time of the movement as `captured_at` or
 * `created_at`. Any line ending; empty lines are skipped.
 */
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { EngineError } from '../../engine/util/errors.js';
import { isDay } from './calendar.js';
import { minorUnits, wholeUnits } from './money.js';
import type { AmountFormat } from './sources/source.js';

type Kind = 'charge' | 'refund' | 'dispute';

export interface SettlementLine {
  /** 1 is the first after the header. */
  readonly line: number;
  readonly kind: Kind;
  /** Unique at the provider: `charge:<reference>`, `refund:<refund>`, `dispute:<dispute>`. */
  readonly movement: string;
  readonly reference: string;
  readonly merchant: string | null;
  readonly checkoutId: string | null;
  /** The provider's name of the dispute; null for any other kind. */
  readonly dispute: string | null;
  /** Negative for a refund and for what a dispute took; positive when that comes back. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly feeMinor: number | null;
  readonly settledCurrency: string | null;
  readonly status: string;
  readonly at: string;
}

type Row = Readonly<Record<string, string | undefined>>;

const FIELD_CHARS_MAX = 255;
const LINE_BYTES_MAX = 16 * 1024;
const REQUIRED = ['reference', 'type', 'amount', 'currency'];

/** @param onBytes how far the file has been read. Throws EngineError `report_invalid`. */
export async function* readLines(
  path: string,
  amounts: AmountFormat,
  onBytes: (bytes: number) => void,
): AsyncGenerator<SettlementLine> {
  const file = createReadStream(path);
  let hasHeader = false;
  const columns = (names: string[]): string[] => {
    hasHeader = true;
    return header(names);
  };
  const rows = file.pipe(
    parse({
      columns,
      bom: true,
      trim: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      max_record_size: LINE_BYTES_MAX,
    }),
  );
  file.once('error', (error) => rows.destroy(error));
  let line = 0;
  try {
    for await (const row of rows) {
      line++;
      yield lineOf(row as Row, line, amounts);
      if (line % 1_000 === 0) onBytes(file.bytesRead);
    }
    // An empty answer is no report: it would make everything missing.
    if (!hasHeader) throw new Error('there is no header');
  } catch (error) {
    const { message } = error as Error;
    throw new EngineError('report_invalid', `${path}, line ${line}: ${message}`, { cause: error });
  } finally {
    file.destroy();
  }
}

function header(names: string[]): string[] {
  const missing = REQUIRED.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`there is no column ${missing.join(', ')}`);
  const twice = names.find((name, i) => name !== '' && names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`the column ${twice} is there twice`);
  return names;
}

function lineOf(row: Row, line: number, amounts: AmountFormat): SettlementLine {
  const kind = kindOf(text(row, 'type'));
  const currency = text(row, 'currency').toUpperCase();
  const minor = (name: string): number =>
    amounts === 'minor' ? wholeUnits(name) : minorUnits(name, currency);
  const amountMinor = minor(text(row, 'amount'));
  const reference = text(row, 'reference');
  const dispute = kind === 'dispute' ? text(row, 'dispute_reference') : null;
  const fee = optional(row, 'fee');
  return {
    line,
    kind,
    movement: `${kind}:${movementOf(row, kind, reference, amountMinor)}`,
    reference,
    merchant: optional(row, 'merchant'),
    checkoutId: optional(row, 'checkout_id'),
    dispute,
    amountMinor,
    currency,
    feeMinor: fee === null ? null : minor(fee),
    settledCurrency: optional(row, 'settled_currency')?.toUpperCase() ?? null,
    status: optional(row, 'status') ?? 'captured',
    at: timeOf(optional(row, 'captured_at') ?? text(row, 'created_at')),
  };
}

function kindOf(type: string): Kind {
  if (type === 'charge' || type === 'refund' || type === 'dispute') return type;
  throw new Error(`"${type}" is neither charge, refund nor dispute`);
}

function movementOf(row: Row, kind: Kind, reference: string, amountMinor: number): string {
  if (kind === 'charge') return reference;
  // Reports that do not name their refunds have one a charge and amount.
  if (kind === 'refund') return optional(row, 'refund_reference') ?? `${reference}/${amountMinor}`;
  return `${text(row, 'dispute_reference')}${amountMinor > 0 ? '/reinstated' : ''}`;
}

const TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A leap second is taken as the second before it. */
function timeOf(value: string): string {
  const [, day, hour, minute, second, fraction = '', offset] = TIME.exec(value) ?? [];
  const isLeap = second === '60';
  const text = `${day}T${hour}:${minute}:${isLeap ? '59' : second}${fraction.slice(0, 4)}${offset}`;
  const at = new Date(text);
  if (!day || !isDay(day) || (isLeap && minute !== '59') || Number.isNaN(at.getTime()))
    throw new Error(`"${value}" is not a time with its offset`);
  return at.toISOString();
}

function optional(row: Row, name: string): string | null {
  const value = row[name];
  if (value === undefined || value === '') return null;
  if (value.length > FIELD_CHARS_MAX || value.includes('\0'))
    throw new Error(`${name} is not usable text`);
  return value;
}

function text(row: Row, name: string): string {
  const value = optional(row, name);
  if (value === null) throw new Error(`${name} is empty`);
  return value;
}
