//! What an order answers, and what it still owes in each of its states.

use super::{
    Command, Event, Obligation, Outcome, Payment, Refusal, State, Status, Step, Stock,
    returns::take_back,
};
use crate::domain::broken::Rule;

pub(super) type Decision = Result<Vec<Event>, Refusal>;

pub(super) fn decide(state: &State, command: &Command) -> Decision {
    if let Command::Place(placement) = command {
        let known = state.placement.is_some();
        return Ok(if known { vec![] } else { vec![Event::Placed(placement.clone())] });
    }
    if state.placement.is_none() {
        return Err(Refusal::UnknownOrder);
    }
    let in_work = owed(state).next().is_some();
    let events = match command {
        Command::Record { step, outcome } => record(state, *step, outcome),
        Command::RecordCommitted if owes(state, Obligation::Commit) => {
            vec![Event::StockCommitted {}]
        }
        Command::RecordStockLost { sku } if owes(state, Obligation::Commit) => {
            vec![Event::StockLost { sku: sku.clone() }]
        }
        Command::RecordReturned
            if owes(state, Obligation::Return) || owes(state, Obligation::HandBack) =>
        {
            vec![Event::StockReturned {}]
        }
        Command::RecordForgotten if owes(state, Obligation::Forget) => {
            vec![Event::StockForgotten {}]
        }
        Command::RecordReopened if owes(state, Obligation::Reopen) => vec![Event::CartReopened {}],
        Command::Cancel if !state.ended() => vec![Event::Cancelled {}],
        Command::TakeBack { items, reason, restock } => {
            return take_back(state, items, reason.as_deref(), *restock);
        }
        Command::RecordStocked { number } if owes(state, Obligation::TakeBack(*number)) => {
            vec![Event::ReturnStocked { number: *number }]
        }
        Command::RecordReturnForgotten { number }
            if owes(state, Obligation::ForgetReturn(*number)) =>
        {
            vec![Event::ReturnForgotten { number: *number }]
        }
        Command::FlagForReview { reason } if state.flagged.is_none() && in_work => {
            vec![Event::FlaggedForReview { reason: reason.clone() }]
        }
        Command::Place(_)
        | Command::RecordCommitted
        | Command::RecordStockLost { .. }
        | Command::RecordReturned
        | Command::RecordForgotten
        | Command::RecordReopened
        | Command::RecordStocked { .. }
        | Command::RecordReturnForgotten { .. }
        | Command::Cancel
        | Command::FlagForReview { .. } => vec![],
    };
    Ok(events)
}

/// The provider's answer to a step. An answer that is recorded already is a no-op; one that comes
/// when the order no longer owes the step is recorded, and what it did is owed back.
fn record(state: &State, step: Step, outcome: &Outcome) -> Vec<Event> {
    let event = match step {
        Step::Authorise => record_authorise(state, outcome),
        Step::Capture => record_capture(state, outcome),
        Step::Void => match outcome {
            Outcome::Approved { .. } if state.void_owed => Some(Event::Voided {}),
            // What was known to be set aside is not there any more: that is let go, too.
            Outcome::NothingToVoid if state.void_owed => Some(match state.authorisation {
                Some(_) => Event::Voided {},
                None => Event::NothingToVoid {},
            }),
            Outcome::Declined { reason } if state.void_owed => {
                Some(Event::VoidRefused { reason: reason.clone() })
            }
            // It stays owed, under the same key.
            Outcome::Approved { .. }
            | Outcome::NothingToVoid
            | Outcome::Declined { .. }
            | Outcome::Unknown
            | Outcome::NotSeen => None,
        },
        Step::Refund | Step::RefundPart(_) => match outcome {
            Outcome::Approved { .. } if owes(state, Obligation::Pay(step)) => Some(match step {
                Step::RefundPart(number) => Event::ReturnRefunded { number },
                Step::Authorise | Step::Capture | Step::Void | Step::Refund => Event::Refunded {},
            }),
            // A refund may be declined for a while (not settled yet): it stays owed.
            Outcome::Approved { .. }
            | Outcome::NothingToVoid
            | Outcome::Declined { .. }
            | Outcome::Unknown
            | Outcome::NotSeen => None,
        },
    };
    event.into_iter().collect()
}

fn record_authorise(state: &State, outcome: &Outcome) -> Option<Event> {
    if state.authorisation.is_some() || state.capture.is_some() {
        return None;
    }
    match outcome {
        Outcome::Approved { reference } => Some(Event::Authorised { reference: reference.clone() }),
        // Not once a void has settled it: the provider declines whatever comes after that.
        Outcome::Declined { reason }
            if matches!(state.payment, Payment::None | Payment::Unknown) && !state.settled() =>
        {
            Some(Event::PaymentDeclined { reason: reason.clone() })
        }
        Outcome::Declined { .. } | Outcome::NothingToVoid => None,
        Outcome::Unknown | Outcome::NotSeen => record_silence(state, Step::Authorise, outcome),
    }
}

fn record_capture(state: &State, outcome: &Outcome) -> Option<Event> {
    if state.capture.is_some() {
        return None;
    }
    match outcome {
        Outcome::Approved { reference } => Some(Event::Captured { reference: reference.clone() }),
        Outcome::Declined { reason }
            if matches!(state.payment, Payment::Authorised | Payment::Unknown)
                && (state.ended() || state.stock == Stock::Committed) =>
        {
            Some(Event::CaptureFailed { reason: reason.clone() })
        }
        Outcome::Declined { .. } | Outcome::NothingToVoid => None,
        Outcome::Unknown | Outcome::NotSeen => record_silence(state, Step::Capture, outcome),
    }
}

fn record_silence(state: &State, step: Step, outcome: &Outcome) -> Option<Event> {
    match outcome {
        Outcome::Unknown if owes(state, Obligation::Pay(step)) => {
            Some(Event::PaymentUnknown { step })
        }
        Outcome::NotSeen if state.unknown == Some(step) => Some(Event::PaymentNotSeen { step }),
        Outcome::Approved { .. }
        | Outcome::NothingToVoid
        | Outcome::Declined { .. }
        | Outcome::Unknown
        | Outcome::NotSeen => None,
    }
}

fn owes(state: &State, obligation: Obligation) -> bool {
    owed(state).any(|owed| owed == obligation)
}

/// What is owed, the provider's part first.
pub(super) fn owed(state: &State) -> impl Iterator<Item = Obligation> + use<> {
    let all = if state.placement.is_some() { owed_of(state) } else { [None; 3] };
    all.into_iter().flatten()
}

fn owed_of(state: &State) -> [Option<Obligation>; 3] {
    let money = match (state.status, state.unknown, state.payment) {
        (Status::Placed, Some(step), _) => Some(Obligation::Ask(step)),
        // Money that came unasked waits for the stock like money that is set aside.
        (Status::Placed, None, Payment::Authorised | Payment::Captured) => match state.stock {
            Stock::Committed => Some(Obligation::Pay(Step::Capture)),
            Stock::TakenOver if Rule::StockBeforeCapture.is_broken() => {
                Some(Obligation::Pay(Step::Capture))
            }
            Stock::TakenOver
            | Stock::HandBackOwed
            | Stock::ReturnOwed
            | Stock::Returned
            | Stock::Gone => Some(Obligation::Commit),
        },
        (Status::Placed, None, _) => Some(Obligation::Pay(Step::Authorise)),
        // What came back before a cancellation is refunded before the rest.
        (_, _, Payment::Captured) if state.return_to_refund().is_some() => {
            state.return_to_refund().map(|number| Obligation::Pay(Step::RefundPart(number)))
        }
        (Status::Confirmed | Status::Returned, _, _) => None,
        (_, _, Payment::Captured) => Some(Obligation::Pay(Step::Refund)),
        (_, Some(Step::Capture), _) => Some(Obligation::Ask(Step::Capture)),
        _ => (state.void_owed && !Rule::VoidIsOwed.is_broken())
            .then_some(Obligation::Pay(Step::Void)),
    };
    let back = state.returns.iter().find_map(|back| match back.stock {
        Stock::ReturnOwed => Some(Obligation::TakeBack(back.number)),
        Stock::Returned => Some(Obligation::ForgetReturn(back.number)),
        Stock::TakenOver | Stock::Committed | Stock::HandBackOwed | Stock::Gone => None,
    });
    let stock = back.or(match state.stock {
        Stock::HandBackOwed => Some(Obligation::HandBack),
        Stock::ReturnOwed => Some(Obligation::Return),
        Stock::Returned => Some(Obligation::Forget),
        Stock::TakenOver | Stock::Committed | Stock::Gone => None,
    });
    // The cart's lines must stand with the SKUs before the shopper sees them again.
    let back = matches!(state.stock, Stock::Returned | Stock::Gone);
    let cart = state.reopen.as_ref().filter(|_| back).map(|_| Obligation::Reopen);
    [money, stock, cart]
}
