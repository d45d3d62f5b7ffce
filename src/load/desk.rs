//! The desk beside the race: sets products up, reads stock, prices and orders around a rush.
//!
//! What it can't read it says, for a rehearsal without its books is worth nothing.

use super::{
    client::{self, Client, IDEMPOTENCY_KEY, bearer},
    contract::{Inventory, NewProduct, Order, Page, Product},
    pace::{Bounds, Pace},
    progress::Shown,
    report::{Outcome, Tally},
    run::{Plan, Script, Turn, run},
    shopper::{json, persist, read_order},
    target::{Target, path_segment},
    unjudged::Unjudged,
};
use crate::domain::{Money, Sku};
use bytes::Bytes;
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use std::sync::Arc;

/// Pages of the catalogue that are searched for a price.
const PAGES_MAX: usize = 1_000;

/// Why a rehearsal can't begin or can't be judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The SKU does not exist.
    #[error(
        "the shop knows no SKU `{0}`: make a product with it, or leave --sku out and the rush makes its own"
    )]
    UnknownSku(Sku),
    /// The SKU has no price to check orders by.
    #[error("no product of the catalogue sells `{0}`: name a SKU that is for sale")]
    NoPrice(Sku),
    /// Nobody is there any more.
    #[error("the shop went away: nobody answers {what}")]
    Gone {
        /// What was asked.
        what: String,
    },
    /// It ran, but the shop's books can't be read.
    #[error("the books can't be read: {}", .0.unjudged)]
    Unjudged(Box<Unjudged>),
    /// The shop said no to a read.
    #[error("the shop refused {what}: {reason}")]
    Refused {
        /// What was asked.
        what: String,
        /// What it said.
        reason: String,
    },
    /// The answer is not what the contract says.
    #[error("the answer to {what} is not what the contract says")]
    Unreadable {
        /// What was asked.
        what: String,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// A product could not be made.
    #[error("could not make product `{title}`: {reason}; is this the shop's admin token?")]
    NotMade {
        /// Which.
        title: String,
        /// What the shop said.
        reason: String,
    },
    /// The admin token can't be sent.
    #[error("the admin token has bytes that no header can carry: pass it without line breaks")]
    Token,
}

/// Whether anybody is there: any answer will do, and nobody waits for one that isn't coming.
pub async fn greet(client: &mut Client) -> Result<(), Error> {
    match client.get("/healthz", &[]).await {
        Err(error @ client::Error::Connect { .. }) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Units of a SKU as the shop sees them now.
pub async fn inventory(client: &mut Client, sku: &Sku) -> Result<Inventory, Error> {
    let path = format!("/api/inventory/{}", path_segment(sku.as_str()));
    match read(client, &path).await {
        Err(Error::Refused { reason, .. }) if reason == "unknown-sku" => {
            Err(Error::UnknownSku(sku.clone()))
        }
        answer => answer,
    }
}

/// What a unit costs by the catalogue, outside of a sale.
pub async fn list_price(client: &mut Client, sku: &Sku) -> Result<Money, Error> {
    let mut path = "/api/products?limit=200".to_owned();
    for _ in 0..PAGES_MAX {
        let page: Page<Product> = read(client, &path).await?;
        let mut variants = page.items.iter().flat_map(|product| &product.variants);
        if let Some(variant) = variants.find(|variant| variant.sku == *sku) {
            return Ok(variant.price);
        }
        let Some(next) = page.next else { break };
        path = format!("/api/products?limit=200&cursor={}", path_segment(&next));
    }
    Err(Error::NoPrice(sku.clone()))
}

async fn read<T: serde::de::DeserializeOwned>(client: &mut Client, path: &str) -> Result<T, Error> {
    let what = format!("GET {path}");
    let mut unshown = Tally::default();
    match persist(client, &mut unshown, Method::GET, path, &[], Bytes::new()).await.0 {
        Ok(answer) => answer.json().map_err(|source| Error::Unreadable { what, source }),
        Err(_) if client.is_gone() => Err(Error::Gone { what }),
        Err(outcome) => Err(Error::Refused { what, reason: outcome.name().to_owned() }),
    }
}

/// Makes products, several at a time. `run_id` makes a repeat the same products.
pub async fn create_products(
    target: &Target,
    connections: usize,
    products: Vec<NewProduct>,
    admin_token: &str,
    run_id: &str,
) -> Result<(), Error> {
    let admin = bearer(admin_token).ok_or(Error::Token)?;
    let chore = Create { admin, run_id: run_id.to_owned() };
    each("products", target, connections, chore, products).await.into_iter().collect()
}

struct Create {
    admin: (HeaderName, HeaderValue),
    run_id: String,
}

impl Chore for Create {
    type Item = NewProduct;
    type Done = Result<(), Error>;

    async fn perform(
        &self,
        client: &mut Client,
        turn: (u64, &NewProduct),
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let (index, product) = turn;
        let key = HeaderValue::from_str(&format!("{}-{index}", self.run_id));
        let key = key.map_err(|_| Error::Token)?;
        let headers = [self.admin.clone(), (IDEMPOTENCY_KEY, key)];
        let call = persist(client, tally, Method::POST, "/api/products", &headers, json(product));
        call.await.0.map(drop).map_err(|outcome| Error::NotMade {
            title: product.title.clone(),
            reason: outcome.name().to_owned(),
        })
    }
}

/// An order as it was answered at checkout and as it reads now.
#[derive(Debug)]
pub struct ReadBack {
    /// As its buyer was told.
    pub told: Order,
    /// As it reads with its token; else why it doesn't.
    pub read: Result<Order, String>,
}

/// Reads every order again with the token its buyer was given.
pub async fn read_back(target: &Target, connections: usize, orders: Vec<Order>) -> Vec<ReadBack> {
    each("reading back", target, connections, Reread, orders).await
}

struct Reread;

impl Chore for Reread {
    type Item = Order;
    type Done = ReadBack;

    async fn perform(
        &self,
        client: &mut Client,
        (_, told): (u64, &Order),
        tally: &mut Tally,
    ) -> ReadBack {
        let read = match &told.access_token {
            Some(token) => read_order(client, tally, &told.id, token).await,
            None => Err(Outcome::Failed("it came without an access token".to_owned())),
        };
        ReadBack { told: told.clone(), read: read.map_err(|outcome| outcome.name().to_owned()) }
    }
}

/// Units of many SKUs.
pub async fn inventories(
    target: &Target,
    connections: usize,
    skus: Vec<Sku>,
) -> Result<Vec<(Sku, Inventory)>, Error> {
    each("stock", target, connections, Stock, skus).await.into_iter().collect()
}

struct Stock;

impl Chore for Stock {
    type Item = Sku;
    type Done = Result<(Sku, Inventory), Error>;

    async fn perform(
        &self,
        client: &mut Client,
        (_, sku): (u64, &Sku),
        _: &mut Tally,
    ) -> Self::Done {
        Ok((sku.clone(), inventory(client, sku).await?))
    }
}

/// Something done once for each of a list.
trait Chore: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Done: Send + 'static;

    fn perform(
        &self,
        client: &mut Client,
        item: (u64, &Self::Item),
        tally: &mut Tally,
    ) -> impl Future<Output = Self::Done> + Send;
}

/// A list of chores as a script: a turn each.
struct Chores<C: Chore> {
    target: Target,
    chore: C,
    items: Vec<C::Item>,
}

impl<C: Chore> Script for Chores<C> {
    type Worker = (Client, Vec<C::Done>);

    async fn worker(&self) -> Self::Worker {
        (Client::connected(&self.target).await, Vec::new())
    }

    async fn perform(&self, worker: &mut Self::Worker, turn: Turn, tally: &mut Tally) -> Outcome {
        let item = usize::try_from(turn.index).ok().and_then(|index| self.items.get(index));
        if let Some(item) = item {
            let (client, done) = worker;
            done.push(self.chore.perform(client, (turn.index, item), tally).await);
        }
        Outcome::Ok
    }
}

/// Performs the chore for each item, as fast as the connections go; the results in no order.
async fn each<C: Chore>(
    title: &'static str,
    target: &Target,
    connections: usize,
    chore: C,
    items: Vec<C::Item>,
) -> Vec<C::Done> {
    let turns = u64::try_from(items.len()).unwrap_or(u64::MAX);
    let workers = connections.min(items.len());
    let plan = Plan { workers, pace: Pace::Closed, bounds: Bounds::turns(turns) };
    let script = Chores { target: target.clone(), chore, items };
    let shown = Shown::new(title, turns);
    let (_, workers) = run(&Arc::new(script), &plan, shown.progress()).await;
    workers.into_iter().flat_map(|(_, done)| done).collect()
}
