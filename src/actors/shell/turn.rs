//! One message's work: what was decided, and what is to be told and sent.

use super::{Heard, Role};
use crate::{
    actors::{
        Baton, Fault, System,
        baton::Answer,
        directory::Id as _,
        outbox::Parcel,
        system::{Knows, Strike},
    },
    domain::{By, Context, EntityId, Machine, Time},
    journal::entity::{Entity, Seen},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

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
    resting: bool,
}

impl<R: Role> Turn<R> {
    pub(super) fn new(system: Arc<System>, id: EntityId, entity: Entity<R::Machine>) -> Turn<R> {
        Turn {
            first_sequence: entity.sequence + 1,
            entity,
            id,
            now: system.now(),
            system,
            decided: vec![],
            told: vec![],
            parcels: vec![],
            resting: false,
        }
    }

    /// From now on the actor only empties its mailbox.
    pub(super) fn rest(&mut self) {
        self.resting = true;
    }

    /// Whether the actor ends once its mailbox is empty.
    pub(super) fn is_resting(&self) -> bool {
        self.resting
    }

    /// Leaves a message to the successor: an actor that is going to rest takes no more itself.
    pub(super) fn pass_on(&self, id: R::Id, message: R::Message)
    where
        System: Knows<R>,
    {
        self.system.directory().tell(&self.system, id, Heard::Told(message), false);
    }

    /// Begins the next message's work.
    pub(super) fn begin(&mut self) {
        self.now = self.system.now();
    }

    /// Notes when to wake this entity, in place of `before`.
    pub(super) fn note(&self, before: Option<Time>, due: Option<Time>) {
        self.system.timekeeper.note(&self.id, before, due);
    }

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
            system.faults.strike(id, Strike::Decide);
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
            self.system.faults.strike(&self.id, Strike::Evolve);
            self.entity.evolve(&event, &context);
            self.decided.push((context, event));
        }
    }

    /// Applies what time alone has done, a batch's worth; `false` when there was nothing.
    pub(super) fn lapse(&mut self) -> bool {
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
        System: Knows<Q>,
    {
        self.send::<Q>(id, message, false);
    }

    /// As [`Turn::tell`], to an entity that this turn knows to have no history yet.
    pub fn tell_newborn<Q: Role>(&mut self, id: Q::Id, message: Q::Message)
    where
        System: Knows<Q>,
    {
        self.send::<Q>(id, message, true);
    }

    fn send<Q: Role>(&mut self, id: Q::Id, message: Q::Message, newborn: bool)
    where
        System: Knows<Q>,
    {
        let near = self.system.shard_of(&id.entity()) == self.system.shard_of(&self.id);
        let system = self.system.clone();
        let parcel = Box::new(move || {
            system.directory().tell(&system, id, Heard::Told(message), newborn);
        });
        if near { self.told.push(parcel) } else { self.parcels.push(parcel) }
    }

    /// Counts a command that is put aside because its caller left.
    pub fn count_shed(&self) {
        metrics::counter!("doorbuster_shed_total").increment(1);
    }

    /// How many events the entity has, this turn's included.
    pub fn sequence(&self) -> u64 {
        self.entity.sequence
    }

    /// Appends what was decided, then tells. `false` when the log took nothing.
    pub(super) fn commit(&mut self, role: &R) -> bool {
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
