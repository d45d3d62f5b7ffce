//! Which events a buyer is written about, and what is said of the money.

use super::*;
use crate::domain::order::{MoneyBack, News};

/// What each event of a history is news of, by its number, asked of the state at its end.
fn told(events: &[Event]) -> Vec<(u64, News)> {
    let state = Run::given(State::default(), events).state;
    let numbers = 0..=u64::try_from(events.len()).unwrap() + 1;
    numbers.filter_map(|number| Some((number, state.news_of(number)?))).collect()
}

fn money(events: &[Event]) -> MoneyBack {
    Run::given(State::default(), events).state.money_back()
}

const RETURNED: Event = Event::StockReturned {};
const LOST: fn() -> Event = || Event::StockLost { sku: sku("A") };

#[test]
fn a_confirmation_is_told_once_whichever_came_first() {
    assert_eq!(told(&[placed(), authorised(), SOLD]), []);
    assert_eq!(told(&[placed(), authorised(), SOLD, captured()]), [(4, News::Confirmed)]);
    assert_eq!(told(&[placed(), captured(), SOLD]), [(3, News::Confirmed)]);
    let cancelled = [placed(), authorised(), SOLD, captured(), Event::Cancelled {}, RETURNED];
    assert_eq!(told(&cancelled), [(4, News::Confirmed), (5, News::Cancelled)]);
}

#[test]
fn an_end_is_told_once() {
    assert_eq!(told(&[placed(), Event::Cancelled {}]), [(2, News::Cancelled)]);
    let late = [placed(), Event::Cancelled {}, captured(), Event::Refunded {}];
    assert_eq!(told(&late), [(2, News::Cancelled)]);
    let lost = [placed(), authorised(), LOST(), Event::Voided {}];
    assert_eq!(told(&lost), [(3, News::StockLost)]);
}

#[test]
fn an_order_that_nobody_paid_ends_in_silence_unless_money_came() {
    assert_eq!(told(&[placed(), Event::Expired {}, Event::NothingToVoid {}]), []);
    let declined = Event::PaymentDeclined { reason: "no".to_owned() };
    assert_eq!(told(&[placed(), declined]), []);
    let unknown = [placed(), unknown(Step::Authorise), Event::Expired {}, Event::Voided {}];
    assert_eq!(told(&unknown), [(4, News::Expired)]);
    let late = [placed(), Event::Expired {}, authorised(), captured(), Event::Refunded {}];
    assert_eq!(told(&late), [(5, News::Expired)]);
    let twice = [placed(), Event::Expired {}, Event::Voided {}, authorised(), Event::Voided {}];
    assert_eq!(told(&twice), [(3, News::Expired)]);
}

#[test]
fn what_happens_to_the_money_follows_from_where_it_was() {
    assert_eq!(money(&[placed(), Event::Cancelled {}]), MoneyBack::Untouched);
    assert_eq!(money(&[placed(), authorised(), Event::Cancelled {}]), MoneyBack::Released);
    assert_eq!(money(&[placed(), Event::Expired {}, Event::Voided {}]), MoneyBack::Released);
    let paid = [placed(), authorised(), SOLD, captured(), Event::Cancelled {}];
    assert_eq!(money(&paid), MoneyBack::Refunded);
}
