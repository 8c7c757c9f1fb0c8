/** The table of the walk: what a printed command answers, or where it is shown. */

/** Runs a command where the reader stands. @returns its output */
type Shell = (command: string) => Promise<string>;

export interface Step {
  /** For placeholders of the page. */
  readonly instead?: Readonly<Record<string, string | ((shell: Shell) => Promise<string>)>>;
  readonly answer: RegExp;
  readonly code?: number;
  /** A payment waits in the dead-letter queue. */
  readonly needsDead?: true;
}

const KEY = /^key {5}tg_\S{43}$/m;
/** Only named by a page: it says what it wants. */
const named = (answer: RegExp): Step => ({ answer, code: 2 });
const hashOf =
  (column: RegExp) =>
  async (shell: Shell): Promise<string> => {
    const listed = await shell('tollgate keys list --file keys.json');
    return column.exec(listed)?.[1]?.slice(0, 8) ?? 'no hash';
  };

/** In this order, those of `keys` and those about payments apart. */
export const STEPS: Readonly<Record<string, Step>> = {
  [`curl -i http://127.0.0.1:8080/payments -H 'X-PAYMENT-CHECKOUT-ID: order-1' -H 'Content-Type: application/json' -d '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}'`]:
    { answer: /HTTP\/1\.1 202 Accepted[\s\S]*"status":"pending"/ },
  [`curl -i http://127.0.0.1:8080/payments/order-1 -H 'Prefer: wait=10'`]: {
    answer: /HTTP\/1\.1 200 OK[\s\S]*"payment_checkout_id":"order-1"/,
  },
  'tollgate pay': { answer: /"status": "succeeded"/ },
  'tollgate get <id>': { instead: { '<id>': 'order-1' }, answer: /"status": "succeeded"/ },
  'tollgate pay --count 20000 --rate 1000': {
    instead: { '20000': '50', '1000': '100' },
    answer: /accepted {3}50 of 50[\s\S]*succeeded 50/,
  },
  'tollgate keys add --merchant acme --file keys.json': { answer: KEY },
  'tollgate keys add --merchant globex --file keys.json --secret': {
    answer: /^key {5}tg_\S+\nsecret {2}tgs_\S+$/m,
  },
  'tollgate keys add --merchant acme --file keys.json --providers stripe': { answer: KEY },
  'tollgate keys list --file keys.json': { answer: /^acme {2}\w{12} \w{12} /m },
  'tollgate keys remove --merchant acme --hash 1f0c --file keys.json': {
    instead: { '1f0c': hashOf(/^acme {2}(\w+)/m) },
    answer: /^$/,
  },
  'tollgate keys secret add --merchant acme --file keys.json --optional': {
    answer: /^secret {2}tgs_\S+$/m,
  },
  'tollgate keys secret remove --merchant acme --hash 9b1d --file keys.json --last': {
    instead: { '9b1d': hashOf(/^acme .*checksum secrets: (\w+)/m) },
    answer: /^$/,
  },
  'tollgate keys list': named(/--file/),
  'tollgate keys': named(/Usage: tollgate keys/),
  'tollgate wallet credit <name> --amount 5000': {
    instead: { '<name>': 'anna' },
    answer: /credited 5000 USD to anna[\s\S]*^anna 5000 USD$/m,
  },
  'tollgate wallet credit': named(/required option '--amount/),
  'tollgate dlq list': { answer: /order-9[\s\S]*1 dead letters/, needsDead: true },
  'tollgate dlq show order-1': {
    instead: { 'order-1': 'order-9' },
    answer: /"reason": "provider_error"/,
  },
  'tollgate dlq redrive --reason captured_after_end': { answer: /^0 redriven/m },
  'tollgate dlq redrive --reason internal_error': { answer: /^0 redriven/m },
  'tollgate dlq redrive': named(/name ids, --reason, --older-than or --all/),
  'tollgate dlq redrive order-1': {
    instead: { 'order-1': 'order-9' },
    answer: /^1 redriven, 0 were no longer open, 0 failed$/m,
  },
  'tollgate doctor': { answer: /^ok {3}engine\b.*\(pid \d+, log .*\)$/m },
  'tollgate reconcile daily [--date 2026-11-24]': {
    instead: { '[--date 2026-11-24]': '--date 2026-11-24' },
    answer: /^daily 2026-11-24.*: 0 lines, 0 matched, 0 open$/m,
  },
  'tollgate reconcile daily': { answer: /^daily \S+.* open$/m },
  'tollgate reconcile daily --date <day>': {
    instead: { '<day>': '2026-11-25' },
    answer: /^daily 2026-11-25.* open$/m,
  },
  'tollgate reconcile items': { answer: /^nothing is open$/m },
  'tollgate reconcile resolve <item> --reason "what was found out and done"': {
    instead: { '<item>': '1' },
    answer: /item 1 is not open/,
    code: 1,
  },
  'tollgate maintain': { answer: /payment_events/ },
  'tollgate plan --rate 100000': { answer: /shards/ },
  'tollgate certs init': { answer: /ca\.pem, and for 30 days edge/ },
};

/** These need a cluster, another machine, or something lost. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  [`curl -i http://127.0.0.1:8080/payments -H "Authorization: Bearer $TOLLGATE_KEY" -H "X-PAYMENT-TIMESTAMP: $at" -H "X-PAYMENT-CHECKSUM: sha256=$checksum" -H 'X-PAYMENT-CHECKOUT-ID: order-2' -H 'Content-Type: application/json' -d "$body"`]:
    'ops/examples/printed.test.ts',
  'tollgate load --url https://pay.example --rate 1000 --duration 60 --ca ca.pem':
    'ops/examples/clients.test.ts',
  'tollgate shard add --number 2': 'make prove-grow',
  'tollgate shard recover --from-kafka --mark acknowledged.json --acknowledged ids.txt':
    'make prove-lost-disk',
  'tollgate shard recover --from-kafka': 'make prove-lost-disk',
  'tollgate recover postgres': 'make prove-postgres-reborn',
  'tollgate certs rotate': 'make prove-mtls',
  'tollgate nginx --topology <file> --out <dir>': 'make prove-infrastructure',
  'tollgate up --without engine': 'ops/local/stack.test.ts',
};
