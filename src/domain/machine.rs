//! What every business rule is: a machine that decides commands and evolves by events.

use super::{CartId, CommandId, EntityId, Kind, OrderId, ProductId, Time};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// Who asked for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The holder of the admin token.
    Admin,
    /// The shopper who holds this cart's token.
    Cart(CartId),
    /// The order saga.
    Order(OrderId),
    /// The product, on behalf of the admin who changed it.
    Product(ProductId),
    /// The shop itself: a deadline, a retry.
    Shop,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Admin => f.write_str("admin"),
            By::Cart(id) => id.fmt(f),
            By::Order(id) => id.fmt(f),
            By::Product(id) => id.fmt(f),
            By::Shop => f.write_str("shop"),
        }
    }
}

/// A keyed hash of what a client sent under an Idempotency-Key: the same key with another
/// fingerprint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

/// The circumstances of one command; written into the head of each entry that it causes, so a
/// replay evolves under the very same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The shard's time.
    pub now: Time,
    /// Who asks.
    pub by: By,
    /// The command's identity; fresh unless the client gave a key.
    pub command: CommandId,
    /// Present when the client gave a key.
    pub fingerprint: Option<Fingerprint>,
}

/// A pure state machine. `Default` is the state before the first event.
pub trait Machine: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Which kind of entity runs it.
    const KIND: Kind;
    /// An imperative.
    type Command: Send + 'static;
    /// What happened, in the past tense. Written to the log with its name and version.
    type Event: Event;
    /// Why not.
    type Refusal: Clone + fmt::Debug + Send + 'static;
    /// What this entity still owes others.
    type Obligation: Clone + fmt::Debug + PartialEq + Send + 'static;

    /// The entity before its first event; those that need to know their name keep it.
    fn born(_: &EntityId) -> Self {
        Self::default()
    }

    /// What time alone has done by `now`, at most a batch's worth: whoever runs the machine
    /// applies it before each decision and asks again until nothing is left.
    fn lapse(&self, now: Time) -> Vec<Self::Event>;

    /// The events that `command` causes, none when it was done already, or why it is refused.
    ///
    /// # Errors
    /// A refusal; the state is as it was.
    fn decide(
        &self,
        command: &Self::Command,
        context: &Context,
    ) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Applies an event that was decided under `context`.
    fn evolve(&mut self, event: &Self::Event, context: &Context);

    /// The accepted command that `event`, in this state, says has come to nothing after all: it is
    /// as if it had been refused, so its key may be tried again.
    fn withdrawn(&self, _: &Self::Event) -> Option<CommandId> {
        None
    }

    /// The next instant at which `lapse` may have something.
    fn due(&self) -> Option<Time>;

    /// What is still owed to others: a function of the state alone, so a restart finds it again.
    fn obligations(&self) -> Vec<Self::Obligation>;
}

/// A machine's event as the log keeps it: an externally tagged enum, so its name stands in the
/// payload, and a version that old readers and upcasters go by.
pub trait Event: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The version that is written today.
    const VERSION: u8;
}
