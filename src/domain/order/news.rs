//! Which of an order's events the buyer is written about.
//!
//! Asked of any later state of the order, so that whoever reads the log needs no state of then.
//! Invariant: of all events of an order, one at most is the news of its confirmation and one at
//! most the news of its end.

use super::{Event, State};

/// What the buyer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It is paid and the stock is sold.
    Confirmed,
    /// It was called off.
    Cancelled,
    /// The units were gone when the money was there.
    StockLost,
    /// It was not paid in time, and money that came all the same has gone back.
    Expired,
}

/// What happens to the money of an order that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyBack {
    /// None was taken.
    Untouched,
    /// What was set aside is let go.
    Released,
    /// What was taken is given back.
    Refunded,
}

impl State {
    /// What the buyer is told because of `event`, which is in this order's past.
    pub fn news(&self, event: &Event) -> Option<News> {
        match event {
            Event::Captured { .. } if self.confirmed_by("captured") => Some(News::Confirmed),
            Event::StockCommitted {} if self.confirmed_by("stock committed") => {
                Some(News::Confirmed)
            }
            Event::Cancelled {} => Some(News::Cancelled),
            Event::StockLost { .. } => Some(News::StockLost),
            Event::Voided {} if self.undone_by() == Some("voided") => Some(News::Expired),
            Event::Refunded {} if self.undone_by() == Some("refunded") => Some(News::Expired),
            Event::Placed(_)
            | Event::Authorised { .. }
            | Event::PaymentDeclined { .. }
            | Event::PaymentUnknown { .. }
            | Event::PaymentNotSeen { .. }
            | Event::StockCommitted {}
            | Event::Captured { .. }
            | Event::CaptureFailed { .. }
            | Event::Voided {}
            | Event::NothingToVoid {}
            | Event::VoidRefused { .. }
            | Event::Refunded {}
            | Event::StockReturned {}
            | Event::StockForgotten {}
            | Event::CartReopened {}
            | Event::Expired {}
            | Event::ReturnAccepted { .. }
            | Event::ReturnRefunded { .. }
            | Event::ReturnStocked { .. }
            | Event::ReturnForgotten { .. }
            | Event::FlaggedForReview { .. } => None,
        }
    }

    /// What happens to the money, as far as is known.
    pub fn money_back(&self) -> MoneyBack {
        if self.capture.is_some() {
            MoneyBack::Refunded
        } else if self.authorisation.is_some() || self.has("voided") {
            MoneyBack::Released
        } else {
            MoneyBack::Untouched
        }
    }

    fn has(&self, what: &str) -> bool {
        self.timeline.iter().any(|milestone| milestone.what == what)
    }

    /// Whether the milestone that stands before the confirmation is this one.
    fn confirmed_by(&self, what: &str) -> bool {
        let mut before = None;
        for milestone in &self.timeline {
            if milestone.what == "confirmed" {
                return before == Some(what);
            }
            before = Some(milestone.what.as_ref());
        }
        false
    }

    /// What first gave back the money of an order that nobody had paid in time.
    fn undone_by(&self) -> Option<&str> {
        if self.has("stock lost") {
            return None;
        }
        let expired = self.timeline.iter().skip_while(|milestone| milestone.what != "expired");
        let mut after = expired.map(|milestone| milestone.what.as_ref());
        after.find(|what| matches!(*what, "voided" | "refunded"))
    }
}
