//! A shop whose disk is memory and whose time stands still until a test moves it: what it takes
//! to lose an unsynced tail, to open any prefix of a history, and to let everything settle.

mod paid;

pub(super) use paid::Paid;

use super::*;
use crate::{
    actors::{
        System,
        herald::{self, Herald, Office},
        system::{Ingredients, Opening},
    },
    domain::{EntityId, Machine as _, OrderId, Time, cart::Phase},
    journal::{
        Keyring, MemoryLog, MemoryStore, Position, Secret, entity::AnyEntity, fold, fold::Fold,
        state::MemoryStateStore,
    },
    ports::{
        clock::{Manual, pause},
        entropy::Os,
        mail::Mail,
        payments::{Payments, Simulator},
    },
    views::Follower,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Time that passes in a millisecond of a test.
const HASTE_MS: u32 = 20;

/// Steps of time after which whatever has not settled never will.
const MOST_STEPS: u32 = 4_000;

/// Puts something between the shop and its payment provider.
pub(super) type Between = fn(Arc<dyn Payments>) -> Arc<dyn Payments>;

/// What outlives a process: the disks of the logs, keys, and the provider's books.
pub(super) struct World {
    pub(super) disks: Vec<MemoryStore>,
    pub(super) folder: TempDir,
    pub(super) clock: Arc<Manual>,
    pub(super) settings: Settings,
    pub(super) between: Between,
    /// Where letters go; nobody writes any without it.
    pub(super) mail: Option<Arc<dyn Mail>>,
    pub(super) letters: herald::Settings,
}

impl World {
    pub(super) fn new(shards: usize) -> World {
        World {
            disks: (0..shards).map(|_| MemoryStore::default()).collect(),
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(Manual::at(Time(1_900_000_000_000))),
            settings: Settings::default(),
            between: |payments| payments,
            mail: None,
            letters: herald::Settings::default(),
        }
    }

    /// This world as it was when its logs had these lengths and the books that one; `now` is
    /// when somebody starts it again.
    pub(super) fn as_of(&self, log_bytes: &[u64], books_bytes: u64, now: Time) -> World {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(self.keys(), folder.path().join("keys")).unwrap();
        let books = fs::read(self.books()).unwrap_or_default();
        let books = &books[..usize::try_from(books_bytes).unwrap()];
        fs::write(folder.path().join("payments.jsonl"), books).unwrap();
        let disks = self.disks.iter().zip(log_bytes);
        World {
            disks: disks.map(|(disk, bytes)| disk.as_of(*bytes)).collect(),
            folder,
            clock: Arc::new(Manual::at(now)),
            settings: self.settings.clone(),
            between: |payments| payments,
            mail: None,
            letters: herald::Settings::default(),
        }
    }

    /// What its logs say, read without opening them.
    pub(super) fn read(&self) -> Books {
        let mut all = BTreeMap::new();
        for disk in &self.disks {
            let (store, mut fold) = (MemoryStateStore::default(), Fold::default());
            let copy = disk.as_of(disk.durable_bytes());
            let opened = copy.open(Position(0), &mut |batch| {
                batch.entries().try_for_each(|entry| fold.apply(&store, &entry)).unwrap();
                Ok(())
            });
            opened.unwrap();
            all.extend(fold.entities().map(|(id, folded)| (id.clone(), folded.entity.clone())));
        }
        Books(all)
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    pub(super) fn books(&self) -> PathBuf {
        self.folder.path().join("payments.jsonl")
    }

    /// Starts a process in this world.
    pub(super) async fn open(&self) -> Running {
        let fatal = Arc::new(AtomicUsize::new(0));
        let hears = fatal.clone();
        let simulator = Simulator::open(&self.books(), self.clock.clone()).unwrap();
        let ingredients = Ingredients {
            settings: self.settings.clone(),
            store: Arc::new(MemoryStateStore::default()),
            checkpoint: None,
            checkpoint_file: None,
            keyring: Keyring::open_seeded(&self.keys(), 7).unwrap(),
            clock: self.clock.clone(),
            allow_future: false,
            entropy: Arc::new(Os),
            payments: (self.between)(Arc::new(simulator)),
            on_fatal: Arc::new(move |_| {
                hears.fetch_add(1, Ordering::SeqCst);
            }),
        };
        let mut opening = Opening::<MemoryLog>::new(ingredients, self.disks.len());
        for disk in &self.disks {
            opening.shard(|from, visit| disk.open(from, visit)).unwrap();
        }
        let (system, drivers) = opening.start().await.unwrap();
        let (follower, views) = super::super::lists::follow(&system).unwrap();
        let shop = Shop::new(system, follower.clone(), Secret::from_seed(7), 4_096);
        let herald = match self.mail.clone() {
            Some(mail) => {
                let office = Office { mail, settings: self.letters.clone(), link: None };
                Some(Herald::start(shop.system().clone(), office).await.unwrap())
            }
            None => None,
        };
        let haste = Arc::new(AtomicBool::new(true));
        hurry(&shop, &self.clock, &haste);
        Running { shop, clock: self.clock.clone(), fatal, haste, drivers, follower, views, herald }
    }
}

/// Lets time pass quickly until `haste` is over.
fn hurry(shop: &Shop, clock: &Arc<Manual>, haste: &Arc<AtomicBool>) {
    let (system, clock, haste) = (shop.system().clone(), clock.clone(), haste.clone());
    tokio::spawn(async move {
        while !system.is_closing() {
            if haste.load(Ordering::SeqCst) {
                clock.advance_ms(HASTE_MS);
                system.timekeeper.nudge();
            }
            pause(Duration::from_millis(1)).await;
        }
    });
}

/// A process.
pub(super) struct Running {
    pub(super) shop: Shop,
    pub(super) clock: Arc<Manual>,
    /// How often a shard said that it can't write any more.
    pub(super) fatal: Arc<AtomicUsize>,
    haste: Arc<AtomicBool>,
    drivers: Vec<JoinHandle<Option<MemoryLog>>>,
    follower: Arc<Follower>,
    views: JoinHandle<()>,
    herald: Option<Herald>,
}

impl Running {
    /// From here on time stands still until the test moves it.
    pub(super) fn stop_the_clock(&self) {
        self.haste.store(false, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub(super) fn pass(&self, ms: u32) {
        self.clock.advance_ms(ms);
        self.shop.system().timekeeper.nudge();
    }

    /// Sends everybody to rest who holds nothing, and waits until they sleep.
    pub(super) async fn rest(&self) {
        let system = self.shop.system();
        wait_until("everybody sleeps", || {
            self.pass(1);
            system.rest_idle();
            system.live() == [0; 5]
        })
        .await;
    }

    /// Ends the process in good order.
    pub(super) async fn close(self) {
        let Running { shop, drivers, follower, views, herald, .. } = self;
        let system = shop.system().clone();
        if let Some(herald) = herald {
            herald.close().await;
        }
        system.close();
        follower.stop();
        let join = move || {
            for driver in drivers {
                drop(driver.join());
            }
            views.join().unwrap();
        };
        tokio::task::spawn_blocking(join).await.unwrap();
        system.end();
        drop((shop, follower));
        for _ in 0..MOST_STEPS {
            if Arc::strong_count(&system) == 1 {
                return;
            }
            pause(Duration::from_millis(1)).await;
        }
        panic!("a closed shop is still held by somebody");
    }

    pub(super) fn books(&self) -> Books {
        Books::fold(self.shop.system())
    }

    /// Waits until nobody owes anybody anything.
    pub(super) async fn settle(&self) -> Books {
        let mut quiet = 0;
        for _ in 0..MOST_STEPS {
            pause(Duration::from_millis(1)).await;
            quiet = if self.books().is_settled() { quiet + 1 } else { 0 };
            if quiet == 3 {
                return self.books();
            }
        }
        panic!("this never settles: {:#?}", self.books().unsettled());
    }

    /// Lets every deadline pass, too.
    pub(super) async fn settle_for_good(&self) -> Books {
        self.settle().await;
        let most = self.shop.system().settings.reservation_ttl_ms;
        self.pass(u32::try_from(most).unwrap() + 1);
        for _ in 0..MOST_STEPS {
            let books = self.settle().await;
            if books.reserved() == 0 {
                return books;
            }
        }
        panic!("reserved past every deadline: {:#?}", self.books().stock());
    }
}

/// All that the durable logs say, folded without any actor.
pub(super) struct Books(BTreeMap<EntityId, AnyEntity>);

impl Books {
    fn fold(system: &System) -> Books {
        let mut all = BTreeMap::new();
        for shard in &system.shards {
            let mut fold = Fold::default();
            let store = MemoryStateStore::default();
            fold.read(&store, &*shard.log, fold::START, u64::MAX).unwrap();
            assert!(fold.broken.is_empty(), "{:?}", fold.broken);
            let folded = fold.entities().map(|(id, folded)| (id.clone(), folded.entity.clone()));
            all.extend(folded);
        }
        Books(all)
    }

    fn owes(entity: &AnyEntity) -> bool {
        match entity {
            AnyEntity::Sku(_) | AnyEntity::Post(_) => false,
            AnyEntity::Cart(cart) => matches!(cart.state.phase(), Phase::CheckedOut { .. }),
            AnyEntity::Order(order) => {
                !order.state.obligations().is_empty() || order.state.status() == Status::Placed
            }
            AnyEntity::Product(product) => !product.state.obligations().is_empty(),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        !self.0.values().any(Self::owes)
    }

    fn unsettled(&self) -> Vec<&AnyEntity> {
        self.0.values().filter(|entity| Self::owes(entity)).collect()
    }

    pub(super) fn orders(&self) -> BTreeMap<OrderId, order::State> {
        let orders = self.0.iter().filter_map(|(id, entity)| match (id, entity) {
            (EntityId::Order(id), AnyEntity::Order(order)) => Some((*id, order.state.clone())),
            _ => None,
        });
        orders.collect()
    }

    /// Whether a cart is checked out whose order is not placed.
    pub(super) fn has_checkout_without_order(&self) -> bool {
        self.0.values().any(|entity| match entity {
            AnyEntity::Cart(cart) => match cart.state.phase() {
                Phase::CheckedOut { order, .. } => self.order(*order).is_none(),
                Phase::Open | Phase::Ordered { .. } => false,
            },
            AnyEntity::Sku(_)
            | AnyEntity::Order(_)
            | AnyEntity::Product(_)
            | AnyEntity::Post(_) => false,
        })
    }

    pub(super) fn order(&self, id: OrderId) -> Option<order::State> {
        self.orders().remove(&id)
    }

    pub(super) fn stock(&self) -> BTreeMap<Sku, crate::domain::sku::State> {
        let skus = self.0.iter().filter_map(|(id, entity)| match (id, entity) {
            (EntityId::Sku(id), AnyEntity::Sku(sku)) => Some((id.clone(), sku.state.clone())),
            _ => None,
        });
        skus.collect()
    }

    pub(super) fn reserved(&self) -> u64 {
        self.stock().values().map(crate::domain::sku::State::reserved).sum()
    }

    /// What must hold once nobody owes anything and every deadline has passed: each SKU has what
    /// it received but for what confirmed orders took, and the provider has been paid once for
    /// each of those and never for another.
    pub(super) fn balance(&self, received_units: u64, provider: &Path) {
        let orders = self.orders();
        let bought =
            |order: &order::State| matches!(order.status(), Status::Confirmed | Status::Returned);
        for (sku, stock) in self.stock() {
            let buyers = orders.values().filter(|order| bought(order));
            let sold: u64 = buyers.map(|order| u64::from(order.left_of(&sku))).sum();
            let torn = orders.values().flat_map(order::State::returns).filter(|back| !back.restock);
            let torn: u64 = torn.map(|back| u64::from(back.units_of(&sku))).sum();
            assert_eq!(stock.sold(), sold, "sold of {sku}");
            assert_eq!(stock.reserved(), 0, "reserved of {sku}");
            if stock.listed() {
                let there = stock.on_hand() + stock.sold() + torn;
                assert_eq!(there, received_units, "units of {sku}");
            }
        }
        let paid = Paid::read(provider);
        for (id, order) in &orders {
            let paid = paid.get(&id.to_string()).cloned().unwrap_or_default();
            let rest = order.rest().unwrap().amount_minor;
            if bought(order) {
                assert_eq!((paid.captures, paid.kept), (1, rest), "{id} is {:?}", order.status());
            } else {
                assert_eq!(paid.kept, 0, "{id} is {:?}", order.status());
            }
            assert!(paid.captures <= 1, "{id} was captured {} times", paid.captures);
            let open = paid.authorised && paid.captures == 0 && !paid.voided;
            assert!(!open, "{id} is {:?} but money is still set aside", order.status());
            let says_voided = order.timeline().iter().any(|milestone| milestone.what == "voided");
            assert_eq!(says_voided, paid.voided, "{id}'s timeline: {:?}", order.timeline());
            if order.payment() != order::Payment::Failed {
                let payment_voided = order.payment() == order::Payment::Voided;
                assert_eq!(payment_voided, paid.voided, "{id} is {:?}", order.payment());
            }
        }
        let known = |id: &String| orders.keys().any(|order| order.to_string() == *id);
        let strangers: Vec<&String> = paid.keys().filter(|id| !known(id)).collect();
        assert!(strangers.is_empty(), "money moved for orders that never were: {strangers:?}");
    }
}

/// Waits for something that comes by itself, while the test's time stands still.
pub(super) async fn wait_until(what: &str, mut come: impl FnMut() -> bool) {
    for _ in 0..MOST_STEPS {
        if come() {
            return;
        }
        pause(Duration::from_millis(1)).await;
    }
    panic!("this never comes: {what}");
}
