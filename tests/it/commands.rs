//! Commands over a socket: the same answers as over HTTP, many under way, and none lost.

mod parity;

use crate::app::{ADMIN, App, SOON, details};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

/// A gateway's socket.
struct Line(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Line {
    async fn open(app: &App, token: Option<&str>) -> Result<Line, Error> {
        let url = format!("ws://{}/ws/commands", app.target().authority());
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", bearer);
        }
        Ok(Line(connect_async(request).await?.0))
    }

    async fn admin(app: &App) -> Line {
        Line::open(app, Some(ADMIN)).await.unwrap()
    }

    async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// The next answer; `None` once the other side says goodbye.
    async fn hear(&mut self) -> Option<Value> {
        loop {
            let message = timeout(SOON, self.0.next()).await.expect("an answer comes");
            match message.unwrap().unwrap() {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Ping(_) => {}
                Message::Close(frame) => {
                    assert_eq!(u16::from(frame.unwrap().code), 1001);
                    return None;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn ask(&mut self, command: Value) -> Value {
        self.say(command.to_string()).await;
        self.hear().await.unwrap()
    }

    /// So many answers, by the number that is their id.
    async fn answers(&mut self, count: usize) -> BTreeMap<u64, Value> {
        let mut answers = BTreeMap::new();
        while answers.len() < count {
            let answer = self.hear().await.unwrap();
            let id = answer["id"].as_u64().unwrap();
            assert!(answers.insert(id, answer).is_none(), "{id} was answered twice");
        }
        answers
    }
}

fn add(id: u64, sku: &str) -> String {
    json!({"id": id, "do": "cart.add", "body": {"sku": sku, "units": 1}}).to_string()
}

#[tokio::test]
async fn a_key_means_the_same_command_at_both_doors() {
    let app = App::new().await;
    app.stock_up("TEE", 50).await;
    let token = app.guest("TEE", 1).await;
    let body = json!({"sku": "TEE", "units": 2});
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    let first = app.call("POST", "/api/cart", &headers, body.clone()).await;
    let mut line = Line::open(&app, None).await.unwrap();
    let again = json!({"id": 1, "do": "cart.add", "cart_token": token, "key": "k", "body": body});
    let again = line.ask(again).await;
    assert_eq!((&again["status"], &again["replayed"]), (&json!(200), &json!(true)), "{again}");
    assert_eq!(again["body"], first.body());
    app.close().await;
}

#[tokio::test]
async fn a_message_that_says_nothing_is_answered_by_what_is_wrong() {
    let app = App::new().await;
    let mut line = Line::open(&app, None).await.unwrap();
    for (text, id, status, field) in [
        ("{", "null", 415, Value::Null),
        (r#"{"id":1}"#, "1", 422, json!("/do")),
        (r#"{"id":2,"do":"fly"}"#, "2", 422, json!("/do")),
        (r#"{"do":"cart.read"}"#, "null", 422, json!("/id")),
        (r#"{"id":[3],"do":"cart.read"}"#, "null", 422, json!("/id")),
        (r#"{"id":"4","do":"cart.read","more":1}"#, r#""4""#, 422, json!("/more")),
        (r#"{"id":5,"do":"cart.set"}"#, "5", 422, json!("/sku")),
        (r#"{"id":6,"do":"cart.add","key":"a\nb","body":{}}"#, "6", 422, json!("/key")),
        (r#"{"id":7,"do":"cart.read"}"#, "7", 401, Value::Null),
        (r#"{"id":8,"do":"release","sku":"A","reservation":"x"}"#, "8", 422, json!("id")),
    ] {
        line.say(text).await;
        let answer = line.hear().await.unwrap();
        assert_eq!(answer["id"].to_string(), id, "{text}: {answer}");
        assert_eq!(
            (&answer["status"], &answer["body"]["status"]),
            (&json!(status), &json!(status))
        );
        assert_eq!(answer["body"].get("field").unwrap_or(&Value::Null), &field, "{text}: {answer}");
    }
    line.0.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(line.hear().await.unwrap()["status"], 415);
    let large = format!(r#"{{"id":9,"do":"cart.add","body":"{}"}}"#, "x".repeat(65 << 10));
    line.say(large).await;
    assert_eq!(line.hear().await.unwrap()["body"]["code"], "too-large");
    app.close().await;
}

#[tokio::test]
async fn the_admins_token_is_given_when_the_socket_is_opened() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let Err(Error::Http(refused)) = Line::open(&app, Some("another")).await else {
        panic!("a wrong token opens no socket")
    };
    assert_eq!(refused.status(), 403);
    app.get("/ws/commands").await.is_problem(426, "upgrade-required");
    let id = format!("res_{}", "a".repeat(32));
    let wish = json!({
        "id": 1, "do": "reserve", "sku": "TEE", "reservation": id, "body": {"units": 1},
    });
    let mut anybody = Line::open(&app, None).await.unwrap();
    assert_eq!(anybody.ask(wish.clone()).await["body"]["code"], "token-required");
    let mut admin = Line::admin(&app).await;
    assert_eq!(admin.ask(wish).await["status"], 201);
    assert_eq!(app.counts("TEE").await, (5, 1, 0, 4));
    app.close().await;
}

#[tokio::test]
async fn many_commands_are_under_way_and_each_is_answered_by_its_id() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 1_000).await;
        let mut line = Line::admin(&app).await;
        for id in 0..200 {
            let message = if id % 2 == 0 {
                add(id, "TEE")
            } else {
                let reservation = format!("res_{id:032x}");
                let body = json!({"units": 1});
                json!({"id": id, "do": "reserve", "sku": "TEE", "reservation": reservation, "body": body})
                    .to_string()
            };
            line.0.feed(Message::text(message)).await.unwrap();
        }
        line.0.flush().await.unwrap();
        let answers = line.answers(200).await;
        let good =
            |(id, answer): (&u64, &Value)| answer["status"] == if id % 2 == 0 { 200 } else { 201 };
        assert!(answers.iter().all(good), "{answers:?}");
        let of = |id: u64| &answers[&id]["body"];
        assert_eq!(of(7)["id"], format!("res_{:032x}", 7), "each has its own answer");
        assert_eq!(app.counts("TEE").await, (1_000, 200, 0, 800));
        app.close().await;
    }
}

#[tokio::test]
async fn answers_come_as_they_are_done_not_as_they_were_asked() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let mut line = Line::open(&app, None).await.unwrap();
    let slow = json!({
        "id": 1, "do": "checkout", "cart_token": token, "key": "k", "wait": 30,
        "body": details("tok_slow"),
    });
    line.0.feed(Message::text(slow.to_string())).await.unwrap();
    line.0.feed(Message::text(add(2, "TEE"))).await.unwrap();
    line.0.flush().await.unwrap();
    assert_eq!(line.hear().await.unwrap()["id"], 2);
    let settled = line.hear().await.unwrap();
    assert_eq!((&settled["id"], &settled["status"]), (&json!(1), &json!(201)), "{settled}");
    assert_eq!(settled["body"]["status"], "confirmed");
    assert!(settled["location"].as_str().unwrap().starts_with("/api/orders/ord_"));
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_no_answers_is_not_read_and_costs_nobody_else() {
    /// Far more than the buffers of both sides hold.
    const TOO_MANY: u64 = 3_000_000;
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let mut line = Line::open(&app, None).await.unwrap();
    let chatter = async {
        for told in 0..TOO_MANY {
            let message = Message::text(r#"{"id":1,"do":"?"}"#);
            match timeout(SOON * 3, line.0.feed(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return told,
                Err(_) => panic!("who takes nothing is dropped"),
            }
        }
        panic!("the shop reads on, whether or not anybody takes its answers")
    };
    let buyer = async { app.guest("TEE", 1).await };
    tokio::join!(chatter, buyer);
    app.guest("TEE", 1).await;
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_a_close_is_kept_and_the_rest_can_be_told_again() {
    const COUNT: u64 = 250;
    let reserve = |id: u64| {
        let reservation = format!("res_{id:032x}");
        let body = json!({"units": 1});
        json!({"id": id, "do": "reserve", "sku": "TEE", "reservation": reservation, "body": body})
            .to_string()
    };
    let app = App::new().await;
    app.stock_up("TEE", 1_000).await;
    let mut line = Line::admin(&app).await;
    for id in 0..COUNT {
        line.0.feed(Message::text(reserve(id))).await.unwrap();
    }
    line.0.flush().await.unwrap();
    let mut answered = vec![line.hear().await.unwrap()];
    let rest = async {
        while let Some(answer) = line.hear().await {
            answered.push(answer);
        }
    };
    // The end is a goodbye with a code, which `hear` asserts.
    let (app, ()) = tokio::join!(app.restart(), rest);
    assert!(answered.iter().all(|answer| answer["status"] == 201), "{answered:?}");
    let kept = app.counts("TEE").await.1;
    assert!(kept >= answered.len() as u64, "{kept} kept of {} answered", answered.len());
    let mut line = Line::admin(&app).await;
    for id in 0..COUNT {
        line.0.feed(Message::text(reserve(id))).await.unwrap();
    }
    line.0.flush().await.unwrap();
    let again = line.answers(usize::try_from(COUNT).unwrap()).await;
    for answer in &answered {
        let repeat = &again[&answer["id"].as_u64().unwrap()];
        assert_eq!((&repeat["replayed"], &repeat["body"]), (&json!(true), &answer["body"]));
    }
    assert_eq!(app.counts("TEE").await, (1_000, COUNT, 0, 1_000 - COUNT));
    app.close().await;
}
