//! What a client was told, and whether the shop still says so.

use crate::{Dice, server::ADMIN};
use bytes::Bytes;
use doorbuster::{
    domain::Time,
    load::{
        Answer, Client,
        client::{CART_TOKEN, Error, IDEMPOTENCY_KEY, ORDER_TOKEN, bearer},
    },
    ports::{Clock as _, clock},
};
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const SKUS: [&str; 3] = ["PLENTY-1", "PLENTY-2", "DROP"];

/// Units that each SKU ever gets: `DROP` is sold out soon.
pub(crate) const UNITS: [u64; 3] = [100_000, 100_000, 60];

pub(crate) fn now() -> Time {
    clock::System::new().wall()
}

/// A reservation that a client was told of.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    pub(crate) cart: String,
    pub(crate) sku: &'static str,
    pub(crate) units: u64,
    pub(crate) until: Time,
}

/// A checkout that was sent, and what it needs to be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) cart: String,
    pub(crate) key: String,
    pub(crate) payment: &'static str,
    pub(crate) sku: &'static str,
    pub(crate) units: u64,
}

/// An order that a client was told of.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) sent: Sent,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) total: Value,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) reserved: Vec<Reserved>,
    pub(crate) orders: Vec<Told>,
    /// Sent, and nobody knows.
    pub(crate) unanswered: Vec<Sent>,
    pub(crate) refused: u64,
}

impl History {
    pub(crate) fn absorb(&mut self, other: History) {
        self.reserved.extend(other.reserved);
        self.orders.extend(other.orders);
        self.unanswered.extend(other.unanswered);
        self.refused += other.refused;
    }
}

pub(crate) fn header(name: HeaderName, value: &str) -> (HeaderName, HeaderValue) {
    (name, HeaderValue::from_str(value).unwrap())
}

pub(crate) fn body(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

pub(crate) fn value(answer: &Answer) -> Value {
    answer.json().unwrap()
}

pub(crate) fn code(answer: &Answer) -> String {
    value(answer)["code"].as_str().unwrap_or_default().to_owned()
}

/// Makes the three SKUs; again and again, for a kill may come in between.
pub(crate) async fn stock_up(client: &mut Client) -> Result<(), Error> {
    for (sku, units) in SKUS.iter().zip(UNITS) {
        let price = json!({"amount_minor": 1_999, "currency": "USD"});
        let variant =
            json!({"sku": sku, "title": sku, "price": price, "weight_g": 1, "units": units});
        let product = json!({"title": sku, "description": "", "category": "", "tags": [],
            "images": [], "variants": [variant]});
        let headers = [bearer(ADMIN).unwrap(), header(IDEMPOTENCY_KEY, sku)];
        let made = client.post("/api/products", &headers, body(&product)).await?;
        assert_eq!(made.status, 201, "{made:?}");
    }
    Ok(())
}

pub(crate) async fn inventory(client: &mut Client, sku: &str) -> Result<Value, Error> {
    let answer = client.get(&format!("/api/inventory/{sku}"), &[]).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    Ok(value(&answer))
}

/// Reserves, and mostly checks out; ends with the process.
pub(crate) async fn shop(client: &mut Client, dice: &mut Dice, history: &mut History) -> Error {
    loop {
        if let Err(error) = errand(client, dice, history).await {
            return error;
        }
    }
}

pub(crate) async fn errand(
    client: &mut Client,
    dice: &mut Dice,
    history: &mut History,
) -> Result<(), Error> {
    let sku = SKUS[usize::try_from(dice.below(3)).unwrap()];
    let mut units = 1 + dice.below(2);
    let wish = body(&json!({"sku": sku, "units": units}));
    let added = client.post("/api/cart", &[], wish).await?;
    if !added.is_success() {
        history.refused += 1;
        return refused(&added).await;
    }
    let cart = added.cart_token().unwrap().to_str().unwrap().to_owned();
    let mut until = reserved_until(&added);
    history.reserved.push(Reserved { cart: cart.clone(), sku, units, until });
    if dice.below(3) == 0 {
        let headers = [header(CART_TOKEN, &cart), header(IDEMPOTENCY_KEY, "more")];
        let wish = body(&json!({"sku": sku, "units": 1}));
        // Until it is answered, one unit more or less is as good.
        let known = history.reserved.pop().unwrap();
        let more = client.post("/api/cart", &headers, wish).await?;
        if more.is_success() {
            units += 1;
            until = reserved_until(&more);
            history.reserved.push(Reserved { units, until, ..known });
        } else if more.status == 409 {
            history.reserved.push(known);
            refused(&more).await?;
        } else {
            return refused(&more).await; // one unit or two: nobody was told
        }
    }
    let payment = match dice.below(10) {
        0 => "tok_decline",
        1 => "tok_unknown",
        2 => "tok_unavailable",
        3 | 4 => return Ok(()),
        _ => "tok_approve",
    };
    history.reserved.pop();
    let key = format!("key-{}", dice.next());
    check_out(client, Sent { cart, key, payment, sku, units }, history).await.map(drop)
}

/// Takes no for an answer, if it is one that a shopper can get here.
async fn refused(answer: &Answer) -> Result<(), Error> {
    let code = code(answer);
    assert!(matches!(&*code, "sold-out" | "unavailable" | "reservation-lapsed"), "{answer:?}");
    clock::pause(Duration::from_millis(2)).await;
    Ok(())
}

pub(crate) fn reserved_until(answer: &Answer) -> Time {
    let until = value(answer)["items"][0]["reserved_until"].clone();
    serde_json::from_value(until).unwrap()
}

/// Sends a checkout, once; notes what is told.
pub(crate) async fn check_out(
    client: &mut Client,
    sent: Sent,
    history: &mut History,
) -> Result<bool, Error> {
    let address = json!({"name": "Ana", "line1": "1 Main St", "city": "Springfield",
        "postal_code": "12345", "country": "US"});
    let details = json!({"email": "ana@example.com", "address": address,
        "payment": {"method": "card", "token": sent.payment}});
    let headers = [header(CART_TOKEN, &sent.cart), header(IDEMPOTENCY_KEY, &sent.key)];
    let answer = match client.post("/api/cart/checkout", &headers, body(&details)).await {
        Ok(answer) => answer,
        Err(error) => {
            history.unanswered.push(sent);
            return Err(error);
        }
    };
    match answer.status {
        201 => {
            let order = value(&answer);
            let text = |field: &str| order[field].as_str().unwrap().to_owned();
            let (id, token) = (text("id"), text("access_token"));
            history.orders.push(Told { sent, id, token, total: order["total"].clone() });
        }
        409 if code(&answer) == "reservation-lapsed" => history.refused += 1,
        409 | 503 if matches!(&*code(&answer), "in-progress" | "unavailable") => {
            history.unanswered.push(sent);
        }
        _ => panic!("{answer:?}"),
    }
    Ok(answer.headers.contains_key("idempotency-replayed"))
}

/// The checkout sent again with its key is the order that was told.
pub(crate) async fn is_the_same(client: &mut Client, told: &Told) {
    for _ in 0..100 {
        let mut again = History::default();
        let replayed = check_out(client, told.sent.clone(), &mut again).await.unwrap();
        if let Some(order) = again.orders.first() {
            assert!(replayed, "{} was told before", told.id);
            assert_eq!((&order.id, &order.token), (&told.id, &told.token));
            assert_eq!(order.total, told.total);
            return;
        }
        assert_eq!(again.refused, 0, "{} is refused now", told.id);
        clock::pause(Duration::from_millis(20)).await;
    }
    panic!("{} is never answered again", told.id);
}

/// The order as it is now; it must be there, and be what was told.
pub(crate) async fn find(client: &mut Client, told: &Told) -> Value {
    let order = look(client, told).await.unwrap();
    order.unwrap_or_else(|| panic!("{} is out of reach", told.id))
}

/// As [`find`], where the process may be gone, or going: `None`.
pub(crate) async fn look(client: &mut Client, told: &Told) -> Result<Option<Value>, Error> {
    let headers = [header(ORDER_TOKEN, &told.token)];
    let answer = client.get(&format!("/api/orders/{}", told.id), &headers).await?;
    if answer.status == 503 {
        return Ok(None);
    }
    assert_eq!(answer.status, 200, "{} is lost: {answer:?}", told.id);
    let order = value(&answer);
    assert_eq!((&order["id"], &order["total"]), (&json!(told.id), &told.total));
    assert_eq!(order["items"][0]["units"], json!(told.sent.units));
    let status = order["status"].as_str().unwrap();
    let wanted = if told.sent.payment == "tok_decline" { "declined" } else { "confirmed" };
    assert!(status == "placed" || status == wanted, "{} is {status}", told.id);
    Ok(Some(order))
}

/// The reservation stands, unless its deadline has come meanwhile.
pub(crate) async fn still_holds(client: &mut Client, told: &Reserved) {
    let headers = [header(CART_TOKEN, &told.cart)];
    let answer = client.get("/api/cart", &headers).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let cart = value(&answer);
    let line = &cart["items"][0];
    if line["reserved_until"].is_null() {
        assert!(now() >= told.until, "{} lost {} before {}", told.cart, told.sku, told.until);
        return;
    }
    assert_eq!(line["units"], json!(told.units), "{cart}");
    assert_eq!(reserved_until(&answer), told.until);
}
