//! Where the actors of one kind are found, woken and missed.
//!
//! A slot is empty, live, ending, or quarantined. Only the termination of an actor empties its
//! slot, and messages for an ending one wait there: so there are never two incarnations, and none
//! misses what its predecessor still appended.

use super::{
    Fault, System,
    shell::{Birth, Heard, Role, Shell},
    system::Knows,
};
use crate::{
    domain::{CartId, EntityId, OrderId, PostId, ProductId, Sku, Time, broken::Rule},
    journal::{self, entity::Entity},
};
use foldhash::fast::{FixedState, RandomState};
use futures_util::FutureExt as _;
use ractor::{ActorCell, ActorId, ActorRef, ActorRuntime, MessagingErr};
use std::{
    collections::{HashMap, VecDeque},
    fmt::Debug,
    hash::{BuildHasher as _, Hash},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Locks that the kind's slots are spread over.
const STRIPES: usize = 64;

/// The longest wait before an actor that keeps dying is started again.
const LONGEST_BACKOFF_MS: u64 = 5_000;

/// What names an actor within its kind.
pub trait Id: Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// As the log and the shards know it.
    fn entity(&self) -> EntityId;
}

impl Id for Sku {
    fn entity(&self) -> EntityId {
        EntityId::Sku(self.clone())
    }
}

impl Id for CartId {
    fn entity(&self) -> EntityId {
        EntityId::Cart(*self)
    }
}

impl Id for OrderId {
    fn entity(&self) -> EntityId {
        EntityId::Order(*self)
    }
}

impl Id for ProductId {
    fn entity(&self) -> EntityId {
        EntityId::Product(*self)
    }
}

impl Id for PostId {
    fn entity(&self) -> EntityId {
        EntityId::Post(*self)
    }
}

enum Slot<R: Role> {
    Live(ActorRef<Heard<R::Message>>),
    /// Going to rest, or dead; these wait for its successor.
    Ending(ActorId, Vec<Heard<R::Message>>),
    Quarantined,
}

struct Stripe<R: Role> {
    slots: HashMap<R::Id, Slot<R>, RandomState>,
    /// Who was started, or last asked to go to rest, and when: oldest first.
    started: VecDeque<(Time, R::Id)>,
}

impl<R: Role> Default for Stripe<R> {
    fn default() -> Self {
        Stripe { slots: HashMap::default(), started: VecDeque::new() }
    }
}

/// The actors of one kind.
pub struct Directory<R: Role> {
    stripes: Vec<Mutex<Stripe<R>>>,
    /// The same in every process: in the order of the stripes actors are sent to rest.
    hasher: FixedState,
    supervisor: OnceLock<ActorCell>,
    incarnations: AtomicU64,
    live: AtomicUsize,
}

impl<R: Role> Default for Directory<R> {
    fn default() -> Self {
        Directory {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: FixedState::default(),
            supervisor: OnceLock::new(),
            incarnations: AtomicU64::new(0),
            live: AtomicUsize::new(0),
        }
    }
}

impl<R: Role> Directory<R>
where
    System: Knows<R>,
{
    /// Names the supervisor; before that nothing can be told.
    pub fn supervise(&self, supervisor: ActorCell) {
        let _ = self.supervisor.set(supervisor);
    }

    /// How many actors live.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Tells `id` something, waking it if need be. `newborn` says that it has no history yet.
    pub fn tell(&self, system: &Arc<System>, id: R::Id, message: Heard<R::Message>, newborn: bool) {
        if system.is_closing() {
            message.fail(Fault::Unavailable);
            return;
        }
        let mut stripe = self.stripe(&id);
        match stripe.slots.get_mut(&id) {
            Some(Slot::Live(actor)) => match actor.send_message(message) {
                Ok(()) => {}
                Err(MessagingErr::SendErr(message)) => {
                    let last = actor.get_id();
                    stripe.slots.insert(id, Slot::Ending(last, vec![message]));
                }
                Err(error) => tracing::error!(?id, ?error, "a message had no way to its actor"),
            },
            Some(Slot::Ending(_, waiting)) => waiting.push(message),
            Some(Slot::Quarantined) => {
                drop(stripe);
                message.fail(Fault::Quarantined(id.entity().to_string()));
            }
            None => self.start(system, &mut stripe, id, [message], newborn),
        }
    }

    fn start(
        &self,
        system: &Arc<System>,
        stripe: &mut Stripe<R>,
        id: R::Id,
        messages: impl IntoIterator<Item = Heard<R::Message>>,
        newborn: bool,
    ) {
        let Some(supervisor) = self.supervisor.get() else {
            unreachable!("the tree names its supervisors before it opens the door");
        };
        let incarnation = self.next_incarnation();
        let birth = Birth { id: id.clone(), system: system.clone(), incarnation, newborn };
        let Some(actor) = spawn::<R>(birth, supervisor.clone()) else {
            // Only a tree that ends takes no more actors.
            messages.into_iter().for_each(|message| message.fail(Fault::Unavailable));
            return;
        };
        for message in messages {
            if actor.send_message(message).is_err() {
                tracing::error!(?id, "a new actor took no message");
            }
        }
        stripe.started.push_back((system.now(), id.clone()));
        stripe.slots.insert(id, Slot::Live(actor));
        if self.live.fetch_add(1, Ordering::Relaxed) >= system.settings.most_live {
            stripe.rest_oldest(system, Time::MAX);
        }
    }

    /// A number that is higher than those of all incarnations so far.
    pub fn next_incarnation(&self) -> u64 {
        self.incarnations.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Hears of an actor's end from the supervisor: empties its slot, or wakes a successor for
    /// the messages that wait. A failed one is started again after a pause.
    pub fn ended(&self, system: &Arc<System>, id: R::Id, actor: ActorId, failed: Option<u32>) {
        let mut stripe = self.stripe(&id);
        if let Some(Slot::Live(known)) = stripe.slots.get(&id)
            && known.get_id() != actor
        {
            return;
        }
        self.live.fetch_sub(1, Ordering::Relaxed);
        if matches!(stripe.slots.get(&id), Some(Slot::Quarantined)) {
            return;
        }
        let waiting = match stripe.slots.remove(&id) {
            Some(Slot::Ending(_, waiting)) => waiting,
            _ => vec![],
        };
        if system.is_closing() {
            return;
        }
        let Some(failures) = failed else {
            if !waiting.is_empty() {
                self.start(system, &mut stripe, id, waiting, false);
            }
            return;
        };
        stripe.slots.insert(id.clone(), Slot::Ending(actor, waiting));
        drop(stripe);
        let pause_ms = 1_u64 << failures.min(16);
        let system = system.clone();
        system.clone().runtime.spawn(async move {
            crate::ports::clock::pause(Duration::from_millis(pause_ms.min(LONGEST_BACKOFF_MS)))
                .await;
            system.directory().restart(&system, id);
        });
    }

    /// Asks actors that were started, or asked, some while ago to go to rest; those that hold
    /// something stay.
    pub fn rest_idle(&self, system: &System) {
        let before = Time(system.now().0.saturating_sub_unsigned(system.settings.idle_ms));
        for stripe in &self.stripes {
            let mut stripe = lock(stripe);
            let most = stripe.started.len();
            (0..most).take_while(|_| stripe.rest_oldest(system, before)).count();
        }
    }

    /// Ends every actor at once, and their supervisor: nothing can be appended any more.
    pub fn end(&self) {
        for stripe in &self.stripes {
            for slot in lock(stripe).slots.values() {
                if let Slot::Live(actor) = slot {
                    actor.get_cell().kill();
                }
            }
        }
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.stop(None);
        }
    }

    /// Ends one actor as a fault would, whatever it has still to read; `false` when it sleeps.
    pub fn kill(&self, id: &R::Id) -> bool {
        match self.stripe(id).slots.get(id) {
            Some(Slot::Live(actor)) => {
                actor.get_cell().kill();
                true
            }
            Some(Slot::Ending(..) | Slot::Quarantined) | None => false,
        }
    }

    /// Whose actor it is. A failure names only the actor, and is rare enough to look for it.
    pub fn name_of(&self, actor: ActorId) -> Option<R::Id> {
        self.stripes.iter().find_map(|stripe| {
            let stripe = lock(stripe);
            let found = stripe.slots.iter().find(|(_, slot)| match slot {
                Slot::Live(live) => live.get_id() == actor,
                Slot::Ending(last, _) => *last == actor,
                Slot::Quarantined => false,
            });
            found.map(|(id, _)| id.clone())
        })
    }

    fn restart(&self, system: &Arc<System>, id: R::Id) {
        let mut stripe = self.stripe(&id);
        if let Some(Slot::Ending(_, mut waiting)) = stripe.slots.remove(&id) {
            waiting.insert(0, Heard::Wake);
            self.start(system, &mut stripe, id, waiting, false);
        }
    }

    /// Shuts one entity out: it can't be rebuilt. Called by the actor that tried; its slot is no
    /// longer its own, so its end is nobody's news.
    pub fn quarantine(&self, system: &Arc<System>, id: &R::Id, why: String) {
        tracing::error!(entity = %id.entity(), %why, "quarantined; release it when mended");
        let mut stripe = self.stripe(id);
        let before = stripe.slots.insert(id.clone(), Slot::Quarantined);
        drop(stripe);
        system.quarantine.insert(id.entity(), why);
        self.live.fetch_sub(1, Ordering::Relaxed);
        if let Some(Slot::Ending(_, waiting)) = before {
            for message in waiting {
                message.fail(Fault::Quarantined(id.entity().to_string()));
            }
        }
    }

    /// Lets a quarantined entity try again; `false` when it was not quarantined.
    pub fn release(&self, system: &Arc<System>, id: &R::Id) -> bool {
        let mut stripe = self.stripe(id);
        if !matches!(stripe.slots.get(id), Some(Slot::Quarantined)) {
            return false;
        }
        stripe.slots.remove(id);
        drop(stripe);
        system.quarantine.remove(&id.entity());
        self.tell(system, id.clone(), Heard::Wake, false);
        true
    }

    fn stripe(&self, id: &R::Id) -> MutexGuard<'_, Stripe<R>> {
        let hash = self.hasher.hash_one(id);
        let index = usize::try_from(hash).unwrap_or(0) % STRIPES;
        match self.stripes.get(index) {
            Some(stripe) => lock(stripe),
            None => unreachable!("the index is below the number of stripes"),
        }
    }
}

impl<R: Role> Stripe<R> {
    /// Asks whoever of the living was started, or asked, first to go to rest; `false` when that
    /// was not before `before`.
    fn rest_oldest(&mut self, system: &System, before: Time) -> bool {
        while self.started.front().is_some_and(|(at, _)| *at < before) {
            let Some((_, id)) = self.started.pop_front() else { return false };
            // Whoever has gone since is passed over: else a rush of newcomers, each of whom is in
            // the queue once more after being asked, would outrun those who are to go for it.
            if let Some(Slot::Live(actor)) = self.slots.get(&id) {
                let _ = actor.send_message(Heard::Rest);
                self.started.push_back((system.now(), id));
                return true;
            }
        }
        false
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts an actor below its supervisor; `None` when that is ending.
fn spawn<R: Role>(birth: Birth<R>, supervisor: ActorCell) -> Option<ActorRef<Heard<R::Message>>>
where
    System: Knows<R>,
{
    let shell = Shell::<R>::default();
    if birth.newborn {
        // There is nothing to read, so this is ready at once: one task is enough.
        let started = ActorRuntime::spawn_linked(None, shell, birth, supervisor).now_or_never();
        return started.and_then(Result::ok).map(|(actor, _)| actor);
    }
    let started = ActorRuntime::spawn_linked_instant(None, shell, birth, supervisor);
    started.ok().map(|(actor, _)| actor)
}

/// Why an entity can't be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The shard has failed meanwhile.
    #[error("the shard's log has failed")]
    Closed,
    /// The journal could not give it.
    #[error(transparent)]
    Replay(#[from] journal::replay::Error),
    /// An event's `evolve` panicked.
    #[error("an event panicked when it was replayed")]
    Panicked,
}

/// Rebuilds an entity: behind all that is pending, then its snapshot, then its tail.
///
/// # Errors
/// It can't be rebuilt.
pub async fn load<R: Role>(
    system: &Arc<System>,
    id: &R::Id,
) -> Result<Entity<R::Machine>, LoadError> {
    let entity = id.entity();
    let (settled, settling) = tokio::sync::oneshot::channel();
    system.committer_of(&entity).after(|outbox| {
        outbox.put(Box::new(move || {
            let _ = settled.send(());
        }));
    });
    if !Rule::ReplayBehindPending.is_broken() {
        settling.await.map_err(|_| LoadError::Closed)?;
    }
    let replayed = catch_unwind(AssertUnwindSafe(|| {
        system.faults.strike(&entity, super::system::Strike::Replay);
        system.replay::<R::Machine>(&entity)
    }));
    Ok(replayed.map_err(|_| LoadError::Panicked)??)
}
