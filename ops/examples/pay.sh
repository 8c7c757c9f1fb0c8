#!/usr/bin/env bash
# Pay and wait, with curl. usage: pay.sh [API] [checkout id]
set -euo pipefail
api=${1:-http://127.0.0.1:8080}
id=${2:-order-$RANDOM$RANDOM}

# Safe to repeat: the same id and body give the same answer.
curl -fsS "$api/payments" \
  -H "X-PAYMENT-CHECKOUT-ID: $id" -H 'Content-Type: application/json' \
  -d '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}'
echo

# Poll every 2 s, as Retry-After says; `Prefer: wait` answers as soon as the status changes.
for _ in $(seq 30); do
  payment=$(curl -fsS "$api/payments/$id" -H 'Prefer: wait=2')
  case $payment in *'"status":"succeeded","amount"'* | *'"status":"failed","amount"'*) break ;; esac
done
echo "$payment"
