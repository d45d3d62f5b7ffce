//! One attempt: from an event's place in the log to its letters, handed over.

use super::{
    Job, Key, Office, OrderId,
    letters::{self, Occasion, Unwritten},
    order_now,
};
use crate::{
    actors::{System, order::Order},
    domain::{Time, post::Subject},
    journal::{
        Position,
        replay::{ReadLog, SharedLog},
    },
    ports::mail::{self, Mailbox},
};
use futures_util::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::timeout;

/// What became of one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken.
    Sent,
    /// The event asks for no such letter.
    Nothing,
    /// The person was erased.
    Erased,
    /// It was not taken.
    Failed(mail::Error),
}

/// An attempt that is over.
pub(super) struct Carried {
    pub(super) shard: usize,
    pub(super) key: Key,
    pub(super) outcomes: Vec<(Subject, Outcome)>,
}

/// An order as it is now, and which of its events the letters are about.
struct Found {
    order: Order,
    number: u64,
    at: Time,
    place: String,
}

pub(super) async fn carry_out(
    system: Arc<System>,
    office: Arc<Office>,
    shard: usize,
    log: SharedLog,
    job: Job,
) -> Carried {
    let Job { key, order, subjects } = job;
    let within = Duration::from_millis(office.settings.deadline_ms);
    // Once for all letters of the event: whoever is at rest has to be woken for it.
    let found = find(&system, shard, &*log, key.position(), order);
    let found = carefully(order, within, found).await.unwrap_or_else(Err);
    let mut outcomes = vec![];
    for subject in subjects {
        let sent = match &found {
            Ok(found) => carefully(order, within, attempt(&system, &office, found, subject)).await,
            Err(why) => Err(why.clone()),
        };
        // What can't be read now may be read later, and is nobody's fault outside.
        let unreachable = |why| Outcome::Failed(mail::Error::Unreachable(why));
        outcomes.push((subject, sent.unwrap_or_else(unreachable)));
    }
    Carried { shard, key, outcomes }
}

/// Bounds what may hang or panic.
async fn carefully<T>(
    order: OrderId,
    within: Duration,
    work: impl Future<Output = T>,
) -> Result<T, String> {
    match AssertUnwindSafe(timeout(within, work)).catch_unwind().await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("it took too long".to_owned()),
        Err(_) => {
            tracing::error!(%order, "writing a letter panicked");
            Err("a bug: writing it panicked".to_owned())
        }
    }
}

async fn find(
    system: &Arc<System>,
    shard: usize,
    log: &dyn ReadLog,
    position: Position,
    order: OrderId,
) -> Result<Found, String> {
    let order = order_now(system, order).await?;
    let mut buffer = vec![];
    let entry = log.entry(position, &mut buffer).map_err(|error| error.to_string())?;
    let (number, at) = (entry.sequence, entry.context.now);
    Ok(Found { order, number, at, place: format!("{shard}/{position}") })
}

async fn attempt(
    system: &Arc<System>,
    office: &Office,
    found: &Found,
    subject: Subject,
) -> Outcome {
    let Found { order: Order { id, state, .. }, number, at, place } = found;
    let (number, at, place) = (*number, *at, place.clone());
    let occasion = Occasion { order: *id, state, number, place, at };
    match letters::write(&system.keyring, office.link.as_ref(), &occasion, subject) {
        Ok(letter) => match office.mail.send(&letter).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::Failed(error),
        },
        Err(Unwritten::Nothing) => Outcome::Nothing,
        Err(Unwritten::Erased) => Outcome::Erased,
        Err(Unwritten::Damaged(why)) => Outcome::Failed(mail::Error::Refused(why)),
    }
}

/// Whom a letter is for; `None` for nobody, or when the person was erased.
pub(super) async fn recipient(
    system: &Arc<System>,
    order: OrderId,
    subject: Subject,
) -> Option<Mailbox> {
    let order = order_now(system, order).await.ok()?;
    letters::recipient(&system.keyring, order.state.placement()?, subject).ok().flatten()
}
