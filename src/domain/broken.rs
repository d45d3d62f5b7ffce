//! Rules that a test can break, to see that the simulation notices: each names what the shop rests
//! on. Invariant: outside test builds no rule is ever broken, and asking costs nothing.

/// A rule that the shop rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A SKU reserves no more than is free.
    OnlyWhatIsFree,
    /// Units that come back come back once.
    UnitsComeBackOnce,
    /// Nobody is answered before the batch is synced.
    SyncBeforeAnswer,
    /// Nothing else leaves before the batch is synced either.
    SyncBeforeOutbox,
    /// A batch is durable before the next one is written.
    OneBatchInFlight,
    /// A cart remembers which order a key made.
    KeysAreKept,
    /// A payment step has the same key however often it is tried.
    StepsHaveOneKey,
    /// Money is taken once the stock is sold.
    StockBeforeCapture,
    /// The provider is called for what is durable.
    DurableBeforeCall,
    /// A sale that was recorded is not recorded again.
    CommitsOnce,
    /// No more comes back than was bought.
    ReturnsWithinOrder,
    /// A reservation has a deadline.
    ClaimsHaveDeadlines,
    /// Nobody gets more than a sale allows.
    LimitPerBuyer,
    /// What got no answer is asked again.
    AskAgain,
    /// Money that was set aside for an order that ended is let go.
    VoidIsOwed,
    /// A view folds every batch.
    ViewsFoldAll,
    /// The board passes over what is older than what it shows.
    BoardOnlyForward,
    /// An actor starts once all that its predecessor appended is durable.
    ReplayBehindPending,
}

impl Rule {
    /// Whether it is broken: in test builds only, and only in the thread that asked for it.
    #[cfg(not(test))]
    #[inline]
    #[expect(clippy::unused_self, reason = "test builds look something up here")]
    pub(crate) const fn is_broken(self) -> bool {
        false
    }
}

/// Another number each time, where a rule is broken.
#[cfg(not(test))]
pub(crate) const fn count() -> u64 {
    0
}

#[cfg(test)]
pub(crate) use breaking::count;

#[cfg(test)]
mod breaking {
    use super::Rule;
    use std::cell::Cell;

    thread_local! {
        static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn count() -> u64 {
        COUNT.set(COUNT.get().saturating_add(1));
        COUNT.get()
    }

    impl Rule {
        pub(crate) fn is_broken(self) -> bool {
            BROKEN.get() == Some(self)
        }

        /// Breaks it in this thread while `work` goes on.
        pub(crate) fn without<T>(self, work: impl FnOnce() -> T) -> T {
            BROKEN.set(Some(self));
            COUNT.set(0);
            let done = work();
            BROKEN.set(None);
            done
        }
    }
}
