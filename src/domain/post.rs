//! The post of one shard: up to where its log has been turned into letters that are sent, and the
//! letters that could not be.
//!
//! Kept in the log like everything that must outlive derived state: a rebuilt shop writes to
//! nobody twice. A letter is finished once it is sent or has come to nothing. Invariants: the
//! cursor never goes back; a letter waits or is dead, never both.

use super::{
    Kind, OrderId, Time,
    machine::{self, Context, Machine},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Letters that may wait beside the cursor; more hold it up.
pub const MOST_WAITING: usize = 1_000;

/// Letters that may be dead at once; more hold up the cursor.
pub const MOST_DEAD: usize = 10_000;

/// Events above the cursor that may be finished.
pub const MOST_FINISHED: usize = 20_000;

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// To the buyer: it is paid.
    Confirmation,
    /// To the receiver of a gift: it is coming.
    Gift,
    /// To the buyer: it has ended, and what happens to the money.
    Cancellation,
}

impl Subject {
    /// The lower-case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Subject::Confirmation => "confirmation",
            Subject::Gift => "gift",
            Subject::Cancellation => "cancellation",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Subject> {
        let all = [Subject::Confirmation, Subject::Gift, Subject::Cancellation];
        all.into_iter().find(|subject| subject.name() == name)
    }
}

/// Names a letter within its shard: the event that it tells of, and what it says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Letter {
    /// Where the event stands in the log.
    pub position: u64,
    /// What it is about.
    pub subject: Subject,
}

/// Why a letter is not sent yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Whose event it tells of.
    pub order: OrderId,
    /// How often it was tried since somebody last asked for it.
    pub attempts: u32,
    /// What was said the last time.
    pub why: String,
}

/// A letter beside the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Why it is here.
    pub trouble: Trouble,
    /// Since when.
    pub at: Time,
}

/// What can be asked of a post.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin with what happens from `at` on.
    Begin { at: u64 },
    /// All before `to` is finished; of what comes behind it, the events at these places, too; and
    /// of those that waited, these letters.
    Advance { to: u64, finished: Vec<u64>, delivered: Vec<Letter> },
    /// Let this one wait and go on.
    Postpone { letter: Letter, trouble: Trouble },
    /// Give this one up.
    Bury { letter: Letter, trouble: Trouble },
    /// Try a dead one again.
    Resend { letter: Letter },
}

/// What happened to a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Began { at: u64 },
    Advanced { to: u64, finished: Vec<u64>, delivered: Vec<Letter> },
    Postponed { letter: Letter, trouble: Trouble },
    Buried { letter: Letter, trouble: Trouble },
    Resent { letter: Letter },
}

impl machine::Event for Event {
    const VERSION: u8 = 1;
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has not begun.
    NotBegun,
    /// No such letter is dead.
    UnknownLetter,
    /// As many as there may be are kept already.
    Full,
}

/// A post owes nothing to other entities: what it has to send is found in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obligation {}

/// The state of one post.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    cursor: Option<u64>,
    finished: BTreeSet<u64>,
    waiting: BTreeMap<Letter, Kept>,
    dead: BTreeMap<Letter, Kept>,
}

impl State {
    /// Everything before it is finished or kept; `None` until it begins.
    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// Where events stand that are finished although they come behind the cursor.
    pub fn finished(&self) -> &BTreeSet<u64> {
        &self.finished
    }

    /// Letters that are tried while the cursor goes on.
    pub fn waiting(&self) -> &BTreeMap<Letter, Kept> {
        &self.waiting
    }

    /// Letters that are given up.
    pub fn dead(&self) -> &BTreeMap<Letter, Kept> {
        &self.dead
    }

    fn advance(&self, to: u64, finished: &[u64], delivered: &[Letter]) -> Decision {
        let cursor = self.cursor.ok_or(Refusal::NotBegun)?;
        let to = to.max(cursor);
        let news = |at: &&u64| **at >= to && !self.finished.contains(at);
        let finished: Vec<u64> = finished.iter().filter(news).copied().collect();
        let delivered = delivered.iter().filter(|letter| self.waiting.contains_key(letter));
        let delivered: Vec<Letter> = delivered.copied().collect();
        let left = self.finished.range(to..).count();
        if left.saturating_add(finished.len()) > MOST_FINISHED {
            return Err(Refusal::Full);
        }
        if to == cursor && finished.is_empty() && delivered.is_empty() {
            return Ok(vec![]);
        }
        Ok(vec![Event::Advanced { to, finished, delivered }])
    }
}

type Decision = Result<Vec<Event>, Refusal>;

impl Machine for State {
    const KIND: Kind = Kind::Post;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;
    type Obligation = Obligation;

    fn lapse(&self, _: Time) -> Vec<Event> {
        vec![]
    }

    fn decide(&self, command: &Command, _: &Context) -> Decision {
        match command {
            Command::Begin { at } if self.cursor.is_none() => Ok(vec![Event::Began { at: *at }]),
            Command::Begin { .. } => Ok(vec![]),
            Command::Advance { to, finished, delivered } => self.advance(*to, finished, delivered),
            Command::Postpone { letter, trouble } => {
                if self.waiting.contains_key(letter) || self.dead.contains_key(letter) {
                    return Ok(vec![]);
                }
                if self.waiting.len() >= MOST_WAITING {
                    return Err(Refusal::Full);
                }
                Ok(vec![Event::Postponed { letter: *letter, trouble: trouble.clone() }])
            }
            Command::Bury { letter, trouble } => {
                if self.dead.contains_key(letter) {
                    return Ok(vec![]);
                }
                if self.dead.len() >= MOST_DEAD {
                    return Err(Refusal::Full);
                }
                Ok(vec![Event::Buried { letter: *letter, trouble: trouble.clone() }])
            }
            Command::Resend { letter } if self.dead.contains_key(letter) => {
                Ok(vec![Event::Resent { letter: *letter }])
            }
            // It is on its way already.
            Command::Resend { letter } if self.waiting.contains_key(letter) => Ok(vec![]),
            Command::Resend { .. } => Err(Refusal::UnknownLetter),
        }
    }

    fn evolve(&mut self, event: &Event, context: &Context) {
        let kept = |trouble: &Trouble| Kept { trouble: trouble.clone(), at: context.now };
        match event {
            Event::Began { at } => self.cursor = Some(*at),
            Event::Advanced { to, finished, delivered } => {
                self.cursor = Some(*to);
                self.finished = self.finished.split_off(to);
                self.finished.extend(finished);
                for letter in delivered {
                    self.waiting.remove(letter);
                }
            }
            Event::Postponed { letter, trouble } => {
                self.waiting.insert(*letter, kept(trouble));
            }
            Event::Buried { letter, trouble } => {
                self.waiting.remove(letter);
                self.dead.insert(*letter, kept(trouble));
            }
            Event::Resent { letter } => {
                if let Some(mut again) = self.dead.remove(letter) {
                    again.trouble.attempts = 0;
                    again.at = context.now;
                    self.waiting.insert(*letter, again);
                }
            }
        }
    }

    fn due(&self) -> Option<Time> {
        None
    }

    fn obligations(&self) -> Vec<Obligation> {
        vec![]
    }
}

#[cfg(test)]
mod tests;
