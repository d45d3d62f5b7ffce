//! A shop out of a folder: in which order the parts of a store are opened, and closed.

use super::{Shop, lists, mail};
use crate::{
    actors::{
        Settings, System,
        herald::Herald,
        system::{Ingredients, OpenError, Opening},
    },
    journal::{
        self, Checkpoint, FileLog, Keyring, Layout, Mark, Secret, StateStore, file, layout,
        state::SledStore,
    },
    ports::{self, Clock, payments::Simulator},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

/// The exit code of a process whose log can't be written any more: it could not do its work.
pub const FATAL: i32 = 2;

/// How long a close waits for actors and handles to go.
const ACTORS_END_WITHIN_MS: u32 = 1_000;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// What an operator may set about behaviour.
    pub settings: Settings,
    /// Shards of a store that is made now; an existing one keeps its own.
    pub shards: usize,
    /// Commands that may be under way at once.
    pub most_commands: usize,
    /// Opens a store whose last entry is over a minute ahead of the clock.
    pub allow_future: bool,
    /// sled's cache.
    pub cache_bytes: u64,
    /// Where letters go.
    pub mail: mail::Options,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            settings: Settings::default(),
            shards: 1,
            most_commands: 4_096,
            allow_future: false,
            cache_bytes: 16 << 20,
            mail: mail::Options::default(),
        }
    }
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the store.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What the store says about itself.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A log was refused before anything was derived from it.
    #[error(transparent)]
    Log(#[from] journal::Error),
    /// The tree could not be opened.
    #[error(transparent)]
    Tree(#[from] OpenError),
    /// The derived state.
    #[error(transparent)]
    State(#[from] journal::state::Error),
    /// The checkpoint file.
    #[error(transparent)]
    File(#[from] journal::Failure),
    /// The key file.
    #[error(transparent)]
    Keys(#[from] journal::keyring::Error),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] journal::secret::Error),
    /// The views.
    #[error(transparent)]
    Views(#[from] super::Error),
    /// The payment simulator's books.
    #[error(transparent)]
    Payments(#[from] ports::payments::books::Error),
    /// The mail server.
    #[error(transparent)]
    Mail(#[from] ports::mail::smtp::OpenError),
}

impl Error {
    /// Whether only the derived state is damaged.
    fn is_of_state(&self) -> bool {
        match self {
            Error::State(error) => error.is_damage(),
            Error::Tree(error) => error.is_of_state(),
            Error::Io { .. }
            | Error::Layout(_)
            | Error::Log(_)
            | Error::File(_)
            | Error::Keys(_)
            | Error::Secret(_)
            | Error::Views(_)
            | Error::Payments(_)
            | Error::Mail(_) => false,
        }
    }
}

/// An open shop and what ends it.
pub struct Opened {
    /// The shop.
    pub shop: Shop,
    /// Entries were found that no mark vouches for: rot in the last batch could pass as torn.
    pub unmarked: bool,
    drivers: Vec<JoinHandle<Option<FileLog>>>,
    keeper: JoinHandle<()>,
    views: JoinHandle<()>,
    herald: Herald,
}

impl Opened {
    /// Ends the tree: everything accepted is durable when this returns, and once the last handle
    /// of the shop is dropped the folder can be opened again.
    pub async fn close(self) {
        let Opened { shop, drivers, keeper, views, herald, .. } = self;
        let system = shop.system().clone();
        // While the log still takes what became of its letters.
        herald.close().await;
        system.close();
        shop.0.views.stop();
        let ended = tokio::task::spawn_blocking(move || {
            let mut ended: Vec<bool> = drivers.into_iter().map(|d| d.join().is_ok()).collect();
            ended.extend([keeper.join().is_ok(), views.join().is_ok()]);
            ended.into_iter().all(|ended| ended)
        });
        if !ended.await.unwrap_or(false) {
            tracing::error!("a thread of the store panicked");
        }
        system.end();
        drop(shop);
        for _ in 0..ACTORS_END_WITHIN_MS {
            if Arc::strong_count(&system) == 1 {
                return;
            }
            ports::clock::pause(Duration::from_millis(1)).await;
        }
    }
}

/// Opens the store in `folder`, made if it is missing. When its log can't be written any more the
/// process ends with [`FATAL`].
///
/// # Errors
/// See [`Error`]; each names the file and what to do.
pub async fn open(folder: &Path, options: Options) -> Result<Opened, Error> {
    let exit = |_: &journal::Error| std::process::exit(FATAL);
    let clock = Arc::new(ports::clock::System::new());
    open_with(folder, options, clock, Arc::new(exit)).await
}

/// As [`open`], with a clock and an end of one's own.
///
/// # Errors
/// As [`open`].
pub async fn open_with(
    folder: &Path,
    options: Options,
    clock: Arc<dyn Clock>,
    on_fatal: Arc<dyn Fn(&journal::Error) + Send + Sync>,
) -> Result<Opened, Error> {
    let first = try_open(folder, options.clone(), clock.clone(), on_fatal.clone()).await;
    let Err(error) = first else { return first };
    if !error.is_of_state() {
        return Err(error);
    }
    tracing::warn!(%error, "the derived state is damaged; it is deleted and built anew");
    let state = Layout(folder.to_owned()).state();
    std::fs::remove_dir_all(&state).map_err(|source| Error::Io { path: state, source })?;
    try_open(folder, options, clock, on_fatal).await
}

async fn try_open(
    folder: &Path,
    options: Options,
    clock: Arc<dyn Clock>,
    on_fatal: Arc<dyn Fn(&journal::Error) + Send + Sync>,
) -> Result<Opened, Error> {
    let layout = Layout(folder.to_owned());
    let about = match layout.read()? {
        Some(about) => about,
        None => layout.make(options.shards)?,
    };
    layout.check_logs(about)?;
    if layout.log(0).exists() {
        for needed in [layout.keys(), layout.secret()] {
            if !needed.exists() {
                return Err(layout::Error::Missing(needed).into());
            }
        }
    }
    layout.check_keys(about)?;
    let mailer = mail::route(&layout, &options.mail)?;
    let secret = Secret::open(&layout.secret())?;
    let keyring = Keyring::open(&layout.keys())?;
    // Both take long where much was sold, and neither needs the other.
    let (state, payments) = std::thread::scope(|scope| {
        let books = scope.spawn(|| Simulator::open(&layout.payments(), clock.clone()));
        let state = open_state(&layout, about.shards, options.cache_bytes);
        (state, books.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let ((store, checkpoint), payments) = (state?, Arc::new(payments?));
    let mut opening = Opening::<FileLog>::new(
        Ingredients {
            settings: options.settings,
            store,
            checkpoint,
            checkpoint_file: Some(layout.checkpoint()),
            keyring,
            clock,
            allow_future: options.allow_future,
            entropy: Arc::new(ports::entropy::Os),
            payments,
            on_fatal,
        },
        about.shards,
    );
    let mut unmarked = false;
    for shard in 0..about.shards {
        let folder = layout.log(shard);
        let opened = opening
            .shard(|from, visit| FileLog::open(&folder, file::SEGMENT_BYTES, from, visit))?;
        unmarked |= opened.mark == Mark::Unreadable;
    }
    layout.note_opened(about)?;
    let (system, drivers) = opening.start().await?;
    let keeper = keep(system.clone())?;
    let (follower, views) = lists::follow(&system)?;
    let most_commands = options.most_commands;
    let shop = Shop::in_folder(system, follower, secret, most_commands, Some(layout));
    let herald = mail::write(&shop, mailer, &options.mail).await;
    let herald = herald.map_err(|source| Error::Io { path: PathBuf::from("herald"), source })?;
    Ok(Opened { shop, unmarked, drivers, keeper, views, herald })
}

/// The state store, and up to where it is complete. One that fell behind its checkpoint, or does
/// not open, is deleted: it is derived.
fn open_state(
    layout: &Layout,
    shards: usize,
    cache_bytes: u64,
) -> Result<(Arc<dyn StateStore>, Option<Checkpoint>), Error> {
    let (store, reset) = SledStore::open_or_reset(&layout.state(), cache_bytes)?;
    let in_file = Checkpoint::in_file(&layout.checkpoint())?;
    let usable = Checkpoint::usable(Checkpoint::in_store(&store)?, in_file.as_ref());
    if reset || (in_file.is_some() && usable.is_none()) {
        tracing::warn!(
            "the derived state is damaged, fell behind or has another form; it is rebuilt"
        );
    }
    if let (Some(in_file), None) = (&in_file, &usable) {
        // Nobody else will hold the logs against it: they are folded from their beginning.
        for (shard, point) in in_file.shards.iter().enumerate().take(shards) {
            file::inspect(&layout.log(shard), point.position, &mut |_| Ok(()))?;
        }
    }
    if usable.is_none() {
        for tree in journal::Tree::ALL {
            store.clear(tree)?;
        }
    }
    Ok((Arc::new(store), usable))
}

/// Takes checkpoints as entries come, and a last one at the end.
fn keep(system: Arc<System>) -> Result<JoinHandle<()>, Error> {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    /// Looks. The due index is read a minute ahead and only a checkpoint writes it.
    const CHECKPOINT_EVERY: u32 = 100;
    let thread = std::thread::Builder::new().name("checkpoint".to_owned());
    let run = move || {
        // Snapshots are for the next start: those who sell now go first.
        let _ = rustix::process::nice(15);
        let (mut ticks, mut works) = (0_u32, true);
        while !system.is_closing() {
            std::thread::sleep(LOOK_EVERY);
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(5) {
                system.rest_idle();
            }
            // One that failed costs as much as one that does not, and helps nobody.
            let wanted = works && system.wants_checkpoint();
            if wanted || ticks.is_multiple_of(CHECKPOINT_EVERY) {
                works = take(&system);
            }
        }
        take(&system);
    };
    thread.spawn(run).map_err(|source| Error::Io { path: PathBuf::from("checkpoint"), source })
}

/// `false` when there is none.
fn take(system: &System) -> bool {
    let taken = system.take_checkpoint();
    if let Err(error) = &taken {
        tracing::error!(%error, "no checkpoint: the next start reads more of the log");
    }
    taken.is_ok()
}
