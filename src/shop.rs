//! The shop: one method per use case. The door, the command line, benches and tests all go
//! through it.
//!
//! Reading order: [`open`](mod@open) makes a shop of a folder; [`cart`], [`orders`], [`stock`],
//! [`catalogue`] and [`reservations`] are the use cases, [`lists`] reads the views, [`mail`](mod@mail) has the letters; [`identity`] says who a token belongs to and which command a
//! key means. Invariant: a question is always asked with a deadline and with a permit, and the
//! permit stays with the question, not with who asked: so the work inside is bounded whatever
//! comes to the door, and however soon it leaves.

mod backup;
pub mod cart;
pub mod catalogue;
pub mod error;
pub mod identity;
pub mod lists;
pub mod mail;
pub mod open;
pub mod orders;
pub mod reservations;
pub mod stock;

pub use error::Error;
pub use identity::{Access, Key};
pub use open::{Opened, Options};

use crate::{
    actors::{
        Fault, System,
        baton::{Baton, Waiting},
        shell::Role,
        system::Knows,
    },
    domain::{By, Context, Time},
    journal::{Layout, Secret},
    views::Follower,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// A question without an answer by then gets `unavailable`: the outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A log whose entries wait longer for the disk is not ready for more.
const WRITABLE_WITHIN: Duration = Duration::from_secs(2);

/// What a refused caller is told to wait.
pub const RETRY_AFTER_MS: u64 = 1_000;

/// The in-process API. Cheap to clone.
#[derive(Clone)]
pub struct Shop(Arc<Inner>);

struct Inner {
    system: Arc<System>,
    secret: Secret,
    /// Commands under way, until they are durable.
    permits: Arc<Semaphore>,
    /// Callers who wait for an order to settle.
    waits: Semaphore,
    views: Arc<Follower>,
    /// Where the store is, unless it is in memory.
    layout: Option<Layout>,
}

impl Shop {
    /// A shop over a running tree.
    pub fn new(
        system: Arc<System>,
        views: Arc<Follower>,
        secret: Secret,
        most_commands: usize,
    ) -> Shop {
        Shop::in_folder(system, views, secret, most_commands, None)
    }

    fn in_folder(
        system: Arc<System>,
        views: Arc<Follower>,
        secret: Secret,
        most_commands: usize,
        layout: Option<Layout>,
    ) -> Shop {
        let permits = Arc::new(Semaphore::new(most_commands));
        let waits = Semaphore::new(most_commands);
        Shop(Arc::new(Inner { system, secret, permits, waits, views, layout }))
    }

    /// The tree beneath.
    pub fn system(&self) -> &Arc<System> {
        &self.0.system
    }

    /// Lists and histories, and how far they have come.
    pub fn views(&self) -> &Arc<Follower> {
        &self.0.views
    }

    /// The shop's time.
    pub fn now(&self) -> Time {
        self.0.system.now()
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.0.permits.clone().try_acquire_owned().map_err(|_| {
            metrics::counter!("doorbuster_overloaded_total").increment(1);
            Error::Overloaded
        })
    }

    /// A baton for one more command, if there is a permit for it.
    fn baton<T>(&self) -> Result<(Baton<T>, Waiting<T>), Error> {
        Ok(Baton::admitted(self.permit()?))
    }

    /// Commands that more could be taken of just now.
    pub fn free_permits(&self) -> usize {
        self.0.permits.available_permits()
    }

    /// Whether every shard still takes entries: waits for what is on its way to the disk.
    ///
    /// # Errors
    /// A shard does not answer.
    pub async fn writable(&self) -> Result<(), Error> {
        for shard in &self.0.system.shards {
            let (baton, waiting) = Baton::new();
            shard.committer.after(|outbox| outbox.put(Box::new(move || baton.send(Ok(())))));
            wait(waiting, WRITABLE_WITHIN).await?;
        }
        Ok(())
    }

    /// Asks an actor and waits, with a permit and a deadline.
    async fn ask<R: Role, T: Send + 'static>(
        &self,
        id: R::Id,
        message: impl FnOnce(Baton<T>) -> R::Message,
    ) -> Result<T, Error>
    where
        System: Knows<R>,
    {
        let (baton, waiting) = self.baton()?;
        self.0.system.tell::<R>(id, message(baton));
        wait(waiting, ANSWER_WITHIN).await
    }

    fn context(&self, by: By, key: Option<&Key<'_>>) -> Context {
        let (command, fingerprint) = match key {
            Some(key) => {
                let (command, fingerprint) = key.identify(&self.0.secret, by);
                (command, Some(fingerprint))
            }
            None => (self.0.system.new_command(), None),
        };
        Context { now: Time::default(), by, command, fingerprint }
    }
}

async fn wait<T>(waiting: Waiting<T>, within: Duration) -> Result<T, Error> {
    wait_until(waiting, Instant::now() + within).await
}

/// What is there by `deadline`, also when that is over.
async fn wait_until<T>(waiting: Waiting<T>, deadline: Instant) -> Result<T, Error> {
    match timeout_at(deadline, waiting).await {
        Ok(Ok(answer)) => answer.map_err(Error::Fault),
        Ok(Err(_)) | Err(_) => Err(Error::Fault(Fault::Unavailable)),
    }
}

#[cfg(test)]
mod tests;
