/**
 * Required by every Node process of a proof: shifts `Date` by what a file says for its command, in
 * milliseconds, from one moment to the next. (libfaketime would stop librdkafka, and Node's timers.)
 */
const { readFileSync } = require('node:fs');

const FILE = process.env.TOLLGATE_PROOF_CLOCKS;
const LOOK_MS = 20;
const RealDate = Date;
const role = process.argv.find((it) => ['engine', 'processor', 'simulator'].includes(it));
let shiftMs = 0;
let lookedAt = Number.NEGATIVE_INFINITY;

function shift() {
  const now = performance.now();
  if (now - lookedAt < LOOK_MS) return shiftMs;
  lookedAt = now;
  try {
    shiftMs = JSON.parse(readFileSync(FILE, 'utf8'))[role] ?? 0;
  } catch {
    // It is being written.
  }
  return shiftMs;
}

class ShiftedDate extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + shift());
    else super(...parts);
  }

  static now() {
    return RealDate.now() + shift();
  }
}

if (FILE !== undefined && role !== undefined) globalThis.Date = ShiftedDate;
