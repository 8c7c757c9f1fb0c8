"""What OpenAPI cannot say of a valid request: relations between its parts, each with a name.

Schemathesis makes requests from /openapi.json alone; a valid one (by the document) is changed here
until it keeps these relations too. Invalid ones keep `header_names` only. At most six relations: a
seventh is a sign that the document should say it.
"""

import hashlib
import json
import re

import schemathesis

RELATIONS = []
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
CARD_LIKE = re.compile(r"\d(?:[^A-Za-z]*\d){11,}")


def relation(change):
    RELATIONS.append(change)
    return change


@relation
def no_card_data(headers, body):
    """Digits that could be a card number are refused wherever they stand."""

    def masked(value):
        if isinstance(value, str):
            return CARD_LIKE.sub("x", value)
        if isinstance(value, dict):
            return {masked(name): masked(item) for name, item in value.items()}
        return value

    body.update(masked(dict(body)))


@relation
def wallet_pairing(headers, body):
    """`provider: wallet` and `payment_method: wallet_<name>` go with each other only."""
    if body["payment_method"] == "wallet_":
        body["payment_method"] = "wallet_anna"
    is_wallet = body["payment_method"].startswith("wallet_")
    if body.get("provider", "wallet") != "wallet" and is_wallet:
        body["provider"] = "wallet"
    if body.get("provider") == "wallet" and not is_wallet:
        body["payment_method"] = "wallet_anna"


@relation
def body_fits(headers, body):
    """A body has at most 16 KiB, whatever its parts may have."""
    if len(json.dumps(body).encode()) > 16_000:
        body.pop("metadata", None)


@relation
def one_meaning_per_id(headers, body):
    """The same id with another meaning is 422: each body has an id of its own."""
    meaning = {name: value for name, value in body.items() if name != "payment_checkout_id"}
    digest = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:32]
    headers["X-PAYMENT-CHECKOUT-ID"] = digest.translate(str.maketrans("0123456789", "ghijklmnop"))


@relation
def id_equals_header(headers, body):
    """`payment_checkout_id` in the body is the header's."""
    if "payment_checkout_id" in body:
        body["payment_checkout_id"] = headers["X-PAYMENT-CHECKOUT-ID"]


def header_names(case):
    """The HTTP library takes letters, digits and hyphens in a header's name (docs/reference/http.md)."""
    if case.headers:
        case.headers = {
            name: value for name, value in case.headers.items() if HEADER_NAME.fullmatch(name)
        }


assert len([*RELATIONS, header_names]) <= 6


@schemathesis.hook
def before_call(context, case, **kwargs):
    header_names(case)
    if case.operation.definition.raw.get("operationId") != "createPayment":
        return
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if not isinstance(case.body, dict):
        return
    headers = dict(case.headers or {})
    body = dict(case.body)
    for change in RELATIONS:
        change(headers, body)
    case.headers = headers
    case.body = body
