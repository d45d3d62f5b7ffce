//! What needs a broken rule to be seen: a panic costs one answer, a lost entity is shut out alone.

use super::{Door, DoorSettings};
use crate::{
    actors::system::Strike,
    domain::{
        Currency, EntityId, Money, Sku,
        product::{Spec, Variant},
    },
    shop::{Opened, Options, open},
};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

const ADMIN: &str = "the-admin-token-of-tests";

async fn house(skus: &[&str]) -> (TempDir, Opened, Door) {
    house_with(skus, Options::default()).await
}

pub(super) async fn house_with(skus: &[&str], options: Options) -> (TempDir, Opened, Door) {
    let folder = tempfile::tempdir().unwrap();
    let opened = open::open(folder.path(), options).await.unwrap();
    let price = Money { amount_minor: 1_999, currency: Currency::parse("USD").unwrap() };
    let variants = skus
        .iter()
        .map(|sku| Variant { units: 5, ..Variant::new(Sku::parse(sku).unwrap(), "", price) });
    let spec = Spec { title: "Tee".into(), variants: variants.collect(), ..Spec::default() };
    opened.shop.create_product(spec, None).await.unwrap();
    let door = Door::new(opened.shop.clone(), DoorSettings::new(ADMIN));
    (folder, opened, door)
}

async fn call(door: &Door, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {ADMIN}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = door.router().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn add(door: &Door, sku: &str) -> (u16, Value) {
    let (status, body) = call(door, "POST", "/api/cart", json!({"sku": sku, "units": 1})).await;
    (status, body["code"].clone())
}

fn entity(sku: &str) -> EntityId {
    EntityId::Sku(Sku::parse(sku).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_panics_is_internal_and_changes_nothing() {
    let (_folder, opened, door) = house(&["A", "B"]).await;
    opened.shop.system().faults.arm(entity("A"), Strike::Decide);
    assert_eq!(add(&door, "A").await, (500, json!("internal")));
    assert_eq!(add(&door, "B").await.0, 200);
    let (_, stock) = call(&door, "GET", "/api/inventory/A", Value::Null).await;
    assert_eq!(stock["free"], 5);
    assert_eq!(add(&door, "A").await.0, 200);
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_entity_is_shut_out_alone_until_the_admin_releases_it() {
    let (_folder, opened, door) = house(&["A", "B"]).await;
    let faults = &opened.shop.system().faults;
    faults.arm(entity("A"), Strike::Replay);
    faults.arm(entity("A"), Strike::Evolve);
    let _ = add(&door, "A").await;
    let mut answer = add(&door, "A").await;
    while answer.1 == "unavailable" {
        answer = add(&door, "A").await;
    }
    assert_eq!(answer, (503, json!("quarantined")));
    assert_eq!(add(&door, "B").await.0, 200);
    let (_, list) = call(&door, "GET", "/api/quarantine", Value::Null).await;
    assert_eq!(list["items"][0]["entity"], "sku:A", "{list}");
    faults.mend(&entity("A"), Strike::Replay);
    let (status, _) = call(&door, "POST", "/api/quarantine/sku:A/release", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(add(&door, "A").await.0, 200);
    let (_, list) = call(&door, "GET", "/api/quarantine", Value::Null).await;
    assert_eq!(list["items"], json!([]));
    opened.close().await;
}

async fn breaks() -> &'static str {
    panic!("broken by a test")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_answers_all_the_same() {
    let (_folder, opened, door) = house(&["A"]).await;
    let broken = axum::routing::get(breaks);
    let router = axum::Router::new()
        .route("/broken", broken)
        .layer(axum::middleware::from_fn_with_state(door.clone(), super::middleware::manners));
    let request = Request::get("/broken").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert!(answer.headers().contains_key("x-request-id"));
    assert_eq!(door.under_way(), 0);
    opened.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closing_door_takes_no_new_work() {
    let (_folder, opened, door) = house(&["A"]).await;
    door.close();
    assert_eq!(add(&door, "A").await, (503, json!("unavailable")));
    assert_eq!(call(&door, "GET", "/readyz", Value::Null).await.0, 503);
    assert_eq!(call(&door, "GET", "/healthz", Value::Null).await.0, 200);
    opened.close().await;
}
