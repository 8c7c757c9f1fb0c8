/**
 * Required by every Node process of a proof: shifts `Date` by what a file says for its command, in
 * milliseconds, from one moment to the next. (libfaketime would stop librdkafka, and Node's timers.)
 */
const { readFileSync } = require('node:fs');

const FILE = process.env.TOLLGATE_PROOF_CLOCKS;
const LOOK_MS = 20;
const RealDate = Date;
const ROLES = ['engine', 'processor', 'simulator'];
// A worker thread has other arguments, and its process' environment.
const own = process.argv.find((it) => ROLES.includes(it));
if (own !== undefined) process.env.TOLLGATE_PROOF_ROLE = own;
const role = process.env.TOLLGATE_PROOF_ROLE;
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
