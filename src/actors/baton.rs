//! The reply handle that a conversation passes from actor to actor.
//!
//! Nobody keeps a table of pending answers: whoever can answer holds the baton, and when an actor
//! dies the baton drops and the caller hears that the outcome is unknown. A command's permit rides
//! in its baton: so what is counted as under way is what is in memory, however long its caller
//! stayed.

use super::admission::Permit;
use tokio::sync::oneshot;

/// Why a question got no answer from a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The actor died, or no answer came in time: it may have happened.
    #[error("the outcome is unknown; repeat with the same key")]
    Unavailable,
    /// The entity cannot be rebuilt from the log.
    #[error("{0} is quarantined until an admin releases it")]
    Quarantined(String),
    /// A rule panicked; nothing changed.
    #[error("a rule failed; nothing changed")]
    Internal,
    /// The first command with this key is still on its way.
    #[error("the first command with this key is still on its way; retry")]
    InProgress,
    /// The key came before with another body.
    #[error("this key came before with another body; use a new one")]
    KeyMismatch,
}

/// What comes back: an answer, or why there is none.
pub type Answer<T> = Result<T, Fault>;

/// The right and duty to answer one caller once.
#[derive(Debug)]
pub struct Baton<T> {
    answer: oneshot::Sender<Answer<T>>,
    /// Given back when this is answered or dropped.
    permit: Option<Permit>,
}

/// Where the caller waits.
pub type Waiting<T> = oneshot::Receiver<Answer<T>>;

impl<T> Baton<T> {
    /// A baton and the place to wait for its answer.
    pub fn new() -> (Baton<T>, Waiting<T>) {
        Baton::with(None)
    }

    /// The same for a command that counts as under way as long as the baton is.
    pub fn admitted(permit: Permit) -> (Baton<T>, Waiting<T>) {
        Baton::with(Some(permit))
    }

    fn with(permit: Option<Permit>) -> (Baton<T>, Waiting<T>) {
        let (answer, waiting) = oneshot::channel();
        (Baton { answer, permit }, waiting)
    }

    /// Answers; a caller that went away is no error.
    pub fn send(self, answer: Answer<T>) {
        // First, so that whoever is answered may come again at once.
        drop(self.permit);
        let _ = self.answer.send(answer);
    }

    /// Whether the caller went away.
    pub fn is_dropped(&self) -> bool {
        self.answer.is_closed()
    }
}
