//! Which of an order's events the buyer is written about.
//!
//! Kept in the state by the number of the event, so that whoever reads the log later asks any
//! later state of the order and needs none of then. Invariant: of all events of an order, one at
//! most is the news of its confirmation and one at most the news of its end.

use super::{Payment, State, Status};
use serde::{Deserialize, Serialize};

/// What the buyer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// What the buyer is told because of this order's event of this number; they count from 1, as
    /// they do in the log.
    pub fn news_of(&self, number: u64) -> Option<News> {
        self.news.iter().find(|(told, _)| *told == number).map(|(_, news)| *news)
    }

    /// What happens to the money, as far as is known.
    pub fn money_back(&self) -> MoneyBack {
        if self.capture.is_some() {
            MoneyBack::Refunded
        } else if self.authorisation.is_some() || self.payment == Payment::Voided {
            MoneyBack::Released
        } else {
            MoneyBack::Untouched
        }
    }

    /// The event that is happening is news of this.
    pub(super) fn tell(&mut self, news: News) {
        self.news.push((self.events, news));
    }

    /// Money has gone back that came for an order that nobody had paid in time. An order that had
    /// other news of its end has told this with it.
    pub(super) fn tell_of_money_back(&mut self) {
        let end_is_told = self.news.iter().any(|(_, news)| *news != News::Confirmed);
        if self.status == Status::Expired && !end_is_told {
            self.tell(News::Expired);
        }
    }
}
