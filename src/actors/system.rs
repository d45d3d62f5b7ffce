//! The tree: every actor's home, and all that they share.
//!
//! The root is this value: it names one supervisor per kind and the timekeeper, and
//! ends them in order. Nothing here is global, so several shops can live in one process.

mod checkpoint;
mod faults;
mod open;

pub use faults::{Faults, Strike};
pub use open::{Error as OpenError, Ingredients, Opening};

use checkpoint::Progress;

use super::{
    Outbox, cart,
    cashier::Cashier,
    directory::Directory,
    order, post, product,
    shell::{Heard, Role},
    sku,
    supervisor::Supervisor,
    timekeeper::{self, Timekeeper},
};
use crate::{
    domain::{CommandId, EntityId, Machine, Time},
    journal::{
        self, Committer, Keyring, StateStore, Tree,
        entity::Entity,
        replay::{self, SharedLog},
        snapshot, state,
    },
    ports::{Entropy, Payments, ShopClock},
    views::{board::Board, catalogue::Index, ledger::Recent},
};
use std::{
    collections::BTreeMap,
    ops::Bound,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// What an operator may set about the shop's behaviour.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a cart holds units.
    pub reservation_ttl_ms: u64,
    /// How long an order may take to be paid.
    pub payment_ttl_ms: u64,
    /// After so long without activity a cart counts as abandoned.
    pub abandon_after_ms: u64,
    /// An actor without work for so long goes to rest.
    pub idle_ms: u64,
    /// Actors of one kind that may live before the idle ones go to rest early.
    pub most_live: usize,
    /// Entries after which a checkpoint is taken.
    pub checkpoint_entries: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            reservation_ttl_ms: 600_000,
            payment_ttl_ms: 600_000,
            abandon_after_ms: 24 * 3_600_000,
            idle_ms: 10_000,
            most_live: 20_000,
            checkpoint_entries: 1_000_000,
        }
    }
}

/// One shard of the store.
pub struct Shard {
    /// Where its actors append.
    pub committer: Arc<Committer<Outbox>>,
    /// Where everybody reads.
    pub log: SharedLog,
}

/// Entities that are shut out, and why.
#[derive(Default)]
pub struct Quarantine(Mutex<BTreeMap<EntityId, String>>);

impl Quarantine {
    /// All of them.
    pub fn list(&self) -> Vec<(EntityId, String)> {
        self.lock().iter().map(|(id, why)| (id.clone(), why.clone())).collect()
    }

    pub(super) fn insert(&self, id: EntityId, why: String) {
        self.lock().insert(id, why);
    }

    pub(super) fn remove(&self, id: &EntityId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EntityId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that the actors share.
pub struct System {
    /// What an operator may set.
    pub settings: Settings,
    /// How often the store has been opened.
    pub epoch: u64,
    /// The store's shards.
    pub shards: Vec<Shard>,
    /// Snapshots, the due index, views.
    pub store: Arc<dyn StateStore>,
    /// Keys of personal data.
    pub keyring: Keyring,
    /// Every SKU's durable level.
    pub board: Board,
    /// The catalogue, to be found and sorted; the views' thread keeps it.
    pub catalogue: Arc<Index>,
    /// The last entries of the stock ledger; the views' thread keeps them.
    pub ledger: Arc<Recent>,
    /// Deadlines.
    pub timekeeper: Timekeeper,
    /// Entities that are shut out.
    pub quarantine: Quarantine,
    /// The payment provider.
    pub payments: Arc<dyn Payments>,
    /// Broken rules for tests; empty otherwise.
    pub faults: Faults,
    pub(super) runtime: tokio::runtime::Handle,
    clock: ShopClock,
    entropy: Arc<dyn Entropy>,
    skus: Directory<sku::Actor>,
    carts: Directory<cart::Actor>,
    orders: Directory<order::Actor>,
    products: Directory<product::Actor>,
    posts: Directory<post::Actor>,
    /// A letter is to be sent again.
    pub(super) resend: Notify,
    pub(super) cashier: Cashier,
    /// Deadlines up to here have been read from the due index.
    due_read_until: AtomicI64,
    /// By shard.
    checkpoint: Mutex<Vec<Progress>>,
    checkpoint_file: Option<PathBuf>,
    closing: AtomicBool,
}

/// How far ahead deadlines are read from the due index, twice in that time.
pub(super) const DUE_WINDOW_MS: u64 = 60_000;

/// A system knows where the actors of each role are found.
pub trait Knows<R: Role> {
    /// The directory of the role's kind.
    fn directory(&self) -> &Directory<R>;
}

macro_rules! knows {
    ($role:ty, $field:ident) => {
        impl Knows<$role> for System {
            fn directory(&self) -> &Directory<$role> {
                &self.$field
            }
        }
    };
}

knows!(sku::Actor, skus);
knows!(cart::Actor, carts);
knows!(order::Actor, orders);
knows!(product::Actor, products);
knows!(post::Actor, posts);

impl System {
    /// Tells an actor something from outside the tree.
    pub fn tell<R: Role>(self: &Arc<Self>, id: R::Id, message: R::Message)
    where
        System: Knows<R>,
    {
        <System as Knows<R>>::directory(self).tell(self, id, Heard::Told(message), false);
    }

    /// As [`System::tell`], to an entity that has no history: its id was made just now.
    pub fn tell_newborn<R: Role>(self: &Arc<Self>, id: R::Id, message: R::Message)
    where
        System: Knows<R>,
    {
        <System as Knows<R>>::directory(self).tell(self, id, Heard::Told(message), true);
    }

    /// Which shard keeps an entity.
    pub fn shard_of(&self, id: &EntityId) -> usize {
        journal::shard_of(id, self.shards.len())
    }

    /// Where an entity's events go.
    pub fn committer_of(&self, id: &EntityId) -> &Arc<Committer<Outbox>> {
        &self.shard(id).committer
    }

    fn shard(&self, id: &EntityId) -> &Shard {
        match self.shards.get(self.shard_of(id)) {
            Some(shard) => shard,
            None => unreachable!("a store has at least one shard"),
        }
    }

    /// Rebuilds an entity from its snapshot and its tail.
    ///
    /// # Errors
    /// It can't be rebuilt.
    pub fn replay<M: Machine>(&self, id: &EntityId) -> Result<Entity<M>, replay::Error> {
        let shard = self.shard(id);
        let tail = shard.committer.tail_of(id);
        replay::replay(&*self.store, &*shard.log, id, &tail)
    }

    /// The shop's time.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// How long until `at`.
    pub fn until(&self, at: Time) -> Duration {
        self.clock.until(at)
    }

    pub(super) fn check_clock(&self) {
        if let Some(jump) = self.clock.check() {
            tracing::warn!("{jump}");
            metrics::counter!("doorbuster_clock_jumps_total").increment(1);
        }
    }

    /// A command's identity that no other has.
    pub fn new_command(&self) -> CommandId {
        CommandId(self.entropy.uuid())
    }

    /// Random bytes for an id.
    pub fn new_uuid(&self) -> uuid::Uuid {
        self.entropy.uuid()
    }

    /// Whether no new work is taken.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Wakes an entity, whichever kind it is.
    pub fn wake(self: &Arc<Self>, id: EntityId) {
        match id {
            EntityId::Sku(id) => self.skus.tell(self, id, Heard::Wake, false),
            EntityId::Cart(id) => self.carts.tell(self, id, Heard::Wake, false),
            EntityId::Order(id) => self.orders.tell(self, id, Heard::Wake, false),
            EntityId::Product(id) => self.products.tell(self, id, Heard::Wake, false),
            EntityId::Post(id) => self.posts.tell(self, id, Heard::Wake, false),
        }
    }

    /// Lets a quarantined entity try again; `false` when it was not quarantined.
    pub fn release(self: &Arc<Self>, id: &EntityId) -> bool {
        match id {
            EntityId::Sku(id) => self.skus.release(self, id),
            EntityId::Cart(id) => self.carts.release(self, id),
            EntityId::Order(id) => self.orders.release(self, id),
            EntityId::Product(id) => self.products.release(self, id),
            EntityId::Post(id) => self.posts.release(self, id),
        }
    }

    /// Live actors by kind, in the order of [`Kind::ALL`](crate::domain::Kind::ALL).
    pub fn live(&self) -> [usize; 5] {
        let (skus, carts, orders) = (self.skus.live(), self.carts.live(), self.orders.live());
        [skus, carts, orders, self.products.live(), self.posts.live()]
    }

    /// Reads the next deadlines of entities that sleep. From the very first on: whose checkpoint
    /// came late is found all the same, and who is woken for nothing says so.
    pub(super) fn load_due(&self) {
        let horizon = self.now().plus_ms(DUE_WINDOW_MS);
        let until = self.due_read_until.load(Ordering::Acquire);
        if horizon.0 < until.saturating_add(DUE_WINDOW_MS.cast_signed() / 2) {
            return;
        }
        match self.read_due(horizon) {
            Ok(()) => self.due_read_until.store(horizon.0, Ordering::Release),
            Err(error) => tracing::error!(%error, "the due index can't be read"),
        }
    }

    fn read_due(&self, until: Time) -> Result<(), state::Error> {
        let mut start = Bound::Unbounded;
        let end = until.0.max(0).to_be_bytes();
        loop {
            let range = (as_slice(&start), Bound::Excluded(end.as_slice()));
            let page = self.store.scan(Tree::Due, range, state::Order::Ascending, 1_000)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            start = Bound::Excluded(last.clone());
            for (due, id) in page.iter().filter_map(|(key, _)| snapshot::due_of(key)) {
                self.timekeeper.note(&id, None, Some(due));
            }
        }
    }

    /// Sends idle actors to rest.
    pub fn rest_idle(&self) {
        self.skus.rest_idle(self);
        self.carts.rest_idle(self);
        self.orders.rest_idle(self);
        self.products.rest_idle(self);
        self.posts.rest_idle(self);
    }

    /// Takes no more; what is appended becomes durable, then the drivers end.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        for shard in &self.shards {
            shard.committer.close();
        }
    }

    /// Ends every actor, once the drivers have ended.
    pub fn end(&self) {
        self.skus.end();
        self.carts.end();
        self.orders.end();
        self.products.end();
        self.posts.end();
        self.timekeeper.nudge();
    }
}

/// Starts supervisors and timekeeper below a system; in this order, since an actor can
/// start only under its supervisor.
async fn start_tree(system: &Arc<System>) -> Result<(), ractor::SpawnErr> {
    async fn supervise<R: Role>(system: &Arc<System>) -> Result<(), ractor::SpawnErr>
    where
        System: Knows<R>,
    {
        let supervisor = Supervisor::<R>::default();
        let (actor, _) = ractor::Actor::spawn(None, supervisor, system.clone()).await?;
        <System as Knows<R>>::directory(system).supervise(actor.get_cell());
        Ok(())
    }
    supervise::<sku::Actor>(system).await?;
    supervise::<cart::Actor>(system).await?;
    supervise::<order::Actor>(system).await?;
    supervise::<product::Actor>(system).await?;
    supervise::<post::Actor>(system).await?;
    tokio::spawn(timekeeper::run(system.clone()));
    Ok(())
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
        Bound::Unbounded => Bound::Unbounded,
    }
}
