//! Opening: from logs and state store to a tree that is ready.
//!
//! One scan per shard checks the log and folds what came after the checkpoint: so the board, the
//! tail index and every deadline are right before anybody is answered.

use super::{Progress, Settings, Shard, System, start_tree};
use crate::{
    actors::{Outbox, directory::Directory, sku, timekeeper::Timekeeper},
    domain::{EntityId, Kind, Time},
    journal::{
        self, Checkpoint, Committer, Driver, Keyring, Opened, Outbox as _, Position, ShardLog,
        StateStore, Tree,
        checkpoint::Point,
        committer::{Release, Released},
        entity::AnyEntity,
        fold::{self, Fold},
        replay::SharedLog,
        snapshot, state,
    },
    ports::{Clock, Entropy, Payments, ShopClock},
    views::{board::Board, catalogue::Index},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::AtomicI64},
    thread::JoinHandle,
};
use tokio::sync::{Notify, mpsc};

/// Why a shop can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] journal::Error),
    /// The log can't be folded.
    #[error(transparent)]
    Fold(#[from] fold::Error),
    /// The state store failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A snapshot is unusable.
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
    /// The clock is behind the log.
    #[error(transparent)]
    Clock(#[from] crate::ports::clock::Error),
    /// An entity is kept in another shard than its id says.
    #[error("{entity} is in shard {found}, not {expected}; the store has another number of shards")]
    Misrouted {
        /// Which.
        entity: String,
        /// Where it is.
        found: usize,
        /// Where it belongs.
        expected: usize,
    },
    /// A thread or actor could not be started.
    #[error("the tree could not be started: {0}")]
    Start(String),
}

/// What a shop is made of.
pub struct Ingredients {
    /// What an operator may set.
    pub settings: Settings,
    /// Snapshots, the due index, views.
    pub store: Arc<dyn StateStore>,
    /// The checkpoint that the store is complete up to, if it is usable.
    pub checkpoint: Option<Checkpoint>,
    /// Where checkpoints are noted beside the log; none for a shop in memory.
    pub checkpoint_file: Option<PathBuf>,
    /// Keys of personal data.
    pub keyring: Keyring,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Opens a log whose last entry is over a minute ahead of the clock.
    pub allow_future: bool,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The payment provider.
    pub payments: Arc<dyn Payments>,
    /// Called when a shard can't write any more; the process should end.
    pub on_fatal: Arc<dyn Fn(&journal::Error) + Send + Sync>,
}

/// A shard's log, opened and folded.
struct Folded<L> {
    log: L,
    fold: Fold,
    from: Point,
    opened: Opened,
}

/// Opens the logs one by one, then the tree.
pub struct Opening<L: ShardLog> {
    ingredients: Ingredients,
    shards: usize,
    folded: Vec<Folded<L>>,
}

impl<L: ShardLog> Opening<L> {
    /// An opening of a store with so many shards.
    pub fn new(ingredients: Ingredients, shards: usize) -> Opening<L> {
        Opening { ingredients, shards, folded: vec![] }
    }

    /// Opens the next shard's log; `open` is given where to begin and whom to show each batch.
    ///
    /// # Errors
    /// The log refuses, or what it holds is not foldable.
    pub fn shard(
        &mut self,
        open: impl FnOnce(Position, &mut journal::Visit<'_>) -> Result<(L, Opened), journal::Error>,
    ) -> Result<&Opened, Error> {
        let shard = self.folded.len();
        let known = self.ingredients.checkpoint.as_ref().and_then(|known| known.shards.get(shard));
        let from = known.copied().unwrap_or(fold::START);
        let store = self.ingredients.store.clone();
        let mut fold = Fold::default();
        let (log, opened) = open(from.position, &mut |batch| {
            let apply = |entry| fold.apply(&*store, &entry).map_err(|error| error.to_string());
            batch.entries().try_for_each(apply)
        })?;
        let stands = known.is_none()
            || self.ingredients.checkpoint.as_ref().is_some_and(|c| c.stands_on(shard, &opened));
        if !stands {
            return self.start_over(log, opened);
        }
        self.folded.push(Folded { log, fold, from, opened });
        self.folded.last().map(|folded| &folded.opened).ok_or_else(|| unreachable!("just pushed"))
    }

    /// The state store belongs to another history: everything is derived again.
    fn start_over(&mut self, log: L, opened: Opened) -> Result<&Opened, Error> {
        tracing::warn!("the derived state belongs to another log; it is rebuilt");
        for tree in Tree::ALL {
            self.ingredients.store.clear(tree)?;
        }
        self.ingredients.checkpoint = None;
        let mut logs: Vec<(L, Opened)> =
            self.folded.drain(..).map(|folded| (folded.log, folded.opened)).collect();
        logs.push((log, opened));
        for (log, opened) in logs {
            let mut fold = Fold::default();
            let reader = log.reader();
            fold.read(&*self.ingredients.store, &reader, fold::START, u64::MAX)?;
            self.folded.push(Folded { log, fold, from: fold::START, opened });
        }
        self.folded.last().map(|folded| &folded.opened).ok_or_else(|| unreachable!("just pushed"))
    }

    /// Starts the tree. The handles are the drivers': each returns its log once the system is
    /// closed and everything is durable.
    ///
    /// # Errors
    /// The clock is behind the log, the store failed, or a thread could not be started.
    pub async fn start(self) -> Result<(Arc<System>, Vec<JoinHandle<Option<L>>>), Error> {
        let Opening { ingredients, shards, folded } = self;
        let last_at = folded.iter().filter_map(|folded| folded.fold.last_at).max();
        let clock = ShopClock::start(ingredients.clock, last_at, ingredients.allow_future)?;
        let (board, timekeeper) = (Board::default(), Timekeeper::default());
        post_snapshots(&*ingredients.store, &board)?;
        for (shard, folded) in folded.iter().enumerate() {
            announce(shard, shards, &folded.fold, &board, &timekeeper)?;
        }
        let epoch = folded.iter().map(|folded| folded.log.tail().epoch).max().unwrap_or(1);
        let progress = folded.iter().map(|folded| Progress::from(folded.from)).collect();
        let (mut parts, mut drivers) = (vec![], vec![]);
        for Folded { log, fold, .. } in folded {
            let committer = Committer::<Outbox>::new(fold.index);
            let log_reader: SharedLog = Arc::new(log.reader());
            let driver = Driver::new(log, committer.clone());
            drivers.push(driver.releasing_by(releaser()));
            parts.push(Shard { committer, log: log_reader });
        }
        let ends = parts.iter().map(|shard: &Shard| shard.log.end());
        let catalogue = Arc::new(Index::new(ends));
        let system = Arc::new(System {
            settings: ingredients.settings,
            epoch,
            shards: parts,
            store: ingredients.store,
            keyring: ingredients.keyring,
            board,
            catalogue,
            ledger: Arc::default(),
            timekeeper,
            quarantine: super::Quarantine::default(),
            payments: ingredients.payments,
            faults: super::Faults::default(),
            runtime: tokio::runtime::Handle::current(),
            clock,
            entropy: ingredients.entropy,
            skus: Directory::default(),
            carts: Directory::default(),
            orders: Directory::default(),
            products: Directory::default(),
            posts: Directory::default(),
            resend: Notify::new(),
            cashier: crate::actors::cashier::Cashier::default(),
            due_read_until: AtomicI64::new(0),
            checkpoint: Mutex::new(progress),
            checkpoint_file: ingredients.checkpoint_file,
            closing: AtomicBool::new(false),
        });
        start_tree(&system).await.map_err(|error| Error::Start(error.to_string()))?;
        let drivers = drivers
            .into_iter()
            .enumerate()
            .map(|(shard, driver)| drive(shard, driver, ingredients.on_fatal.clone()));
        let drivers = drivers.collect::<Result<Vec<_>, _>>()?;
        Ok((system, drivers))
    }
}

/// Lets outboxes go from within the runtime, in order: there each answer wakes its caller without
/// a system call, and the committer is free for the next batch.
fn releaser() -> Release<Outbox> {
    let (sender, mut batches) = mpsc::unbounded_channel::<(Outbox, Position, Released)>();
    tokio::spawn(async move {
        while let Some((mut outbox, base, released)) = batches.recv().await {
            outbox.release(base);
            drop(released);
        }
    });
    Box::new(move |outbox, base, released| drop(sender.send((outbox, base, released))))
}

/// Runs a driver in a thread of its own.
fn drive<L: ShardLog>(
    shard: usize,
    driver: Driver<L, Outbox>,
    on_fatal: Arc<dyn Fn(&journal::Error) + Send + Sync>,
) -> Result<JoinHandle<Option<L>>, Error> {
    let name = format!("committer-{shard}");
    let run = move || match driver.run() {
        Ok(log) => Some(log),
        Err(error) => {
            tracing::error!(shard, %error, "the log failed; nothing is answered any more");
            on_fatal(&error);
            None
        }
    };
    let thread = std::thread::Builder::new().name(name).spawn(run);
    thread.map_err(|error| Error::Start(error.to_string()))
}

/// Posts every SKU as of its snapshot.
fn post_snapshots(store: &dyn StateStore, board: &Board) -> Result<(), Error> {
    snapshot::each(store, Some(Kind::Sku), |key, bytes| {
        let (stamp, entity) = AnyEntity::decode_stamped(Kind::Sku, bytes)?;
        if let (Some(EntityId::Sku(sku)), AnyEntity::Sku(entity)) =
            (snapshot::entity_of(key), entity)
        {
            board.slot(&sku).publish(sku::level(&entity.state), stamp.position);
        }
        Ok(())
    })?;
    Ok(())
}

/// Posts and notes what the fold found.
fn announce(
    shard: usize,
    shards: usize,
    fold: &Fold,
    board: &Board,
    timekeeper: &Timekeeper,
) -> Result<(), Error> {
    for (id, folded) in fold.entities() {
        let expected = journal::shard_of(id, shards);
        if expected != shard {
            let entity = id.to_string();
            return Err(Error::Misrouted { entity, found: shard, expected });
        }
        if let (EntityId::Sku(sku), AnyEntity::Sku(entity)) = (id, &folded.entity) {
            board.slot(sku).publish(sku::level(&entity.state), folded.position);
        }
        timekeeper.note(id, None, folded.entity.due());
    }
    // Who can't be folded is woken, fails, and is quarantined by name.
    for id in fold.broken.keys() {
        timekeeper.note(id, None, Some(Time(0)));
    }
    Ok(())
}
