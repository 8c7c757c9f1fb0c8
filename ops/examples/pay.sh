#!/usr/bin/env bash
# Pay and wait, with curl. usage: pay.sh [API] [checkout id]
# TOLLGATE_KEY is the merchant's API key, TOLLGATE_CA a file with the API's CA, where there are such.
set -euo pipefail
api=${1:-http://127.0.0.1:8080}
id=${2:-order-$RANDOM$RANDOM}

# curl repeats 503 and 429 when Retry-After says, at most for a minute. The key is no argument,
# which every user of this machine could read.
call() {
  curl -fsS --retry 30 --retry-max-time 60 --retry-connrefused ${TOLLGATE_CA:+--cacert "$TOLLGATE_CA"} \
    -H @<([ -z "${TOLLGATE_KEY:-}" ] || printf 'Authorization: Bearer %s\n' "$TOLLGATE_KEY") "$@"
}

# Safe to repeat: the same id and body give the same answer.
call "$api/payments" \
  -H "X-PAYMENT-CHECKOUT-ID: $id" -H 'Content-Type: application/json' \
  -d '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}'
echo

# `Prefer: wait` answers as soon as the status changes, or after 10 s.
for _ in $(seq 6); do
  payment=$(call "$api/payments/$id" -H 'Prefer: wait=10')
  echo "$payment"
  case $payment in
    *'"status":"succeeded","amount"'*) exit 0 ;;
    *'"status":"failed","amount"'* | *'"status":"canceled","amount"'*) exit 1 ;;
  esac
done
echo "$id has no outcome yet: read it again later" >&2
exit 1
