//! One attempt: from an event's place in the log to its letters, handed over.

use super::{
    Job, Key, Office, OrderId,
    followed::Confirmed,
    letters::{self, Occasion, Unwritten},
    order_now,
};
use crate::{
    actors::System,
    domain::{order::Event, post::Subject},
    journal::{Position, codec, replay::ReadLog, replay::SharedLog},
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

pub(super) async fn carry_out(
    system: Arc<System>,
    office: Arc<Office>,
    shard: usize,
    log: SharedLog,
    job: Job,
) -> Carried {
    let Job { key, order, subjects, known } = job;
    let within = Duration::from_millis(office.settings.deadline_ms);
    let mut outcomes = vec![];
    for subject in subjects {
        let place = format!("{shard}/{}", key.position());
        let attempt = async {
            match &known {
                Some(known) => {
                    let Confirmed { state, event, at } = &**known;
                    let occasion = Occasion { order, state, event, place, at: *at };
                    send(&system, &office, &occasion, subject).await
                }
                None => {
                    attempt(&system, &office, place, &*log, (key.position(), order, subject)).await
                }
            }
        };
        let attempt = AssertUnwindSafe(timeout(within, attempt)).catch_unwind();
        let unreachable = |why: &str| Outcome::Failed(mail::Error::Unreachable(why.to_owned()));
        let outcome = match attempt.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => unreachable("it took too long"),
            Err(_) => {
                tracing::error!(%order, "writing a letter panicked");
                unreachable("a bug: writing it panicked")
            }
        };
        outcomes.push((subject, outcome));
    }
    Carried { shard, key, outcomes }
}

async fn attempt(
    system: &Arc<System>,
    office: &Office,
    place: String,
    log: &dyn ReadLog,
    (position, order, subject): (Position, OrderId, Subject),
) -> Outcome {
    // What can't be read now may be read later, and is nobody's fault outside.
    let order = match order_now(system, order).await {
        Ok(order) => order,
        Err(why) => return Outcome::Failed(mail::Error::Unreachable(why)),
    };
    let mut buffer = vec![];
    let entry = log.entry(position, &mut buffer).map_err(|error| error.to_string());
    let read = entry.and_then(|entry| {
        let event: Event = codec::decode(&entry).map_err(|error| error.to_string())?;
        Ok((event, entry.context.now))
    });
    let (event, at) = match read {
        Ok(read) => read,
        Err(why) => return Outcome::Failed(mail::Error::Unreachable(why)),
    };
    let occasion = Occasion { order: order.id, state: &order.state, event: &event, place, at };
    send(system, office, &occasion, subject).await
}

async fn send(
    system: &System,
    office: &Office,
    occasion: &Occasion<'_>,
    subject: Subject,
) -> Outcome {
    match letters::write(&system.keyring, office.link.as_ref(), occasion, subject) {
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
