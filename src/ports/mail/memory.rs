//! A mail server in memory for tests and simulation: it takes letters, refuses, stalls and loses
//! answers, as it is told for each letter and attempt.

use super::{Error, Letter, Mail, Mailbox, format};
use futures_util::future::{BoxFuture, FutureExt as _, pending};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What becomes of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives,
    /// It is refused for good.
    Refused,
    /// It may come later.
    Later,
    /// There is nobody.
    Unreachable,
    /// It arrives, but nobody hears that it did.
    AnswerLost,
    /// There is no end of it.
    Stalls,
}

type Rule = Box<dyn Fn(&Letter, u32) -> Fate + Send + Sync>;

/// Letters in memory.
pub struct Memory {
    from: Mailbox,
    rule: Rule,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    attempts: BTreeMap<String, u32>,
    arrived: Vec<(Letter, Vec<u8>)>,
}

impl Memory {
    /// `rule` says what becomes of each letter's first, second, … attempt, counted from 1.
    pub fn new(
        from: Mailbox,
        rule: impl Fn(&Letter, u32) -> Fate + Send + Sync + 'static,
    ) -> Memory {
        Memory { from, rule: Box::new(rule), books: Mutex::default() }
    }

    /// All that arrived, in its order.
    pub fn arrived(&self) -> Vec<Letter> {
        self.lock().arrived.iter().map(|(letter, _)| letter.clone()).collect()
    }

    /// The same as bytes.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.lock().arrived.iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// How often each letter was tried, by its id.
    pub fn attempts(&self) -> BTreeMap<String, u32> {
        self.lock().attempts.clone()
    }

    fn take(&self, letter: &Letter) -> Result<Fate, Error> {
        let bytes = format::message(letter, &self.from)?.formatted();
        let mut books = self.lock();
        let attempt = books.attempts.entry(letter.id.clone()).or_insert(0);
        *attempt = attempt.saturating_add(1);
        let fate = (self.rule)(letter, *attempt);
        if matches!(fate, Fate::Arrives | Fate::AnswerLost) {
            books.arrived.push((letter.clone(), bytes));
        }
        Ok(fate)
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} arrived)", self.lock().arrived.len())
    }
}

impl Mail for Memory {
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match self.take(letter)? {
                Fate::Arrives => Ok(()),
                Fate::Refused => Err(Error::Refused("550 no such person".to_owned())),
                Fate::Later => Err(Error::Later("450 come again".to_owned())),
                Fate::Unreachable => Err(Error::Unreachable("no connection".to_owned())),
                Fate::AnswerLost => Err(Error::Unreachable("the connection broke".to_owned())),
                Fate::Stalls => pending().await,
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::contract, *};

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        let mail = Memory::new(contract::shop(), |_, _| Fate::Arrives);
        contract::suite(&mail, &|| mail.bytes()).await;
    }

    #[tokio::test]
    async fn a_lost_answer_hides_an_arrival() {
        let fates = [Fate::AnswerLost, Fate::Later, Fate::Refused];
        let mail = Memory::new(contract::shop(), move |_, attempt| fates[attempt as usize - 1]);
        let letter = contract::letter("x");
        assert!(matches!(mail.send(&letter).await, Err(Error::Unreachable(_))));
        assert_eq!(mail.arrived(), std::slice::from_ref(&letter));
        assert!(matches!(mail.send(&letter).await, Err(Error::Later(_))));
        assert!(matches!(mail.send(&letter).await, Err(Error::Refused(_))));
        assert_eq!((mail.arrived().len(), mail.attempts()["x"]), (1, 3));
    }
}
