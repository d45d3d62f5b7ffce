"""What schemathesis can't read in the document: where keys come from, and what no schema can say."""

import hashlib
import itertools
import os
import re

import requests
import schemathesis

ADMIN_TOKEN = os.environ["DOORBUSTER_ADMIN_TOKEN"]
TOKEN = re.compile(r"(cart|ord)_[0-9a-f]{32}\.[0-9a-f]{32}")

# SKUs that no example names, and more of each than all of this can buy.
PLENTY = (f"PLENTY-{number}" for number in itertools.count())
plenty = None

ETAG = re.compile(r'\*|(W/)?"[0-9]{1,19}-[0-9A-Za-z]*"')
HANDLE = re.compile(r"[a-z0-9_-]{1,200}")

# Cursors that a page has given.
given_cursors = set()


@schemathesis.auth(refresh_interval=None)
class Keys:
    """A key to what the operation needs: a new guest's cart, or the admin token.

    A token that a link brought along stays: it opens what the link leads to.
    """

    def get(self, case, ctx):
        schemes = [name for one in case.operation.definition.raw.get("security", []) for name in one]
        brought = {name: value for name, value in (case.headers or {}).items() if TOKEN.fullmatch(str(value))}
        if "OrderToken" in schemes and "Order-Token" in brought:
            return "Order-Token", brought["Order-Token"]
        if "AdminToken" in schemes:
            return "Authorization", f"Bearer {ADMIN_TOKEN}"
        if "CartToken" in schemes:
            return "Cart-Token", brought.get("Cart-Token") or new_cart(ctx)
        return None

    def set(self, case, data, ctx):
        if data:
            name, value = data
            case.headers[name] = value


def new_cart(ctx):
    global plenty
    url = ctx.operation.schema.get_base_url().rstrip("/")
    # What was drawn from earlier answers may have put it on sale or archived it.
    while plenty is None or not (token := add(url, plenty)):
        plenty = next(PLENTY)
        price = {"amount_minor": 100, "currency": "USD"}
        product = {"title": "Plenty", "variants": [{"sku": plenty, "price": price, "units": 1_000_000}]}
        admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        made = requests.post(f"{url}/api/products", json=product, headers=admin, timeout=10)
        made.raise_for_status()
    return token


def add(url, sku):
    answer = requests.post(f"{url}/api/cart", json={"sku": sku, "units": 1}, timeout=10)
    if answer.status_code in (404, 409):
        return None
    answer.raise_for_status()
    return answer.headers["Cart-Token"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Bends what fits the schemas to what they can't say; what is meant to be wrong stays wrong."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # A cursor is what a page before has given.
    if case.query and case.query.get("cursor") not in given_cursors:
        case.query.pop("cursor", None)
    # A pattern with quotes is not always kept to in headers.
    if case.headers and "If-Match" in case.headers and not ETAG.fullmatch(case.headers["If-Match"]):
        case.headers["If-Match"] = "*"
    body = case.body if isinstance(case.body, dict) else {}
    # A schema counts characters, a SKU its bytes.
    for one in [body, *body.get("variants", []), *body.get("items", [])]:
        if isinstance(one, dict) and isinstance(one.get("sku"), str):
            while len(one["sku"].encode(errors="replace")) > 64:
                one["sku"] = one["sku"][:-1].rstrip()
    # A sale closes after it opens, and a transfer leads elsewhere.
    if body.get("opens_at") and body.get("opens_at") >= body.get("closes_at", ""):
        body["opens_at"], body["closes_at"] = "2026-05-01T10:00:00Z", "2036-05-01T10:00:00Z"
    if "from" in body and body["from"] == body.get("to"):
        body["to"] = "elsewhere"
    # A handle names one product, options have values, and a picture that is told of is there.
    if "variants" in body:
        # What a product is called is said when it is made, and stays.
        fits = case.method == "POST" and HANDLE.fullmatch(body.get("handle", ""))
        body["handle"] = body["handle"] if fits else ""
        body["options"] = list(dict.fromkeys(one.strip() for one in body.get("options", [])))
        known = {*body.get("images", []), *(one.get("image") for one in body["variants"])}
        body["image_alts"] = {at: alt for at, alt in body.get("image_alts", {}).items() if at in known}
    # A product has each SKU once, and one currency.
    variants = {one["sku"]: one for one in body.get("variants", [])}
    if variants:
        currency = body["variants"][0]["price"]["currency"]
        for one in variants.values():
            one["price"]["currency"] = currency
            if len(one.get("options", [])) != len(body["options"]):
                one["options"] = []
            if one.get("compare_at"):
                one["compare_at"]["currency"] = currency
        body["variants"] = list(variants.values())
    # A key names one body.
    key = case.headers and case.headers.get("Idempotency-Key")
    if key:
        told = hashlib.sha256(f"{key}{body}".encode(errors="replace")).hexdigest()
        case.headers["Idempotency-Key"] = told


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and "json" in response.headers.get("content-type", [""])[0]:
        body = response.json()
        if isinstance(body, dict) and body.get("next"):
            given_cursors.add(body["next"])


@schemathesis.check
def codes_are_told(ctx, response, case):
    """A problem's code is one of those that the document tells for this status."""
    if response.headers.get("content-type") != ["application/problem+json"]:
        return
    told = case.operation.definition.raw["responses"].get(str(response.status_code))
    if told is None or response.status_code == 405:
        return
    if "$ref" in told:
        name = told["$ref"].rsplit("/", 1)[-1]
        told = case.operation.schema.raw_schema["components"]["responses"][name]
    codes = told["content"]["application/problem+json"]["examples"]
    code = response.json()["code"]
    assert code in codes, f"{code} is not told for {response.status_code}, but {list(codes)}"
