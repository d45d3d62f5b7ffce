"""Makes a client of the document that a shop serves, and buys something with it."""

import pathlib
import subprocess
import sys
import time
import uuid

URL = sys.argv[1]
HERE = pathlib.Path.cwd()

CONFIG = """
package_name_override: shop_client
post_hooks: []
content_type_overrides:
  image/png: application/octet-stream
"""

(HERE / "client.yaml").write_text(CONFIG)
generator = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
place = ["--meta", "none", "--config", "client.yaml", "--output-path", "shop_client"]
subprocess.run([*generator, "--url", f"{URL}/openapi.json", *place], check=True)
sys.path.insert(0, str(HERE))

from shop_client import Client  # noqa: E402
from shop_client.api.cart import add_to_cart, check_out, read_cart  # noqa: E402
from shop_client.api.orders import read_order  # noqa: E402
from shop_client.api.products import list_products  # noqa: E402
from shop_client.models import (  # noqa: E402
    Address, Cart, Checkout, Order, OrderStatus, Payment, PaymentMethod, PaymentStatus, Problem,
    ProductPage, Wish,
)

client = Client(base_url=URL)

page = list_products.sync(client=client, limit=5)
assert isinstance(page, ProductPage), page
product = next(one for one in page.items if one.variants[0].free > 2)
variant = product.variants[0]

# Whoever is refused is told why, as a type.
refused = add_to_cart.sync(client=client, body=Wish(sku="nobody has this", units=1))
assert isinstance(refused, Problem) and refused.code.value == "unknown-sku", refused

added = add_to_cart.sync_detailed(client=client, body=Wish(sku=variant.sku, units=2))
assert isinstance(added.parsed, Cart), added
assert added.parsed.total.amount_minor == 2 * variant.price.amount_minor
shopper = client.with_headers({"Cart-Token": added.headers["Cart-Token"]})
cart = read_cart.sync(client=shopper)
assert isinstance(cart, Cart) and [line.units for line in cart.items] == [2], cart

home = Address(name="Ana", line1="1 Main St", city="Springfield", postal_code="12345", country="US")
payment = Payment(method=PaymentMethod.CARD, token="tok_approve")
checkout = Checkout(email="ana@example.com", address=home, payment=payment)
key = str(uuid.uuid4())
placed = check_out.sync(client=shopper, body=checkout, idempotency_key=key)
assert isinstance(placed, Order), placed
again = check_out.sync_detailed(client=shopper, body=checkout, idempotency_key=key)
assert again.parsed.id == placed.id and again.headers["Idempotency-Replayed"] == "true", again

buyer = client.with_headers({"Order-Token": placed.access_token})
until = time.monotonic() + 30
while (order := read_order.sync(placed.id, client=buyer)).status == OrderStatus.PLACED:
    assert time.monotonic() < until, order
    time.sleep(0.05)
assert isinstance(order, Order), order
assert order.status == OrderStatus.CONFIRMED, order
assert order.payment_status == PaymentStatus.CAPTURED, order
print(f"bought 2 of {variant.sku}: {order.id} is {order.status}")
