//! A shop in the world: opened over the world's disks, driven by tasks of one thread, and ended in
//! good order or not.

use super::{
    audit, history,
    model::Invariant,
    provider::Provider,
    stage::{Record, Stage},
};
use crate::{
    actors::{
        Outbox,
        system::{Ingredients, Opening},
    },
    domain::Sku,
    journal::{
        Checkpoint, Driver, Keyring, MemoryLog, MemoryStore, Secret, StateStore as _, Tree,
        committer::Step,
    },
    ports::clock::pause,
    shop::{Error, Shop, lists},
    views::Follower,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// Commands that may be under way at once.
pub(super) const MOST_COMMANDS: usize = 64;

/// A running shop.
pub(super) struct Process {
    pub(super) stage: Arc<Stage>,
    pub(super) shop: Shop,
    pub(super) follower: Arc<Follower>,
    pub(super) clients: JoinSet<()>,
    drivers: Vec<JoinHandle<()>>,
    /// A log can't be written any more.
    broken: Arc<AtomicBool>,
}

impl Process {
    /// Opens the shop as its world left it.
    pub(super) async fn open(stage: &Arc<Stage>) -> Result<Process, String> {
        let said = |error: &dyn fmt::Display| error.to_string();
        let (store, file) = (stage.state(), stage.file("checkpoint"));
        let in_store = Checkpoint::in_store(&*store).map_err(|error| said(&error))?;
        let in_file = Checkpoint::in_file(&file).map_err(|error| said(&error))?;
        let checkpoint = Checkpoint::usable(in_store, in_file.as_ref());
        if checkpoint.is_none() {
            let cleared = Tree::ALL.into_iter().try_for_each(|tree| store.clear(tree));
            cleared.map_err(|error| said(&error))?;
        }
        let keyring = Keyring::open_seeded(&stage.file("keys"), stage.seed);
        let ingredients = Ingredients {
            settings: stage.plan.settings.clone(),
            store,
            checkpoint,
            checkpoint_file: Some(file),
            keyring: keyring.map_err(|error| said(&error))?,
            clock: stage.clock.clone(),
            allow_future: true,
            entropy: stage.entropy.clone(),
            payments: Arc::new(Provider(stage.clone())),
            on_fatal: Arc::new(|_| {}),
        };
        let mut opening = Opening::<MemoryLog>::new(ingredients, stage.disks.len());
        for disk in &stage.disks {
            opening.shard(|from, visit| disk.open(from, visit)).map_err(|error| said(&error))?;
        }
        let (system, drivers) = opening.assemble().await.map_err(|error| said(&error))?;
        let follower = lists::views_of(&system).map_err(|error| said(&error))?;
        {
            let mut record = stage.record();
            let Record { model, history, .. } = &mut *record;
            model.opened(system.shards.iter().map(|shard| shard.log.clone()).collect());
            history.look_again();
        }
        let broken = Arc::new(AtomicBool::new(false));
        let drivers = drivers.into_iter().zip(&stage.disks).map(|(driver, disk)| {
            tokio::spawn(drive(stage.clone(), disk.clone(), driver, broken.clone()))
        });
        let drivers = drivers.collect();
        let secret = Secret::from_seed(stage.seed);
        let shop = Shop::new(system, follower.clone(), secret, MOST_COMMANDS);
        let (stage, clients) = (stage.clone(), JoinSet::new());
        let mut process = Process { stage, shop, follower, clients, drivers, broken };
        process.watch_board();
        Ok(process)
    }

    /// Somebody looks at every SKU's place on the board whenever it changes.
    fn watch_board(&mut self) {
        let skus: Vec<Sku> = self.stage.record().history.skus.clone();
        for sku in skus {
            self.watch_slot(&sku);
        }
    }

    pub(super) fn watch_slot(&mut self, sku: &Sku) {
        let (stage, mut slot) = (self.stage.clone(), self.shop.system().board.slot(sku).watch());
        let sku = sku.clone();
        self.clients.spawn(async move {
            loop {
                let posted = *slot.borrow_and_update();
                if !stage.is_dead() {
                    audit::posted(&stage, &sku, posted);
                }
                if slot.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Lets a client ask, wait as long as it likes, and note what it is told.
    pub(super) fn client<T: Send + 'static>(
        &mut self,
        what: String,
        patience_ms: u64,
        asked: impl Future<Output = Result<T, Error>> + Send + 'static,
        told: impl FnOnce(&mut Record, T) + Send + 'static,
    ) {
        let stage = self.stage.clone();
        self.clients.spawn(async move {
            let answer = timeout(Duration::from_millis(patience_ms), asked).await;
            if stage.is_dead() {
                return;
            }
            let mut record = stage.record();
            let Record { model, trace, .. } = &mut *record;
            model.catch_up(trace);
            let ms = stage.clock.ms();
            match answer {
                Err(_) => trace.note(ms, format_args!("  {what}: left")),
                Ok(Err(error)) => {
                    trace.note(ms, format_args!("  {what}: {error}"));
                    if history::unheard_of(&error) {
                        model.complain(Invariant::LogIsSound, format!("{what}: {error}"));
                    }
                }
                Ok(Ok(answer)) => {
                    trace.note(ms, format_args!("  {what}: ok"));
                    told(&mut record, answer);
                    let Record { model, history, .. } = &mut *record;
                    history.check(model);
                }
            }
        });
    }

    /// Whether a log has failed: nothing can be done but to die.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Ends as a killed process does. Of what was not synced the disks keep so many bytes.
    pub(super) async fn crash(self, kept_bytes: usize) {
        let stage = self.stage.clone();
        stage.set_dead(true);
        for disk in &stage.disks {
            disk.crash(kept_bytes);
        }
        self.clear_away().await;
    }

    /// Ends in good order: what was accepted is durable.
    pub(super) async fn close(mut self) {
        let stage = self.stage.clone();
        self.shop.system().close();
        for driver in std::mem::take(&mut self.drivers) {
            let _ = driver.await;
        }
        pause(Duration::from_millis(1)).await;
        stage.catch_up();
        stage.set_dead(true);
        if self.is_broken() {
            stage.disks.iter().for_each(|disk| disk.crash(0));
        }
        self.clear_away().await;
    }

    /// Nobody is left who could still do something.
    async fn clear_away(self) {
        let Process { stage, shop, follower, mut clients, drivers, .. } = self;
        let system = shop.system().clone();
        for driver in drivers {
            driver.abort();
        }
        clients.abort_all();
        for shard in &system.shards {
            shard.committer.fail();
        }
        system.close();
        system.end();
        drop((shop, follower));
        for _ in 0..1_000 {
            if system.live() == [0; 5] {
                break;
            }
            pause(Duration::from_millis(1)).await;
        }
        stage.clock.end();
    }
}

/// Drives one shard's committer: syncs take their time, and some go wrong.
async fn drive(
    stage: Arc<Stage>,
    disk: MemoryStore,
    mut driver: Driver<MemoryLog, Outbox>,
    broken: Arc<AtomicBool>,
) {
    loop {
        driver.roused().await;
        let (took, fault) = stage.sync();
        pause(took).await;
        disk.fail_next(fault);
        loop {
            match driver.step() {
                Ok(Step::Committed | Step::Idle) => break,
                Ok(Step::Unsure) => pause(stage.sync().0).await,
                Ok(Step::Closed) => return,
                Err(error) => {
                    stage.note(format_args!("a log has failed: {error}"));
                    broken.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    }
}
