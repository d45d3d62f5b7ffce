//! The shop's own rows: in this process without a door, and as the program itself behind its door.

use super::{SKU, STOCK, Sample, drive};
use doorbuster::{
    actors::Settings,
    domain::{Currency, Money, ReservationId, Sku},
    journal::{Layout, Position, file},
    load::{
        Client, Outcome, Script, Tally, Target, Turn,
        contract::{Line, NewProduct, NewVariant},
        desk,
        scripts::{Baskets, Buy, Post, Reserve},
    },
    shop::{Shop, reservations::Wish},
};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

use super::support::{
    House,
    guests::Guests,
    server::{ADMIN, Server},
};

/// SKUs of the complete checkouts without a door: as in the bench that watches over them.
const SKUS: u64 = 100;

/// `WebSockets` have no part in this; without room for so many, no word of it either.
const FEW_FILES: [&str; 2] = ["--most-sockets", "1000"];

/// What a client asks of the shop's door.
#[derive(Clone, Copy)]
pub enum Ask {
    /// One unit, without a cart.
    Reserve,
    /// One unit into a new guest's cart.
    Add,
    /// A new guest's whole purchase.
    Buy,
}

/// Reservations in this process.
struct Rush {
    shop: Shop,
    sku: Sku,
}

impl Script for Rush {
    type Worker = Shop;

    async fn worker(&self) -> Shop {
        self.shop.clone()
    }

    async fn perform(&self, shop: &mut Shop, _: Turn, _: &mut Tally) -> Outcome {
        let id = ReservationId(shop.system().new_uuid());
        let wish = Wish { units: 1, buyer: None, ttl_ms: None };
        let done = shop.reserve(id, &self.sku, &wish).await;
        done.map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Ok)
    }
}

/// Reservations on one SKU without a door.
pub async fn reserve(callers: usize, time: Duration) -> Sample {
    let folder = temp();
    let house = House::open(folder.path(), Settings::default()).await;
    house.stock(1).await;
    let sku = super::support::sku(SKU);
    let (per_second, done) =
        drive(Rush { shop: house.shop.clone(), sku: sku.clone() }, callers, time).await;
    let reserved = house.shop.slot(SKU).expect("its place").posted().level.reserved;
    assert_eq!(reserved, done, "reserved, and told so");
    house.close().await;
    Sample { per_second, entries_per_sync: Some(entries_per_sync(folder.path())) }
}

/// Complete checkouts without a door.
pub async fn buy(callers: usize, time: Duration) -> Sample {
    let folder = temp();
    let house = House::open(folder.path(), Settings::default()).await;
    house.stock(SKUS as usize).await;
    let guests =
        Guests { shop: house.shop.clone(), skus: SKUS, buyers: 1, run: "versus".to_owned() };
    let (per_second, _) = drive(guests, callers, time).await;
    house.close().await;
    Sample { per_second, entries_per_sync: Some(entries_per_sync(folder.path())) }
}

/// Each batch of the log was synced once.
fn entries_per_sync(store: &Path) -> f64 {
    let (mut entries, mut batches) = (0_u64, 0_u64);
    let log = Layout(store.to_owned()).log(0);
    let counted = file::inspect(&log, Position(0), &mut |batch| {
        (entries, batches) = (entries + u64::from(batch.entries), batches + 1);
        Ok(())
    });
    counted.expect("a log");
    entries as f64 / batches as f64
}

/// The same over HTTP: the program with its usual settings, on a store of its own.
pub async fn over_http(ask: Ask, connections: usize, time: Duration) -> Sample {
    let folder = temp();
    let server = Server::start(folder.path(), &FEW_FILES);
    let target = &server.target;
    let sku = super::support::sku(SKU);
    stock(target, &sku).await;
    let before = syncs(target).await;
    let line = Line { sku: sku.clone(), units: 1 };
    let (per_second, done) = match ask {
        Ask::Reserve => drive(Reserve::new(target, ADMIN, sku.clone()), connections, time).await,
        Ask::Add => drive(Post::add(target, sku.clone(), 1), connections, time).await,
        Ask::Buy => {
            let baskets = Baskets::Same(vec![line]);
            let buy = Buy::new(target, baskets, "versus", "tok_approve");
            drive(buy, connections, time).await
        }
    };
    let after = syncs(target).await;
    let books = desk::inventory(&mut Client::new(target), &sku).await.expect("books");
    let told = i64::try_from(done).expect("a count");
    match ask {
        Ask::Reserve | Ask::Add => assert_eq!(books.reserved, told, "reserved, and told so"),
        Ask::Buy => assert_eq!(books.sold, told, "sold, and told so"),
    }
    server.end();
    let entries_per_sync = (after.0 - before.0) / (after.1 - before.1);
    Sample { per_second, entries_per_sync: Some(entries_per_sync) }
}

fn temp() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

async fn stock(target: &Target, sku: &Sku) {
    let currency = Currency::parse("USD").expect("a currency");
    let variant = NewVariant {
        sku: sku.clone(),
        title: "One".into(),
        price: Money { amount_minor: 1_999, currency },
        weight_g: 200,
        units: STOCK,
    };
    let product = NewProduct {
        title: "Tee".into(),
        description: String::new(),
        category: "shirts".into(),
        tags: vec![],
        images: vec![],
        variants: vec![variant],
    };
    desk::create_products(target, 1, vec![product], ADMIN, "versus").await.expect("a product");
}

/// Events made durable, and syncs that it took.
async fn syncs(target: &Target) -> (f64, f64) {
    let answer = Client::new(target).get("/metrics", &[]).await.expect("metrics");
    let text = String::from_utf8(answer.body.to_vec()).expect("text");
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).trim().parse().expect("a number")
    };
    (figure("doorbuster_events_total "), figure("doorbuster_sync_seconds_count "))
}
