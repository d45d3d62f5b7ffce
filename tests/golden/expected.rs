//! What a golden store says to its readers: the answers of the door, as the contract has them.
//!
//! Not the machines' states: those may change their shape from release to release, what a shopper
//! and an admin read may not. Time stands still, so nothing lapses while it is asked.

use crate::history::Story;
use axum::{Router, body::Body, http::Request};
use doorbuster::{
    domain::{CartId, OrderId, Time},
    http::{Door, DoorSettings},
    ports::clock::Manual,
    shop::{Opened, Options, Shop, open, orders::Contact},
};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use tower::ServiceExt as _;

const ADMIN: &str = "the-admin-token-of-tests";

/// Golden segments are cut behind their last batch; a shop would begin another one of full size.
const SEGMENT_BYTES: u64 = 1 << 20;

/// All that is asked, and what was answered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Expected {
    /// When the store is opened, in milliseconds since 1970.
    pub(crate) opened_at_ms: i64,
    pub(crate) answers: Vec<Answer>,
    /// Who bought, by order: no route says it, but the sealed data must stay readable, too.
    pub(crate) contacts: BTreeMap<String, Option<Contact>>,
}

/// One question and its answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The path of the request, which the admin makes.
    get: String,
    /// Whose cart it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cart_token: Option<String>,
    says: Value,
}

impl Expected {
    pub(crate) fn read(path: &Path) -> Expected {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    pub(crate) fn write(&self, path: &Path) {
        fs::write(path, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
    }

    /// All that there is to ask after a story; the answers are still to come.
    pub(crate) fn of(story: &Story) -> Expected {
        let question = |get: String| Answer { get, cart_token: None, says: Value::Null };
        let mut gets = vec!["/api/products".to_owned()];
        gets.extend(story.products.iter().map(|id| format!("/api/products/{id}")));
        for sku in &story.skus {
            gets.push(format!("/api/inventory/{sku}"));
            gets.push(format!("/api/inventory/{sku}/movements?limit=200"));
        }
        gets.extend([
            "/api/orders?limit=200".to_owned(),
            "/api/mail/dead?limit=200".to_owned(),
            "/api/orders?email=ana@example.com".into(),
        ]);
        gets.extend(story.orders.iter().map(|id| format!("/api/orders/{id}")));
        let mut answers: Vec<Answer> = gets.into_iter().map(question).collect();
        for cart in &story.carts {
            let cart_token = Some(cart.to_string());
            answers.push(Answer { cart_token, ..question("/api/cart".to_owned()) });
        }
        let contacts = story.orders.iter().map(|id| (id.to_string(), None)).collect();
        Expected { opened_at_ms: story.end.0 + 1_000, answers, contacts }
    }

    /// Asks the store in `folder` all of it.
    pub(crate) async fn ask_again(&self, folder: &Path) -> Expected {
        let opened = open_at(folder, Time(self.opened_at_ms)).await;
        let shop = opened.shop.clone();
        let router = Door::new(shop.clone(), DoorSettings::new(ADMIN)).router();
        let mut answers = vec![];
        for Answer { get, cart_token, .. } in &self.answers {
            let cart_token = cart_token.as_ref().map(|token| token_of(&shop, token));
            let says = ask(&router, get, cart_token.as_deref()).await;
            answers.push(Answer { get: get.clone(), cart_token, says });
        }
        let mut contacts = BTreeMap::new();
        for id in self.contacts.keys() {
            let order = shop.order_by_id(OrderId::parse(id).unwrap()).await.unwrap();
            contacts.insert(id.clone(), shop.contact(&order));
        }
        assert_eq!(shop.system().quarantine.list(), []);
        drop((router, shop));
        opened.close().await;
        Expected { opened_at_ms: self.opened_at_ms, answers, contacts }
    }
}

/// A new story knows only the cart's id.
fn token_of(shop: &Shop, text: &str) -> String {
    CartId::parse(text).map_or_else(|| text.to_owned(), |cart| shop.cart_token(cart))
}

async fn open_at(folder: &Path, now: Time) -> Opened {
    for shard in fs::read_dir(folder.join("log")).unwrap() {
        for item in fs::read_dir(shard.unwrap().path()).unwrap() {
            let path = item.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "seg") {
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_len(SEGMENT_BYTES).unwrap();
            }
        }
    }
    let options = Options { cache_bytes: 4 << 20, ..Options::default() };
    let never = Arc::new(|error: &_| panic!("{error}"));
    open::open_with(folder, options, Arc::new(Manual::at(now)), never).await.unwrap()
}

async fn ask(router: &Router, get: &str, cart_token: Option<&str>) -> Value {
    let mut request = Request::get(get);
    request = match cart_token {
        Some(token) => request.header("Cart-Token", token),
        None => request.header("Authorization", format!("Bearer {ADMIN}")),
    };
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    // How a refusal is worded may change.
    if status == 200 { serde_json::from_slice(&body).unwrap() } else { json!({ "status": status }) }
}
