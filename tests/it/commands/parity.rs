//! One table of good and bad, asked at both doors: the answers are the same.

use super::Line;
use crate::{
    app::{ADMIN, App, Reply, details},
    reservations::at,
};
use serde_json::{Map, Value, json};

/// A request over HTTP and the command that does the same.
struct Pair {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    command: Value,
    body: Value,
}

fn pair(method: &'static str, path: &str, what: &str, body: Value) -> Pair {
    Pair { method, path: path.into(), headers: vec![], command: json!({"do": what}), body }
}

impl Pair {
    fn says(mut self, field: &str, value: impl Into<Value>) -> Pair {
        self.command[field] = value.into();
        self
    }

    /// Said in a header there and in a field here.
    fn head(mut self, header: &'static str, field: &str, value: &str) -> Pair {
        self.headers.push((header, value.to_owned()));
        self.says(field, value)
    }

    async fn over_http(&self, app: &App) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        app.call(self.method, &self.path, &headers, self.body.clone()).await
    }

    async fn over_socket(&self, line: &mut Line) -> Value {
        let mut command = self.command.clone();
        command["id"] = json!("x");
        if !self.body.is_null() {
            command["body"] = self.body.clone();
        }
        line.ask(command).await
    }
}

/// What differs from call to call, however they are made.
fn without_moments(mut body: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["id", "until", "reserved_until", "at", "access_token"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut body);
    body
}

/// Good and bad, in an order in which each finds the same at both doors.
fn table(token: &str, other: &str) -> Vec<Pair> {
    let line = |units: Value| json!({"sku": "TEE", "units": units});
    let with = |one: Pair| one.head("Cart-Token", "cart_token", token);
    let of = |what, method, path: &str, digit: char, body| {
        let id = format!("res_{}", digit.to_string().repeat(32));
        let path = at("TEE", digit) + path;
        pair(method, &path, what, body).says("sku", "TEE").says("reservation", id)
    };
    let order = "ord_00000000000000000000000000000000";
    vec![
        pair("POST", "/api/cart", "cart.add", line(json!(1))),
        pair("POST", "/api/cart", "cart.add", line(json!(0))),
        pair("POST", "/api/cart", "cart.add", line(json!("1"))),
        pair("POST", "/api/cart", "cart.add", line(json!(99_999))),
        pair("POST", "/api/cart", "cart.add", json!({"sku": "NONE", "units": 1})),
        pair("POST", "/api/cart", "cart.add", json!({"sku": "TEE"})),
        pair("POST", "/api/cart", "cart.add", json!([1])),
        pair("POST", "/api/cart", "cart.add", Value::Null),
        pair("GET", "/api/cart", "cart.read", Value::Null),
        pair("GET", "/api/cart", "cart.read", Value::Null).head("Cart-Token", "cart_token", "x"),
        with(pair("POST", "/api/cart", "cart.add", line(json!(1)))).head(
            "Idempotency-Key",
            "key",
            "k",
        ),
        with(pair("POST", "/api/cart", "cart.add", line(json!(1)))).head(
            "Idempotency-Key",
            "key",
            "k",
        ),
        with(pair("POST", "/api/cart", "cart.add", line(json!(2)))).head(
            "Idempotency-Key",
            "key",
            "k",
        ),
        with(pair("POST", "/api/cart", "cart.add", line(json!(2)))).head(
            "Idempotency-Key",
            "key",
            "",
        ),
        with(pair("PUT", "/api/cart/items/TEE", "cart.set", json!({"units": 3})))
            .says("sku", "TEE"),
        with(pair("PUT", "/api/cart/items/A%40", "cart.set", json!({"units": 3})))
            .says("sku", "A@"),
        with(pair("DELETE", "/api/cart/items/TEE", "cart.remove", Value::Null)).says("sku", "TEE"),
        with(pair("POST", "/api/cart/checkout", "checkout", details("tok_approve"))),
        with(pair("POST", "/api/cart/checkout", "checkout", details("tok_approve"))).head(
            "Idempotency-Key",
            "key",
            "c1",
        ),
        with(pair("POST", "/api/cart", "cart.add", line(json!(2)))),
        with(pair("GET", "/api/cart", "cart.read", Value::Null)),
        pair("GET", &format!("/api/orders/{order}"), "order.read", Value::Null)
            .says("order", order),
        pair("POST", &format!("/api/orders/{order}/cancel"), "order.cancel", Value::Null)
            .says("order", order),
        pair("GET", "/api/orders/x", "order.read", Value::Null).says("order", "x"),
        of("reserve", "PUT", "", '1', json!({"units": 1, "buyer": other})),
        of("reserve", "PUT", "", '1', json!({"units": 2, "buyer": other})),
        of("reserve", "PUT", "", '2', json!({"units": 0})),
        of("reserve", "PUT", "", '2', json!({"units": 99_999})),
        of("reservation.read", "GET", "", '1', Value::Null),
        of("reservation.read", "GET", "", '9', Value::Null),
        of("commit", "POST", "/commit", '9', json!({"reference": "r"})),
        of("commit", "POST", "/commit", '1', json!({"reference": ""})),
        of("release", "DELETE", "", '9', Value::Null),
        pair("PUT", "/api/inventory/TEE/reservations/x", "reserve", json!({"units": 1}))
            .says("sku", "TEE")
            .says("reservation", "x"),
    ]
}

#[tokio::test]
async fn a_command_is_answered_as_the_request_that_does_the_same() {
    let app = App::new().await;
    app.stock_up("TEE", 50).await;
    let mut line = Line::admin(&app).await;
    // Each door has a cart of its own, and both do the same with it.
    let carts = [app.guest("TEE", 1).await, app.guest("TEE", 1).await];
    let [http, socket] = [table(&carts[0], "ana"), table(&carts[1], "ana")];
    let mut good = 0;
    for (one, other) in http.iter().zip(&socket) {
        let what = format!("{} {} {}", one.method, one.path, one.body);
        let reply = one.over_http(&app).await;
        let answer = other.over_socket(&mut line).await;
        assert_eq!(answer["id"], "x");
        assert_eq!(answer["status"], reply.status(), "{what}: {reply} and {answer}");
        let expected = without_moments(reply.body());
        let mut body = without_moments(answer["body"].clone());
        // The counts of the second are those after the first.
        let mut expected = expected;
        for one in [&mut body, &mut expected] {
            one.as_object_mut().unwrap_or(&mut Map::new()).remove("free");
        }
        let repeated = reply.replayed() || one.path.ends_with(&"1".repeat(32));
        assert_eq!(
            answer["replayed"] == true,
            repeated && reply.status() < 300 && one.method != "GET",
            "{what}: {answer}"
        );
        assert_eq!(body, expected, "{what}");
        assert_eq!(answer.get("cart_token").is_some(), !reply.header("cart-token").is_empty());
        assert_eq!(answer.get("location").is_some(), !reply.header("location").is_empty());
        good += usize::from(reply.status() < 300);
    }
    assert!((10..http.len() - 10).contains(&good), "{good} of {} were good", http.len());
    app.close().await;
}
