//! A tiny shop for the generator's own tests: just enough of the contract, in memory, and able to
//! be wrong in named ways. Without a flaw it keeps the contract.

mod line;

pub(super) use line::{behind_a_bad_line, behind_a_line_that_ends};

use super::target::Target;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::net::TcpListener;

/// The admin token of every fake.
pub(super) const ADMIN: &str = "fake-admin";

/// What a fake does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// Not a flaw: asks to come again with 503, 409 `in-progress` and 429, each now and then.
    Busy,
    /// Not a flaw: confirms an order only when it is read the second time.
    SettlesLate,
    /// Sells beyond its stock.
    Oversells,
    /// Confirms every second order without taking its units.
    SellsTwice,
    /// Can't find an order again.
    ForgetsOrders,
    /// Adds a cent to a total.
    Overcharges,
    /// Keeps a sold order's units reserved.
    Leaks,
    /// Answers every fifth checkout with a 500.
    Crashes,
    /// Says sold-out while there is stock.
    TurnsAway,
    /// Refunds a cent less than came back.
    Shortchanges,
    /// Does not put what came back into stock.
    KeepsReturns,
}

#[derive(Clone, Default)]
struct Stock {
    on_hand: i64,
    reserved: i64,
    sold: i64,
    price: Value,
}

#[derive(Default)]
struct Shop {
    stock: BTreeMap<String, Stock>,
    products: Vec<Value>,
    carts: Vec<BTreeMap<String, i64>>,
    orders: Vec<Value>,
    reads: Vec<u32>,
    /// Answers by cart and key.
    remembered: BTreeMap<(String, String), (u16, Value)>,
    calls: u64,
}

#[derive(Clone)]
struct Door {
    flaw: Flaw,
    shop: Arc<Mutex<Shop>>,
}

impl Door {
    fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap()
    }

    /// What a busy shop says instead of an answer.
    fn busy(&self) -> Option<Response> {
        let calls = {
            let mut shop = self.shop();
            shop.calls += 1;
            shop.calls
        };
        let (status, code) = match calls % 12 {
            _ if self.flaw != Flaw::Busy => return None,
            3 => (503, "overloaded"),
            6 => (409, "in-progress"),
            9 => (429, "overloaded"),
            _ => return None,
        };
        Some(problem(status, code, json!({"retry_after_ms": 2})))
    }
}

/// A running fake; it ends with the test's runtime.
pub(super) struct Fake {
    pub(super) target: Target,
}

impl Fake {
    /// On a free port, with ten units of `TEE` at 12.00 USD.
    pub(super) async fn start(flaw: Flaw) -> Fake {
        let door = Door { flaw, shop: Arc::default() };
        let tee =
            json!({"sku": "TEE", "units": 10, "price": {"amount_minor": 1200, "currency": "USD"}});
        door.shop().take_in(&json!({"variants": [tee]}));
        let routes = Router::new()
            .route("/api/products", get(list).post(create))
            .route("/api/inventory/{sku}", get(inventory))
            .route("/api/cart", post(add))
            .route("/api/cart/checkout", post(checkout))
            .route("/api/orders/{id}", get(order))
            .route("/api/orders/{id}/returns", post(take_back))
            .with_state(door);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Fake { target: Target::parse(&url).unwrap() }
    }
}

fn problem(status: u16, code: &str, more: Value) -> Response {
    let mut body = more;
    body["code"] = code.into();
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

impl Shop {
    fn take_in(&mut self, product: &Value) {
        for variant in product["variants"].as_array().unwrap() {
            let on_hand = variant["units"].as_i64().unwrap();
            let stock = Stock { on_hand, price: variant["price"].clone(), ..Stock::default() };
            self.stock.insert(variant["sku"].as_str().unwrap().to_owned(), stock);
        }
        self.products.push(product.clone());
    }
}

async fn list(State(door): State<Door>) -> Json<Value> {
    Json(json!({"items": door.shop().products, "next": null}))
}

async fn create(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(product): Json<Value>,
) -> Response {
    if let Some(busy) = door.busy() {
        return busy;
    }
    if header(&headers, "authorization") != Some(format!("Bearer {ADMIN}")) {
        return problem(403, "forbidden", json!({}));
    }
    assert!(header(&headers, "idempotency-key").is_some());
    door.shop().take_in(&product);
    (StatusCode::CREATED, Json(product)).into_response()
}

async fn inventory(State(door): State<Door>, Path(sku): Path<String>) -> Response {
    match door.shop().stock.get(&sku) {
        None => problem(404, "unknown-sku", json!({})),
        Some(Stock { on_hand, reserved, sold, .. }) => Json(json!({
            "sku": sku, "on_hand": on_hand, "reserved": reserved, "sold": sold,
            "free": on_hand - reserved, "sale": null, "locations": [], "position": 1
        }))
        .into_response(),
    }
}

async fn add(State(door): State<Door>, headers: HeaderMap, Json(line): Json<Value>) -> Response {
    if let Some(busy) = door.busy() {
        return busy;
    }
    let mut shop = door.shop();
    let token = header(&headers, "cart-token");
    let key = token.clone().zip(header(&headers, "idempotency-key"));
    assert_eq!(token.is_some(), key.is_some(), "an add has a key once it has a cart");
    if key.as_ref().is_some_and(|key| shop.remembered.contains_key(key)) {
        return Json(json!({"items": [line]})).into_response();
    }
    let units = line["units"].as_i64().unwrap();
    let sku = line["sku"].as_str().unwrap().to_owned();
    let stock = shop.stock.get_mut(&sku).unwrap();
    let free = stock.on_hand - stock.reserved;
    let kept_back = if door.flaw == Flaw::TurnsAway { 10 } else { 0 };
    if door.flaw != Flaw::Oversells && free - kept_back < units {
        return problem(409, "sold-out", json!({"free": free}));
    }
    stock.reserved += units;
    let cart = token.unwrap_or_else(|| {
        shop.carts.push(BTreeMap::new());
        (shop.carts.len() - 1).to_string()
    });
    if let Some(key) = key {
        shop.remembered.insert(key, (200, Value::Null));
    }
    *shop.carts[cart.parse::<usize>().unwrap()].entry(sku).or_default() += units;
    ([("cart-token", cart)], Json(json!({"items": [line]}))).into_response()
}

async fn checkout(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(checkout): Json<Value>,
) -> Response {
    if let Some(busy) = door.busy() {
        return busy;
    }
    let mut shop = door.shop();
    let cart = header(&headers, "cart-token").unwrap();
    let key = header(&headers, "idempotency-key").unwrap();
    assert_eq!(header(&headers, "prefer").as_deref(), Some("wait=30"));
    assert_eq!(checkout["payment"]["method"], "card");
    shop.calls += 1;
    if door.flaw == Flaw::Crashes && shop.calls.is_multiple_of(3) {
        return problem(500, "internal", json!({}));
    }
    let (status, body) = match shop.remembered.get(&(cart.clone(), key.clone())) {
        Some(answer) => answer.clone(),
        None => (201, settle(&mut shop, door.flaw, &cart, &checkout)),
    };
    shop.remembered.insert((cart, key), (status, body.clone()));
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

/// Makes the order, takes its units and money.
fn settle(shop: &mut Shop, flaw: Flaw, cart: &str, checkout: &Value) -> Value {
    let lines = shop.carts[cart.parse::<usize>().unwrap()].clone();
    let number = shop.orders.len();
    let declined = checkout["payment"]["token"] == "tok_decline";
    let mut total = i64::from(flaw == Flaw::Overcharges);
    let mut items = Vec::new();
    let mut currency = Value::Null;
    for (sku, units) in lines {
        let stock = shop.stock.get_mut(&sku).unwrap();
        total += units * stock.price["amount_minor"].as_i64().unwrap();
        currency = stock.price["currency"].clone();
        items.push(json!({"sku": sku, "units": units, "price": stock.price, "title": "x"}));
        if declined {
            continue; // the reopened cart keeps them
        }
        if flaw != Flaw::Leaks {
            stock.reserved -= units;
        }
        if flaw != Flaw::SellsTwice || number.is_multiple_of(2) {
            stock.on_hand -= units;
            stock.sold += units;
        }
    }
    let (status, payment) = match (declined, flaw) {
        (true, _) => ("declined", "declined"),
        (_, Flaw::SettlesLate) => ("placed", "authorised"),
        _ => ("confirmed", "captured"),
    };
    let order = json!({
        "id": format!("ord_{number}"), "status": status, "payment_status": payment,
        "needs_review": false, "items": items, "gift": null, "timeline": [], "returns": [],
        "total": {"amount_minor": total, "currency": currency},
        "access_token": format!("key-{number}"),
    });
    shop.orders.push(order.clone());
    shop.reads.push(0);
    order
}

async fn order(State(door): State<Door>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if let Some(busy) = door.busy() {
        return busy;
    }
    let mut shop = door.shop();
    let number: usize = id.strip_prefix("ord_").unwrap().parse().unwrap();
    let forgotten = door.flaw == Flaw::ForgetsOrders && number == 1;
    if forgotten || header(&headers, "order-token") != Some(format!("key-{number}")) {
        return problem(404, "not-found", json!({}));
    }
    shop.reads[number] += 1;
    if door.flaw == Flaw::SettlesLate && shop.reads[number] == 2 {
        shop.orders[number]["status"] = "confirmed".into();
        shop.orders[number]["payment_status"] = "captured".into();
    }
    Json(shop.orders[number].clone()).into_response()
}

async fn take_back(
    State(door): State<Door>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(parcel): Json<Value>,
) -> Response {
    if let Some(busy) = door.busy() {
        return busy;
    }
    assert_eq!(header(&headers, "authorization"), Some(format!("Bearer {ADMIN}")));
    let key = (id.clone(), header(&headers, "idempotency-key").unwrap());
    let mut shop = door.shop();
    let number: usize = id.strip_prefix("ord_").unwrap().parse().unwrap();
    let Shop { stock, orders, remembered, .. } = &mut *shop;
    let order = &mut orders[number];
    assert_ne!(order["status"], "placed", "a return before its order is paid");
    let again = remembered.insert(key, (201, Value::Null)).is_some();
    let mut amount = -i64::from(door.flaw == Flaw::Shortchanges);
    for back in parcel["items"].as_array().unwrap() {
        let units = back["units"].as_i64().unwrap();
        let stock = stock.get_mut(back["sku"].as_str().unwrap()).unwrap();
        amount += units * stock.price["amount_minor"].as_i64().unwrap();
        if door.flaw != Flaw::KeepsReturns && !again {
            stock.on_hand += units;
            stock.sold -= units;
        }
    }
    if !again {
        let money = json!({"amount_minor": amount, "currency": order["total"]["currency"]});
        let back = json!({"items": parcel["items"], "amount": money, "refunded": true});
        order["returns"].as_array_mut().unwrap().push(back);
        let units = |items: &Value| -> i64 {
            items.as_array().unwrap().iter().map(|item| item["units"].as_i64().unwrap()).sum()
        };
        let returns = order["returns"].as_array().unwrap();
        let back: i64 = returns.iter().map(|back| units(&back["items"])).sum();
        if units(&order["items"]) == back {
            order["status"] = "returned".into();
            order["payment_status"] = "refunded".into();
        }
    }
    (StatusCode::CREATED, Json(order.clone())).into_response()
}
