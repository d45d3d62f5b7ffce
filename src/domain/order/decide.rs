//! What an order answers, and what it still owes in each of its states.

use super::{Command, Event, Obligation, Outcome, Payment, Refusal, State, Status, Step, Stock};

type Decision = Result<Vec<Event>, Refusal>;

pub(super) fn decide(state: &State, command: &Command) -> Decision {
    if let Command::Place(placement) = command {
        let known = state.placement.is_some();
        return Ok(if known { vec![] } else { vec![Event::Placed(placement.clone())] });
    }
    if state.placement.is_none() {
        return Err(Refusal::UnknownOrder);
    }
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
        Command::RecordReopened if state.reopen.is_some() => vec![Event::CartReopened {}],
        Command::Cancel if !state.ended() => vec![Event::Cancelled {}],
        Command::FlagForReview { reason } if state.flagged.is_none() => {
            vec![Event::FlaggedForReview { reason: reason.clone() }]
        }
        Command::Place(_)
        | Command::RecordCommitted
        | Command::RecordStockLost { .. }
        | Command::RecordReturned
        | Command::RecordForgotten
        | Command::RecordReopened
        | Command::Cancel
        | Command::FlagForReview { .. } => vec![],
    };
    Ok(events)
}

/// The provider's answer to a step. An answer that is recorded already is a no-op; one that comes
/// when the order no longer owes the step is recorded, and what it did is owed back.
fn record(state: &State, step: Step, outcome: &Outcome) -> Vec<Event> {
    let paid = state.payment;
    let event = match (step, outcome) {
        (Step::Authorise, Outcome::Approved { reference }) => match paid {
            Payment::None | Payment::Unknown | Payment::Voided | Payment::Declined => {
                Event::Authorised { reference: reference.clone() }
            }
            Payment::Authorised | Payment::Captured | Payment::Refunded | Payment::Failed => {
                return vec![];
            }
        },
        (Step::Authorise, Outcome::Declined { reason })
            if matches!(paid, Payment::None | Payment::Unknown) =>
        {
            Event::PaymentDeclined { reason: reason.clone() }
        }
        (Step::Capture, Outcome::Approved { reference })
            if !matches!(paid, Payment::Captured | Payment::Refunded) =>
        {
            Event::Captured { reference: reference.clone() }
        }
        (Step::Capture, Outcome::Declined { reason })
            if matches!(paid, Payment::Authorised | Payment::Unknown) =>
        {
            Event::CaptureFailed { reason: reason.clone() }
        }
        (Step::Void, Outcome::Approved { .. }) if state.void_owed => Event::Voided {},
        (Step::Void, Outcome::Declined { reason }) if state.void_owed => {
            Event::VoidRefused { reason: reason.clone() }
        }
        (Step::Refund, Outcome::Approved { .. }) if paid != Payment::Refunded => Event::Refunded {},
        // A refund may be refused for a while (not settled yet): it stays owed.
        (Step::Refund, Outcome::Declined { .. }) | (Step::Void | Step::Refund, _) => return vec![],
        (Step::Authorise | Step::Capture, Outcome::Unknown) => {
            let waits = owes(state, Obligation::Pay(step)) && state.unknown.is_none();
            if !waits {
                return vec![];
            }
            Event::PaymentUnknown { step }
        }
        (Step::Authorise | Step::Capture, Outcome::NotSeen) if state.unknown == Some(step) => {
            Event::PaymentNotSeen { step }
        }
        (Step::Authorise | Step::Capture, _) => return vec![],
    };
    vec![event]
}

fn owes(state: &State, obligation: Obligation) -> bool {
    obligations(state).contains(&obligation)
}

pub(super) fn obligations(state: &State) -> Vec<Obligation> {
    if state.placement.is_none() {
        return vec![];
    }
    let money = match (state.status, state.unknown, state.payment) {
        (Status::Placed, Some(step), _) => Some(Obligation::Ask(step)),
        (Status::Placed, None, Payment::Authorised) => match state.stock {
            Stock::Committed => Some(Obligation::Pay(Step::Capture)),
            Stock::TakenOver
            | Stock::HandBackOwed
            | Stock::ReturnOwed
            | Stock::Returned
            | Stock::Gone => Some(Obligation::Commit),
        },
        (Status::Placed, None, _) => Some(Obligation::Pay(Step::Authorise)),
        (Status::Confirmed, _, _) => None,
        (_, _, Payment::Captured) => Some(Obligation::Pay(Step::Refund)),
        (_, Some(Step::Capture), _) => Some(Obligation::Ask(Step::Capture)),
        _ => state.void_owed.then_some(Obligation::Pay(Step::Void)),
    };
    let stock = match state.stock {
        Stock::HandBackOwed => Some(Obligation::HandBack),
        Stock::ReturnOwed => Some(Obligation::Return),
        Stock::Returned => Some(Obligation::Forget),
        Stock::TakenOver | Stock::Committed | Stock::Gone => None,
    };
    // The cart's lines must stand with the SKUs before the shopper sees them again.
    let back = matches!(state.stock, Stock::Returned | Stock::Gone);
    let cart = state.reopen.as_ref().filter(|_| back).map(|_| Obligation::Reopen);
    [money, stock, cart].into_iter().flatten().collect()
}
