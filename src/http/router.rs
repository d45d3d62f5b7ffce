//! The whole map of addresses on one screen.
//!
//! Invariant: everything else of the door is below it; nothing imports the map, so what needs all
//! of it stands here.

use super::{
    Door, DoorSettings, cart,
    coding::{ASK_AGAIN, Coded, JSON},
    docs,
    extract::Call,
    inventory, live, mail,
    middleware::{manners, no_such_address, wrong_method},
    openapi as say, operate, orders, products,
    reply::{Answer, bytes},
    reservations,
    route::{Map, delete, noop, post, put, read, socket},
};
use crate::shop::Shop;
use axum::Router;
use std::sync::LazyLock;
use utoipa::openapi::OpenApi;

/// Made once per process, on first demand, and kept as it is sent.
static DOCUMENT: LazyLock<Coded> =
    LazyLock::new(|| Coded::new(JSON, ASK_AGAIN, None, bytes(&document())));

#[rustfmt::skip] // one line for each route
pub(super) fn map() -> Map {
    Map::default()
        .at("/api/products", [
            read(products::list, say::products::list),
            post("create", products::create, say::products::create),
        ])
        .at("/api/products/{id}", [
            read(products::read, say::products::read),
            put("update", products::update, say::products::update),
            delete("archive", products::archive, say::products::archive),
        ])
        .at("/api/products/{id}/restore", [post("restore", products::restore, say::products::restore)])
        .at("/api/categories", [read(products::categories, say::products::categories)])
        .at("/api/inventory/{sku}", [read(inventory::read, say::inventory::read)])
        .at("/api/inventory/{sku}/movements", [read(inventory::movements, say::inventory::movements)])
        .at("/api/inventory/{sku}/receipts", [post("receive", inventory::receive, say::inventory::receive)])
        .at("/api/inventory/{sku}/adjustments", [post("adjust", inventory::adjust, say::inventory::adjust)])
        .at("/api/inventory/{sku}/transfers", [post("transfer", inventory::transfer, say::inventory::transfer)])
        .at("/api/inventory/{sku}/write-offs", [post("write-off", inventory::write_off, say::inventory::write_off)])
        .at("/api/inventory/{sku}/low-stock", [put("low-stock", inventory::set_low_stock, say::inventory::set_low_stock)])
        .at("/api/inventory/{sku}/sale", [
            put("set-sale", inventory::set_sale, say::inventory::set_sale),
            delete("end-sale", inventory::end_sale, say::inventory::end_sale),
        ])
        .at("/api/inventory/{sku}/reservations/{id}", [
            read(reservations::read, say::reservations::read),
            put("reserve", reservations::reserve, say::reservations::reserve),
            delete("release-bare", reservations::release, say::reservations::release),
        ])
        .at("/api/inventory/{sku}/reservations/{id}/commit", [post("commit", reservations::commit, say::reservations::commit)])
        .at("/api/cart", [
            read(cart::read, say::cart::read),
            post("add", cart::add, say::cart::add),
        ])
        .at("/api/cart/items/{sku}", [
            put("set", cart::set, say::cart::set),
            delete("remove", cart::remove, say::cart::remove),
        ])
        .at("/api/cart/checkout", [post("check-out", cart::check_out, say::cart::check_out)])
        .at("/api/orders", [read(orders::list, say::orders::list)])
        .at("/api/orders/{id}", [read(orders::read, say::orders::read)])
        .at("/api/orders/{id}/cancel", [post("cancel", orders::cancel, say::orders::cancel)])
        .at("/api/orders/{id}/returns", [post("take-back", orders::take_back, say::orders::take_back)])
        .at("/api/orders/{id}/retry", [post("retry", orders::retry, say::orders::retry)])
        .at("/api/mail/dead", [read(mail::dead, say::mail::dead)])
        .at("/api/mail/dead/{id}/resend", [post("resend", mail::resend, say::mail::resend)])
        .at("/api/quarantine", [read(operate::quarantined, say::operate::quarantined)])
        .at("/api/quarantine/{entity}/release", [post("release", operate::release, say::operate::release)])
        .at("/api/cut", [post("cut", operate::cut, say::operate::cut)])
        .at("/ws/stock", [socket(live::stock, say::live::stock)])
        .at("/ws/orders/{id}", [socket(live::order, say::live::order)])
        .at("/ws/commands", [socket(live::commands, say::live::commands)])
        .at("/healthz", [read(operate::alive, say::operate::alive)])
        .at("/readyz", [read(operate::ready, say::operate::ready)])
        .at("/metrics", [read(operate::metrics, say::operate::metrics)])
        .at("/openapi.json", [read(send_document, say::docs::document)])
        .at("/docs", [read(docs::page, say::docs::page)])
        .at("/docs/{file}", [read(docs::asset, say::docs::asset)])
}

/// What all of it is, for programs.
pub(super) fn document() -> OpenApi {
    say::document(map().into_described())
}

/// `GET /openapi.json`
async fn send_document(_: Door, call: Call) -> Answer {
    Ok(DOCUMENT.answer(call.headers()))
}

/// The door to a shop, as a service.
pub fn router(shop: Shop, settings: DoorSettings) -> Router {
    Door::new(shop, settings).router()
}

impl Door {
    /// This door as a service.
    pub fn router(&self) -> Router {
        furnish(map().into_router(), self.clone())
    }

    /// As [`Door::router`], and `POST /noop`: JSON in, JSON out, nothing done. For benches only:
    /// what the door itself costs.
    pub fn router_with_noop(&self) -> Router {
        furnish(map().into_router().route("/noop", noop()), self.clone())
    }
}

fn furnish(map: Router<Door>, door: Door) -> Router {
    let map = map
        .fallback(no_such_address)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(door.clone(), manners));
    // Outside of everything else, so that a page can read every refusal.
    let map = match door.settings().cors_origins.layer() {
        Some(cors) => map.layer(cors),
        None => map,
    };
    map.with_state(door)
}
