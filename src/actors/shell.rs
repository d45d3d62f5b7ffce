//! The one generic actor: it runs a machine, hands events to the committer and carries messages.
//!
//! A turn is one message: time first, then the command; decide, evolve at once, append, tell. The
//! shell never waits for the disk: what must wait for it rides in the outbox. A panic in `decide`
//! changed nothing and is answered; a panic in `evolve` kills the actor before anything was
//! appended, and its successor starts from the log.

use super::{Baton, Fault, Outbox, System, baton::Answer, directory::Id, outbox::Parcel};
use crate::{
    domain::{By, Context, EntityId, Machine, Time},
    journal::entity::{Entity, Seen},
};
use ractor::{ActorProcessingErr, ActorRef};
use std::{
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// A kind of actor: the conversations around one machine. What it holds beyond the machine's
/// state is lost with it, and is found again by asking.
pub trait Role: Sized + Send + 'static {
    /// The rules.
    type Machine: Machine;
    /// Which one of the kind.
    type Id: Id;
    /// What it hears.
    type Message: Message;

    /// Whether far deadlines are kept in memory, too. Where lateness does no harm they wait in the
    /// due index, which a checkpoint writes, until they come near.
    const PUNCTUAL: bool = true;

    /// A new incarnation.
    fn new(id: Self::Id, system: Arc<System>, incarnation: u64) -> Self;

    /// Handles one message.
    fn receive(&mut self, message: Self::Message, turn: &mut Turn<Self>);

    /// Looks after what is owed; called after each message that changed something, after a
    /// wake-up and after a restart.
    fn settle(&mut self, turn: &mut Turn<Self>);

    /// When to be woken again, beyond the machine's own deadline: the next retry.
    fn retry_at(&self) -> Option<Time>;

    /// Whether nothing is lost by going to rest now.
    fn may_rest(&self, state: &Self::Machine) -> bool;

    /// The parcel that shows the new state outside, if this kind has a place for it.
    fn post(&self, _: &Self::Machine, _: &mut Outbox, _: usize) {}
}

/// A message of any role.
pub trait Message: Send + 'static {
    /// Wakes the actor: some deadline or retry is due.
    fn wake() -> Self;

    /// Asks the actor to go to rest, if it has been idle and holds nothing.
    fn rest() -> Self;

    /// Answers whoever waits that there is no answer.
    fn fail(self, fault: Fault);
}

/// Why a command did not go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused<R> {
    /// The machine said no.
    Rule(R),
    /// There is no answer.
    Fault(Fault),
}

/// Whether a command was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Decided now.
    Now,
    /// Accepted before, under the same key.
    Before,
}

/// One message's work: what was decided and what is to be sent.
pub struct Turn<R: Role> {
    entity: Entity<R::Machine>,
    id: EntityId,
    system: Arc<System>,
    first_sequence: u64,
    now: Time,
    decided: Vec<(Context, <R::Machine as Machine>::Event)>,
    /// Told once the decision is appended, before it is durable.
    told: Vec<Parcel>,
    /// Let go once it is durable.
    parcels: Vec<Parcel>,
}

impl<R: Role> Turn<R> {
    /// The machine's state, this turn's decisions included.
    pub fn state(&self) -> &R::Machine {
        &self.entity.state
    }

    /// The shard's time, fixed for the turn.
    pub fn now(&self) -> Time {
        self.now
    }

    /// A context for a command of the shop itself.
    pub fn context(&self, by: By) -> Context {
        Context { now: self.now, by, command: self.system.new_command(), fingerprint: None }
    }

    /// Whether a keyed command was accepted before.
    pub fn seen(&self, context: &Context) -> Seen {
        self.entity.seen(context)
    }

    /// As [`Turn::decide`], but a keyed command that was accepted before changes nothing.
    ///
    /// # Errors
    /// As [`Turn::decide`], and when the key came with another body.
    pub fn decide_once(
        &mut self,
        command: &<R::Machine as Machine>::Command,
        context: Context,
    ) -> Result<Accepted, Refused<<R::Machine as Machine>::Refusal>> {
        match self.seen(&context) {
            Seen::Same => Ok(Accepted::Before),
            Seen::Other => Err(Refused::Fault(Fault::KeyMismatch)),
            Seen::No => self.decide(command, context).map(|()| Accepted::Now),
        }
    }

    /// Decides a command and evolves by its events.
    ///
    /// # Errors
    /// The machine refused, or its rule panicked: nothing changed.
    pub fn decide(
        &mut self,
        command: &<R::Machine as Machine>::Command,
        context: Context,
    ) -> Result<(), Refused<<R::Machine as Machine>::Refusal>> {
        let context = Context { now: self.now, ..context };
        let state = &self.entity.state;
        let system = &self.system;
        let id = &self.id;
        let decided = catch_unwind(AssertUnwindSafe(|| {
            system.faults.strike(id, super::system::Strike::Decide);
            state.decide(command, &context)
        }));
        let Ok(decision) = decided else {
            tracing::error!(entity = %self.id, "a rule panicked in decide; nothing changed");
            metrics::counter!("doorbuster_decide_panics_total").increment(1);
            return Err(Refused::Fault(Fault::Internal));
        };
        let events = decision.map_err(Refused::Rule)?;
        self.evolve(events, context);
        Ok(())
    }

    /// Decides a fact that another actor told; a refusal of a fact is worth a log line only.
    pub fn record(&mut self, command: &<R::Machine as Machine>::Command, by: By) {
        let context = self.context(by);
        if let Err(refused) = self.decide(command, context) {
            tracing::debug!(entity = %self.id, ?refused, "a fact was refused");
        }
    }

    fn evolve(&mut self, events: Vec<<R::Machine as Machine>::Event>, context: Context) {
        for event in events {
            self.system.faults.strike(&self.id, super::system::Strike::Evolve);
            self.entity.evolve(&event, &context);
            self.decided.push((context, event));
        }
    }

    /// Applies what time alone has done, a batch's worth; `false` when there was nothing.
    fn lapse(&mut self) -> bool {
        let events = self.entity.state.lapse(self.now);
        if events.is_empty() {
            return false;
        }
        let context = self.context(By::Shop);
        self.evolve(events, context);
        true
    }

    /// Answers once all that the answer rests on is durable.
    pub fn answer<T: Send + 'static>(&mut self, baton: Baton<T>, answer: Answer<T>) {
        self.parcels.push(Box::new(move || baton.send(answer)));
    }

    /// Does something once all decided so far is durable.
    pub fn when_durable(&mut self, parcel: impl FnOnce() + Send + 'static) {
        self.parcels.push(Box::new(parcel));
    }

    /// Tells an actor of the same shard at once, of another shard once it is durable.
    pub fn tell<Q: Role>(&mut self, id: Q::Id, message: Q::Message)
    where
        System: super::system::Knows<Q>,
    {
        self.send::<Q>(id, message, false);
    }

    /// As [`Turn::tell`], to an entity that this turn knows to have no history yet.
    pub fn tell_newborn<Q: Role>(&mut self, id: Q::Id, message: Q::Message)
    where
        System: super::system::Knows<Q>,
    {
        self.send::<Q>(id, message, true);
    }

    fn send<Q: Role>(&mut self, id: Q::Id, message: Q::Message, newborn: bool)
    where
        System: super::system::Knows<Q>,
    {
        let near = self.system.shard_of(&id.entity()) == self.system.shard_of(&self.id);
        let system = self.system.clone();
        let parcel = Box::new(move || {
            use super::system::Knows;
            system.directory().tell(&system, id, message, newborn);
        });
        if near { self.told.push(parcel) } else { self.parcels.push(parcel) }
    }

    /// How many events the entity has, this turn's included.
    pub fn sequence(&self) -> u64 {
        self.entity.sequence
    }

    /// Appends what was decided, then tells. `false` when the log took nothing.
    fn commit(&mut self, role: &R) -> bool {
        let committer = self.system.committer_of(&self.id);
        let parcels = std::mem::take(&mut self.parcels);
        if self.decided.is_empty() {
            if !parcels.is_empty() {
                committer.after(|outbox| outbox.put_all(parcels));
            }
        } else {
            let state = &self.entity.state;
            let appended =
                committer.append(&self.id, self.first_sequence, &self.decided, |outbox, last| {
                    role.post(state, outbox, last);
                    outbox.put_all(parcels);
                });
            let count = self.decided.len() as u64;
            self.decided.clear();
            self.first_sequence += count;
            if let Err(error) = appended {
                // Memory is ahead of the log: only a replay is honest now.
                tracing::error!(entity = %self.id, %error, "a decision did not reach the log");
                self.told.clear();
                return false;
            }
        }
        for parcel in self.told.drain(..) {
            parcel();
        }
        true
    }
}

/// The actor of one entity.
pub struct Shell<R>(PhantomData<fn() -> R>);

impl<R> Default for Shell<R> {
    fn default() -> Self {
        Shell(PhantomData)
    }
}

/// What the actor owns.
pub struct Live<R: Role> {
    id: R::Id,
    role: R,
    turn: Turn<R>,
    /// What the timekeeper knows of this entity.
    noted: Option<Time>,
    resting: bool,
    newborn: bool,
}

/// What an incarnation starts with.
pub struct Birth<R: Role> {
    /// Which one.
    pub id: R::Id,
    /// The tree.
    pub system: Arc<System>,
    /// Counts the incarnations of this process.
    pub incarnation: u64,
    /// There is no history to read.
    pub newborn: bool,
}

impl<R: Role> ractor::Actor for Shell<R>
where
    System: super::system::Knows<R>,
{
    type Msg = R::Message;
    // Boxed: the state is moved from future to future as an actor starts.
    type State = Box<Live<R>>;
    type Arguments = Birth<R>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        birth: Birth<R>,
    ) -> Result<Box<Live<R>>, ActorProcessingErr> {
        use super::system::Knows;
        let Birth { id, system, incarnation, newborn } = birth;
        let loaded = if newborn {
            Ok(Entity::born(&id.entity()))
        } else {
            super::directory::load::<R>(&system, &id).await
        };
        let entity = match loaded {
            Ok(entity) => entity,
            Err(error) => {
                let error = error.to_string();
                system.directory().quarantine(&system, &id, error.clone());
                return Err(error.into());
            }
        };
        let turn = Turn {
            first_sequence: entity.sequence + 1,
            entity,
            id: id.entity(),
            system: system.clone(),
            now: system.now(),
            decided: vec![],
            told: vec![],
            parcels: vec![],
        };
        let role = R::new(id.clone(), system, incarnation);
        Ok(Box::new(Live { id, role, turn, noted: None, resting: false, newborn }))
    }

    /// What a successor does before its first message. Not in `pre_start`: whoever fails there
    /// is missed by nobody.
    async fn post_start(
        &self,
        _: ActorRef<Self::Msg>,
        live: &mut Box<Live<R>>,
    ) -> Result<(), ActorProcessingErr> {
        if live.newborn { Ok(()) } else { live.take(None) }
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        live: &mut Box<Live<R>>,
    ) -> Result<(), ActorProcessingErr> {
        live.take(Some(message))?;
        if !live.resting && live.role.may_rest(live.turn.state()) {
            live.resting = true;
            // A message that comes now waits in the directory and wakes a successor.
            myself.drain().map_err(|_| "an actor could not go to rest")?;
        }
        Ok(())
    }
}

impl<R: Role> Live<R> {
    /// Which one it is.
    pub fn id(&self) -> &R::Id {
        &self.id
    }

    /// One turn.
    fn take(&mut self, message: Option<R::Message>) -> Result<(), ActorProcessingErr> {
        let turn = &mut self.turn;
        turn.now = turn.system.now();
        let before = turn.first_sequence;
        while turn.lapse() {
            if !turn.commit(&self.role) {
                return Err("the log took nothing".into());
            }
        }
        if let Some(message) = message {
            self.role.receive(message, turn);
        }
        self.role.settle(turn);
        let changed = !turn.decided.is_empty() || turn.first_sequence != before;
        if !turn.commit(&self.role) {
            return Err("the log took nothing".into());
        }
        // What was noted is used up once it has come, also when nothing was left to do by then.
        let used_up = self.noted.is_none_or(|noted| noted <= self.turn.now);
        if changed || used_up || self.role.retry_at().is_some() {
            self.note_due();
        }
        Ok(())
    }

    /// Tells the timekeeper when to wake this entity, if that changed for the earlier or for
    /// good. A later deadline is left alone: waking too early costs one look.
    fn note_due(&mut self) {
        let state = self.turn.state().due();
        let due = match (state, self.role.retry_at()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let horizon = self.turn.now.plus_ms(super::system::DUE_WINDOW_MS);
        let due = due.filter(|due| R::PUNCTUAL || *due < horizon);
        let timekeeper = &self.turn.system.timekeeper;
        match (self.noted, due) {
            (None, None) => {}
            (Some(noted), Some(due)) if noted <= due && noted > self.turn.now => {}
            (noted, due) => {
                timekeeper.note(&self.turn.id, noted, due);
                self.noted = due;
            }
        }
    }
}
