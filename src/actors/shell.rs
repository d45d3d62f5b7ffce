//! The one generic actor: it runs a machine, hands events to the committer and carries messages.
//!
//! A turn is one message: time first, then the command; decide, evolve at once, append, tell. The
//! shell never waits for the disk: what must wait for it rides in the outbox. A panic in `decide`
//! changed nothing and is answered; a panic in `evolve` kills the actor before anything was
//! appended, and its successor starts from the log.

mod turn;

pub use turn::{Accepted, Refused, Turn};

use super::{
    Fault, Outbox, System,
    directory::{Id, LoadError},
};
use crate::{
    domain::{Machine, Time},
    journal::entity::Entity,
};
use ractor::{ActorProcessingErr, ActorRef};
use std::{marker::PhantomData, sync::Arc};

/// A kind of actor: the conversations around one machine. What it holds beyond the machine's
/// state is lost with it, and is found again by asking.
pub trait Role: Sized + Send + 'static {
    /// The rules.
    type Machine: Machine;
    /// Which one of the kind.
    type Id: Id;
    /// What it is told.
    type Message: Message;

    /// Whether far deadlines are kept in memory, too. Where lateness does no harm they wait in the
    /// due index, which a checkpoint writes, until they come near.
    const PUNCTUAL: bool = true;

    /// A new incarnation.
    fn new(id: Self::Id, system: Arc<System>, incarnation: u64) -> Self;

    /// Handles one message.
    fn receive(&mut self, message: Self::Message, turn: &mut Turn<Self>);

    /// A deadline or a retry is due, or it is asked to `rest` if it has been idle and holds nothing.
    fn nudged(&mut self, _rest: bool, _: &mut Turn<Self>) {}

    /// Puts a command aside whose caller left; see [`Message::is_abandoned`].
    fn shed(&mut self, _: Self::Message, _: &mut Turn<Self>) {}

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

/// What a role can be told.
pub trait Message: Send + 'static {
    /// Answers whoever waits that there is no answer.
    fn fail(self, fault: Fault);

    /// Whether this is a command from the door that has caused nothing yet and whose caller left.
    /// Never true of a fact.
    fn is_abandoned(&self) -> bool;

    /// Whether it begins what its actor has to be there to end: somebody waits in the actor, or
    /// it keeps count of who is to answer. One that goes to rest leaves it to its successor. Never
    /// true of a fact, since facts must not overtake each other.
    fn begins(&self) -> bool;
}

/// What every actor hears. Takes no more room than what its role is told.
#[derive(Debug)]
pub enum Heard<M> {
    /// Something that only its role understands.
    Told(M),
    /// Some deadline or retry is due.
    Wake,
    /// Go to rest, if you have been idle and hold nothing.
    Rest,
}

impl<M: Message> Heard<M> {
    /// Answers whoever waits that there is no answer.
    pub fn fail(self, fault: Fault) {
        match self {
            Heard::Told(message) => message.fail(fault),
            Heard::Wake | Heard::Rest => {}
        }
    }
}

/// The actor of one entity.
pub struct Shell<R>(PhantomData<fn() -> R>);

impl<R> Default for Shell<R> {
    fn default() -> Self {
        Shell(PhantomData)
    }
}

/// What an actor is: alive, or why its entity could not be rebuilt. Then it only tells that to
/// whoever had written to it already, and ends.
pub type Rebuilt<R> = Result<Box<Live<R>>, Fault>;

/// What the actor owns.
pub struct Live<R: Role> {
    id: R::Id,
    role: R,
    turn: Turn<R>,
    /// What the timekeeper knows of this entity.
    noted: Option<Time>,
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
    type Msg = Heard<R::Message>;
    // Boxed: the state is moved from future to future as an actor starts.
    type State = Rebuilt<R>;
    type Arguments = Birth<R>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        birth: Birth<R>,
    ) -> Result<Rebuilt<R>, ActorProcessingErr> {
        use super::system::Knows;
        let Birth { id, system, incarnation, newborn } = birth;
        let loaded = if newborn {
            Ok(Entity::born(&id.entity()))
        } else {
            super::directory::load::<R>(&system, &id).await
        };
        let entity = match loaded {
            Ok(entity) => entity,
            Err(LoadError::Closed) => return Ok(Err(Fault::Unavailable)),
            Err(error) => {
                system.directory().quarantine(&system, &id, error.to_string());
                return Ok(Err(Fault::Quarantined(id.entity().to_string())));
            }
        };
        let turn = Turn::new(system.clone(), id.entity(), entity);
        let role = R::new(id.clone(), system, incarnation);
        Ok(Ok(Box::new(Live { id, role, turn, noted: None, newborn })))
    }

    /// What a successor does before its first message. Not in `pre_start`: whoever fails there
    /// is missed by nobody.
    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        rebuilt: &mut Rebuilt<R>,
    ) -> Result<(), ActorProcessingErr> {
        match rebuilt {
            Ok(live) if live.newborn => Ok(()),
            Ok(live) => live.take(None),
            Err(_) => go(&myself),
        }
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        rebuilt: &mut Rebuilt<R>,
    ) -> Result<(), ActorProcessingErr> {
        let live = match rebuilt {
            Ok(live) => live,
            Err(fault) => {
                message.fail(fault.clone());
                return Ok(());
            }
        };
        live.take(Some(message))?;
        if !live.turn.is_resting() && live.role.may_rest(live.turn.state()) {
            live.turn.rest();
            go(&myself)?;
        }
        Ok(())
    }
}

/// Ends once the mailbox is empty. A message that comes now waits in the directory and wakes a
/// successor.
fn go<M: ractor::Message>(actor: &ActorRef<M>) -> Result<(), ActorProcessingErr> {
    actor.drain().map_err(|_| "an actor could not go to rest".into())
}

impl<R: Role> Live<R>
where
    System: super::system::Knows<R>,
{
    /// Which one it is.
    pub fn id(&self) -> &R::Id {
        &self.id
    }

    /// One turn.
    fn take(&mut self, heard: Option<Heard<R::Message>>) -> Result<(), ActorProcessingErr> {
        let turn = &mut self.turn;
        turn.begin();
        let before = turn.sequence();
        while turn.lapse() {
            if !turn.commit(&self.role) {
                return Err("the log took nothing".into());
            }
        }
        match heard {
            Some(Heard::Told(message)) if message.is_abandoned() => {
                turn.count_shed();
                self.role.shed(message, turn);
            }
            Some(Heard::Told(message)) if turn.is_resting() && message.begins() => {
                turn.pass_on(self.id.clone(), message);
            }
            Some(Heard::Told(message)) => self.role.receive(message, turn),
            Some(Heard::Wake) => self.role.nudged(false, turn),
            Some(Heard::Rest) => self.role.nudged(true, turn),
            None => {}
        }
        self.role.settle(turn);
        let changed = turn.sequence() != before;
        if !turn.commit(&self.role) {
            return Err("the log took nothing".into());
        }
        // What was noted is used up once it has come, also when nothing was left to do by then.
        let used_up = self.noted.is_none_or(|noted| noted <= self.turn.now());
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
        let horizon = self.turn.now().plus_ms(super::system::DUE_WINDOW_MS);
        let due = due.filter(|due| R::PUNCTUAL || *due < horizon);
        match (self.noted, due) {
            (None, None) => {}
            (Some(noted), Some(due)) if noted <= due && noted > self.turn.now() => {}
            (noted, due) => {
                self.turn.note(noted, due);
                self.noted = due;
            }
        }
    }
}
