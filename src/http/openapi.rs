//! The document of this door for programs: `OpenAPI` 3.1, made from the code.
//!
//! Addresses come from the router's map, bodies from the structs that are read and written, problems
//! from their codes. Reading order: [`operation`] is the language; `cart`, `orders`, `inventory`,
//! `reservations`, `products`, `live`, `mail`, `operate` and `docs` say in it what stands at each
//! address. Invariant: an address without a description does not compile.

pub(super) mod cart;
pub(super) mod docs;
pub(super) mod inventory;
pub(super) mod live;
pub(super) mod mail;
pub(super) mod operate;
mod operation;
pub(super) mod orders;
pub(super) mod products;
pub(super) mod reservations;

pub(super) use operation::Operation;

use self::operation::{ADMIN_TOKEN, CART_COOKIE, CART_TOKEN, ORDER_TOKEN, ORDER_TOKEN_IN_QUERY};
use super::{
    problem,
    schemas::{self, Schemas, with},
};
use utoipa::openapi::{
    ComponentsBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, RefOr, Response,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    server::Server,
    tag::TagBuilder,
};

const DESCRIPTION: &str = "\
Sells stock in the minute in which everybody comes at once: a unit is reserved by the add to a cart, \
taken over by the order and sold when it is paid, and never promised twice.\n\n\
Money is in integer minor units with its currency; times are RFC 3339 in UTC; ids are opaque. A \
request that is not done is answered with `application/problem+json` and a `code` to decide by. A \
POST with an `Idempotency-Key` may be repeated until it is answered: it happens once. A 503 with \
`unavailable` leaves the outcome open: repeat with the same key.";

const TAGS: [(&str, &str); 9] = [
    (cart::TAG, "A shopper's cart, from the first add to the checkout."),
    (orders::TAG, "What became of a checkout."),
    (products::TAG, "The catalogue."),
    (inventory::TAG, "Stock of each SKU, its ledger and its sale."),
    (reservations::TAG, "Stock for services that keep carts and orders of their own."),
    (live::TAG, "What changes, as it changes, over WebSocket."),
    (mail::TAG, "Letters that did not arrive."),
    (operate::TAG, "What operators and their machines ask."),
    (docs::TAG, "This document."),
];

/// What a handler's route says of it.
pub(super) type Description = fn() -> Operation;

/// One method at an address, and what is said of it.
pub(super) type Described = (&'static str, HttpMethod, Description);

/// The whole document, of these routes.
pub(super) fn document(routes: Vec<Described>) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new();
    let (mut schemas, mut responses): (Schemas, Vec<(String, Response)>) = (vec![], vec![]);
    with::<problem::Body<'static>>(&mut schemas);
    for (path, method, description) in routes {
        let written = description().write();
        schemas.extend(written.schemas);
        responses.extend(written.responses);
        paths = paths.path(path, PathItem::new(method, written.operation));
    }
    let responses = responses.into_iter().map(|(name, one)| (name, RefOr::T(one)));
    components = components.schemas_from_iter(schemas).responses_from_iter(responses);
    for (name, scheme) in keys() {
        components = components.security_scheme(name, scheme);
    }
    let info = InfoBuilder::new()
        .title("Doorbuster")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()));
    let tags =
        TAGS.map(|(name, what)| TagBuilder::new().name(name).description(Some(what)).build());
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

/// What opens what.
fn keys() -> [(&'static str, SecurityScheme); 5] {
    let admin = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "The admin token: a setting, or the file `admin_token` in the store's folder.",
    ));
    let key = |name, what| ApiKeyValue::with_description(name, what);
    let cart = "What the first successful add answered with as header `Cart-Token`.";
    let cookie = "The same token, as the cookie that the first successful add set.";
    let order = "The order's `access_token`, as its checkout answered.";
    [
        (ADMIN_TOKEN, SecurityScheme::Http(admin.build())),
        (CART_TOKEN, SecurityScheme::ApiKey(ApiKey::Header(key("Cart-Token", cart)))),
        (CART_COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(key("cart_token", cookie)))),
        (ORDER_TOKEN, SecurityScheme::ApiKey(ApiKey::Header(key("Order-Token", order)))),
        (ORDER_TOKEN_IN_QUERY, SecurityScheme::ApiKey(ApiKey::Query(key("token", order)))),
    ]
}

#[cfg(test)]
mod tests;
