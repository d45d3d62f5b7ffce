//! The whole map of addresses on one screen.

use super::{
    Door, DoorSettings, cart,
    extract::Call,
    inventory, live, mail,
    middleware::{manners, no_such_address, wrong_method},
    operate, orders,
    problem::Problem,
    products,
    reply::{Answer, json},
};
use crate::shop::Shop;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{MethodFilter, MethodRouter, get, on},
};

fn map() -> Router<Door> {
    let product = read(products::read).merge(put("update", products::update));
    Router::new()
        .route("/api/products", read(products::list).merge(post("create", products::create)))
        .route("/api/products/{id}", product.merge(delete("archive", products::archive)))
        .route("/api/products/{id}/restore", post("restore", products::restore))
        .route("/api/categories", read(products::categories))
        .route("/api/inventory/{sku}", read(inventory::read))
        .route("/api/inventory/{sku}/receipts", post("receive", inventory::receive))
        .route("/api/inventory/{sku}/adjustments", post("adjust", inventory::adjust))
        .route("/api/inventory/{sku}/transfers", post("transfer", inventory::transfer))
        .route("/api/inventory/{sku}/write-offs", post("write-off", inventory::write_off))
        .route("/api/inventory/{sku}/low-stock", put("low-stock", inventory::set_low_stock))
        .route("/api/inventory/{sku}/sale", put("set-sale", inventory::set_sale))
        .route("/api/inventory/{sku}/sale", delete("end-sale", inventory::end_sale))
        .route("/api/cart", read(cart::read).merge(post("add", cart::add)))
        .route("/api/cart/items/{sku}", put("set", cart::set).merge(delete("remove", cart::remove)))
        .route("/api/cart/checkout", post("check-out", cart::check_out))
        .route("/api/inventory/{sku}/movements", read(inventory::movements))
        .route("/api/orders", read(orders::list))
        .route("/api/orders/{id}", read(orders::read))
        .route("/api/orders/{id}/cancel", post("cancel", orders::cancel))
        .route("/api/orders/{id}/returns", post("take-back", orders::take_back))
        .route("/api/orders/{id}/retry", post("retry", orders::retry))
        .route("/api/mail/dead", read(mail::dead))
        .route("/api/mail/dead/{id}/resend", post("resend", mail::resend))
        .route("/api/quarantine", read(operate::quarantined))
        .route("/api/quarantine/{entity}/release", post("release", operate::release))
        .route("/api/cut", post("cut", operate::cut))
        .route("/ws/stock", get(live::stock))
        .route("/ws/orders/{id}", get(live::order))
        .route("/healthz", read(operate::alive))
        .route("/readyz", read(operate::ready))
        .route("/metrics", read(operate::metrics))
}

/// The door to a shop, as a service.
pub fn router(shop: Shop, settings: DoorSettings) -> Router {
    Door::new(shop, settings).router()
}

impl Door {
    /// This door as a service.
    pub fn router(&self) -> Router {
        furnish(map(), self.clone())
    }

    /// As [`Door::router`], and `POST /noop`: JSON in, JSON out, nothing done. For benches only:
    /// what the door itself costs.
    pub fn router_with_noop(&self) -> Router {
        furnish(map().route("/noop", post("noop", noop)), self.clone())
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

/// A handler that changes nothing.
fn read<F: Pending>(handler: impl Handle<F>) -> MethodRouter<Door> {
    get(move |State(door): State<Door>, call: Call| handler(door, call))
}

fn post<F: Pending>(kind: &'static str, handler: impl Handle<F>) -> MethodRouter<Door> {
    command(MethodFilter::POST, kind, handler)
}

fn put<F: Pending>(kind: &'static str, handler: impl Handle<F>) -> MethodRouter<Door> {
    command(MethodFilter::PUT, kind, handler)
}

fn delete<F: Pending>(kind: &'static str, handler: impl Handle<F>) -> MethodRouter<Door> {
    command(MethodFilter::DELETE, kind, handler)
}

/// An answer on its way.
trait Pending: Future<Output = Answer> + Send + 'static {}
impl<F: Future<Output = Answer> + Send + 'static> Pending for F {}

/// What stands at an address.
trait Handle<F>: Fn(Door, Call) -> F + Clone + Send + Sync + 'static {}
impl<H: Fn(Door, Call) -> F + Clone + Send + Sync + 'static, F> Handle<F> for H {}

/// A handler that changes something, and the count of how that ended.
fn command<F: Pending>(
    method: MethodFilter,
    kind: &'static str,
    handler: impl Handle<F>,
) -> MethodRouter<Door> {
    let done = metrics::counter!("doorbuster_commands_total", "kind" => kind, "outcome" => "ok");
    let counted = move |State(door): State<Door>, call: Call| {
        let (done, answer) = (done.clone(), handler(door, call));
        async move {
            let answer = answer.await;
            match &answer {
                Ok(_) => done.increment(1),
                Err(problem) => refused(kind, problem),
            }
            answer
        }
    };
    on(method, counted)
}

fn refused(kind: &'static str, problem: &Problem) {
    let outcome = problem.code().name();
    metrics::counter!("doorbuster_commands_total", "kind" => kind, "outcome" => outcome)
        .increment(1);
}

async fn noop(_: Door, call: Call) -> Answer {
    let body: serde_json::Value = call.json()?;
    Ok(json(StatusCode::OK, &body))
}
