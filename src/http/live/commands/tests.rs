//! What needs a full house to be seen: a bound that is reached is said, and nothing waits beyond it.

use super::*;
use crate::{http::tests::house_with, shop::Options};
use serde_json::{Value, json};
use std::future::pending;

fn add(id: u64) -> Message {
    let body = json!({"sku": "A", "units": 1});
    Message::Text(json!({"id": id, "do": "cart.add", "body": body}).to_string().into())
}

fn read(answer: &Utf8Bytes) -> Value {
    serde_json::from_str(answer.as_str()).unwrap()
}

fn is_refused(answer: &Value, id: u64) {
    let said = (&answer["id"], &answer["status"], &answer["body"]["code"]);
    assert_eq!(said, (&json!(id), &json!(503), &json!("overloaded")));
    assert_eq!(answer["body"]["retry_after_ms"], 1_000);
}

#[tokio::test]
async fn one_command_too_many_on_a_socket_is_refused_at_once() {
    let (_folder, opened, door) = house_with(&["A"], Options::default()).await;
    let mut gateway = Gateway::new(door, &HeaderMap::new());
    for _ in 1..MOST_UNDER_WAY {
        gateway.under_way.push(Box::pin(pending()));
    }
    assert!(gateway.begin(add(1)).is_none(), "this is the last one that has room");
    let refusal = gateway.begin(add(2)).expect("an answer at once");
    is_refused(&read(&refusal), 2);
    let done = gateway.under_way.next().await.expect("the other one goes on");
    assert_eq!(read(&done)["status"], 200);
    assert!(gateway.begin(add(3)).is_none(), "there is room again");
    drop(gateway);
    opened.close().await;
}

#[tokio::test]
async fn a_shop_without_a_permit_left_refuses_as_it_does_a_request() {
    let options = Options { most_commands: 1, ..Options::default() };
    let (_folder, opened, door) = house_with(&["A"], options).await;
    let mut gateway = Gateway::new(door, &HeaderMap::new());
    assert!(gateway.begin(add(1)).is_none() && gateway.begin(add(2)).is_none());
    let mut answers = vec![];
    while let Some(answer) = gateway.under_way.next().await {
        answers.push(read(&answer));
    }
    answers.sort_by_key(|answer| answer["id"].as_u64());
    assert_eq!(answers[0]["status"], 200, "{answers:?}");
    is_refused(&answers[1], 2);
    drop(gateway);
    opened.close().await;
}
