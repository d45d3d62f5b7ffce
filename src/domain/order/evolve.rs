//! How each event changes an order, and what its history calls it.
//!
//! The one place that lists every event: what an event means for the money, for returns and for
//! the buyer's letters is said here by calling them, so they never name one that is nothing to
//! them.

use super::{Event, Milestone, News, State, Status, Stock};
use crate::domain::{Time, machine::Machine as _};

/// What the history of an order calls an event; nothing for what is nobody's news.
pub(super) type Words = &'static [&'static str];

pub(super) fn evolve(state: &mut State, event: &Event, at: Time) {
    state.events = state.events.saturating_add(1);
    for what in happen(state, event, at) {
        state.note(at, what);
    }
    if state.obligations().is_empty() {
        state.flagged = None;
    }
}

fn happen(state: &mut State, event: &Event, at: Time) -> Words {
    match event {
        Event::Placed(placement) => {
            state.placement = Some(placement.clone());
            &["placed"]
        }
        Event::Authorised { reference } => state.heard().authorised(reference),
        Event::PaymentDeclined { .. } => state.heard().payment_declined(),
        Event::PaymentUnknown { step } => state.heard().payment_unknown(*step),
        Event::PaymentNotSeen { step } => state.heard().payment_not_seen(*step),
        Event::Captured { reference } => state.heard().captured(reference),
        Event::CaptureFailed { .. } => state.heard().capture_failed(),
        Event::Voided {} => state.heard().voided(),
        Event::NothingToVoid {} => state.heard().nothing_to_void(),
        Event::VoidRefused { .. } => state.heard().void_refused(),
        Event::Refunded {} => state.heard().refunded(),
        Event::StockCommitted {} => {
            state.stock = Stock::Committed;
            if state.confirm_when_paid() {
                &["stock committed", "confirmed"]
            } else {
                &["stock committed"]
            }
        }
        Event::StockLost { .. } => {
            state.end_undone(Status::Expired);
            state.tell(News::StockLost);
            &["stock lost", "expired"]
        }
        Event::StockReturned {} => {
            state.stock = state.stock.given_back();
            &["stock returned"]
        }
        Event::StockForgotten {} => {
            state.stock = Stock::Gone;
            &[]
        }
        Event::CartReopened {} => {
            state.reopen = None;
            &[]
        }
        Event::Cancelled {} => {
            state.end_undone(Status::Cancelled);
            state.tell(News::Cancelled);
            &["cancelled"]
        }
        Event::Expired {} => {
            state.end_undone(Status::Expired);
            &["expired"]
        }
        Event::FlaggedForReview { reason } => {
            state.flagged = Some(reason.clone());
            &["flagged for review"]
        }
        Event::ReturnAccepted { number, items, amount, reason, restock } => {
            state.return_accepted(at, *number, items, *amount, reason.as_deref(), *restock)
        }
        Event::ReturnRefunded { number } => state.return_refunded(at, *number),
        Event::ReturnStocked { number } => state.return_stocked(at, *number),
        Event::ReturnForgotten { number } => state.return_forgotten(*number),
    }
}

impl Stock {
    /// After a hand-back the SKUs forget by themselves, after a return they wait to be told.
    fn given_back(self) -> Stock {
        match self {
            Stock::HandBackOwed => Stock::Gone,
            Stock::ReturnOwed | Stock::Returned => Stock::Returned,
            Stock::TakenOver | Stock::Committed | Stock::Gone => self,
        }
    }
}

impl State {
    /// The same again is no news, however often the provider does not answer.
    pub(super) fn note(&mut self, at: Time, what: &str) {
        if self.timeline.last().is_none_or(|last| last.what != what) {
            self.timeline.push(Milestone { at, what: what.to_owned() });
        }
    }

    pub(super) fn end(&mut self, status: Status, stock: Stock) {
        self.status = status;
        self.stock = stock;
    }

    /// Ends with everything to be undone: what was taken goes back; else an authorisation may
    /// stand, or be on its way.
    fn end_undone(&mut self, status: Status) {
        self.end(status, Stock::ReturnOwed);
        self.void_owed = self.capture.is_none();
    }
}
