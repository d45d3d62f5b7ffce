//! A shard's post: takes down what became of letters, and is asked for those that are dead.
//!
//! The [`herald`](super::herald) does the sending; what it must not forget is recorded here.

use super::{
    Baton, Fault, System,
    shell::{self, Accepted, Refused, Role, Turn},
};
use crate::domain::{
    By, Context, PostId, Time,
    post::{Command, Letter, Refusal, State},
};
use std::sync::Arc;

/// What becomes of a letter that somebody wants to be sent again.
#[derive(Clone, Debug, PartialEq)]
pub struct Resend {
    /// Its post as it is now.
    pub state: State,
    /// The command was accepted before, under the same key.
    pub replayed: bool,
}

/// What a post hears.
pub enum Message {
    /// What is here?
    Read(Baton<State>),
    /// The herald has something to record.
    Record { command: Command, baton: Baton<Result<(), Refusal>> },
    /// Somebody wants a dead letter to be sent again.
    Resend { letter: Letter, context: Context, baton: Baton<Result<Resend, Refusal>> },
}

impl shell::Message for Message {
    fn fail(self, fault: Fault) {
        match self {
            Message::Read(baton) => baton.send(Err(fault)),
            Message::Record { baton, .. } => baton.send(Err(fault)),
            Message::Resend { baton, .. } => baton.send(Err(fault)),
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Message::Read(baton) => baton.is_dropped(),
            // What has been sent is sent, whoever waits to hear that it is recorded.
            Message::Record { .. } => false,
            Message::Resend { baton, .. } => baton.is_dropped(),
        }
    }

    fn begins(&self) -> bool {
        match self {
            Message::Read(_) | Message::Record { .. } | Message::Resend { .. } => false,
        }
    }
}

/// The actor of one post.
pub struct Actor {
    system: Arc<System>,
    resting: bool,
}

impl Role for Actor {
    type Machine = State;
    type Id = PostId;
    type Message = Message;

    fn new(_: PostId, system: Arc<System>, _: u64) -> Self {
        Actor { system, resting: false }
    }

    fn receive(&mut self, message: Message, turn: &mut Turn<Self>) {
        self.resting = false;
        match message {
            Message::Read(baton) => {
                let state = turn.state().clone();
                turn.answer(baton, Ok(state));
            }
            Message::Record { command, baton } => {
                let context = turn.context(By::Shop);
                let answer = match turn.decide(&command, context) {
                    Ok(()) => Ok(Ok(())),
                    Err(Refused::Rule(refusal)) => Ok(Err(refusal)),
                    Err(Refused::Fault(fault)) => Err(fault),
                };
                turn.answer(baton, answer);
            }
            Message::Resend { letter, context, baton } => {
                let answer = match turn.decide_once(&Command::Resend { letter }, context) {
                    Ok(accepted) => Ok(Ok(Resend {
                        state: turn.state().clone(),
                        replayed: accepted == Accepted::Before,
                    })),
                    Err(Refused::Rule(refusal)) => Ok(Err(refusal)),
                    Err(Refused::Fault(fault)) => Err(fault),
                };
                turn.answer(baton, answer);
                let system = self.system.clone();
                turn.when_durable(move || system.resend.notify_one());
            }
        }
    }

    fn nudged(&mut self, rest: bool, _: &mut Turn<Self>) {
        self.resting = rest;
    }

    fn settle(&mut self, _: &mut Turn<Self>) {}

    fn retry_at(&self) -> Option<Time> {
        None
    }

    fn may_rest(&self, _: &State) -> bool {
        self.resting
    }
}
