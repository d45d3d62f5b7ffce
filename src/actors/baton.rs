//! The reply handle that a conversation passes from actor to actor.
//!
//! Nobody keeps a table of pending answers: whoever can answer holds the baton, and when an actor
//! dies the baton drops and the caller hears that the outcome is unknown.

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
pub struct Baton<T>(oneshot::Sender<Answer<T>>);

/// Where the caller waits.
pub type Waiting<T> = oneshot::Receiver<Answer<T>>;

impl<T> Baton<T> {
    /// A baton and the place to wait for its answer.
    pub fn new() -> (Baton<T>, Waiting<T>) {
        let (sender, receiver) = oneshot::channel();
        (Baton(sender), receiver)
    }

    /// Answers; a caller that went away is no error.
    pub fn send(self, answer: Answer<T>) {
        let _ = self.0.send(answer);
    }

    /// Whether the caller went away.
    pub fn is_dropped(&self) -> bool {
        self.0.is_closed()
    }
}
