//! Cancelling in every state, and answers that come when nobody wants them any more.

use super::*;
use Obligation::{Ask, Forget, Pay, Return};

const CANCELLED: Event = Event::Cancelled {};

#[test]
fn a_cancelled_order_undoes_what_it_had_done() {
    let void: &[Obligation] = &[Pay(Step::Void), Return];
    let cases: [(&[Event], Payment, &[Obligation]); 6] = [
        (&[], Payment::None, void),
        (&[unknown(Step::Authorise)], Payment::Unknown, void),
        (&[authorised()], Payment::Authorised, void),
        (&[authorised(), SOLD], Payment::Authorised, void),
        (
            &[authorised(), SOLD, unknown(Step::Capture)],
            Payment::Unknown,
            &[Ask(Step::Capture), Return],
        ),
        (&[authorised(), SOLD, captured()], Payment::Captured, &[Pay(Step::Refund), Return]),
    ];
    for (events, payment, owed) in cases {
        let mut run = order(events);
        assert_eq!(tell(&mut run, &Command::Cancel), vec![CANCELLED]);
        stands(&run, Status::Cancelled, payment, owed);
        assert_eq!(run.state.due(), None);
        assert!(!run.state.settled());
        assert_eq!(run.state.reopen(), None);
    }
}

#[test]
fn an_order_that_has_ended_is_not_cancelled() {
    let endings: [&[Event]; 4] = [
        &[Event::PaymentDeclined { reason: reason() }],
        &[Event::Expired {}],
        &[CANCELLED],
        &[authorised(), SOLD, Event::CaptureFailed { reason: reason() }],
    ];
    for events in endings {
        assert_eq!(tell(&mut order(events), &Command::Cancel), vec![]);
    }
}

#[test]
fn a_cancelled_order_lets_go_step_by_step() {
    let mut run = order(&[authorised(), SOLD, CANCELLED]);
    tell(&mut run, &Command::RecordReturned);
    stands(&run, Status::Cancelled, Payment::Authorised, &[Pay(Step::Void), Forget]);
    tell(&mut run, &approved(Step::Void));
    stands(&run, Status::Cancelled, Payment::Voided, &[Forget]);
    tell(&mut run, &Command::RecordForgotten);
    stands(&run, Status::Cancelled, Payment::Voided, &[]);
    assert_eq!(history(&run)[3..], ["cancelled", "stock returned", "voided"]);
}

#[test]
fn a_cancelled_sale_is_refunded() {
    let mut run = order(&[authorised(), SOLD, captured(), CANCELLED]);
    for silence in [declined(Step::Refund), no_answer(Step::Refund), not_seen(Step::Refund)] {
        assert_eq!(tell(&mut run, &silence), vec![], "it stays owed");
    }
    stands(&run, Status::Cancelled, Payment::Captured, &[Pay(Step::Refund), Return]);
    assert_eq!(tell(&mut run, &approved(Step::Refund)), vec![Event::Refunded {}]);
    stands(&run, Status::Cancelled, Payment::Refunded, &[Return]);
    for late in [Step::Authorise, Step::Capture, Step::Void, Step::Refund] {
        assert_eq!(tell(&mut run, &approved(late)), vec![]);
    }
    stands(&run, Status::Cancelled, Payment::Refunded, &[Return]);
}

#[test]
fn money_set_aside_after_the_end_is_let_go() {
    for ending in [CANCELLED, Event::Expired {}] {
        let mut run = order(std::slice::from_ref(&ending));
        assert_eq!(tell(&mut run, &approved(Step::Authorise)), vec![authorised()]);
        assert_eq!(run.state.payment(), Payment::Authorised);
        assert_eq!(run.state.obligations(), [Pay(Step::Void), Return]);
        tell(&mut run, &approved(Step::Void));
        assert_eq!(run.state.payment(), Payment::Voided);
        assert_eq!(tell(&mut run, &approved(Step::Authorise)), vec![], "the same answer again");
        assert_eq!(run.state.obligations(), [Return]);
        assert!(run.state.settled());

        // Voided blind, and the answer comes after that.
        let mut run = order(&[unknown(Step::Authorise), ending]);
        tell(&mut run, &approved(Step::Void));
        assert_eq!(run.state.payment(), Payment::Voided);
        tell(&mut run, &approved(Step::Authorise));
        assert_eq!(run.state.payment(), Payment::Authorised);
        assert_eq!(run.state.obligations(), [Pay(Step::Void), Return]);
    }
}

#[test]
fn money_set_aside_after_a_decline_is_let_go() {
    let mut run = order(&[Event::PaymentDeclined { reason: reason() }]);
    tell(&mut run, &approved(Step::Authorise));
    stands(&run, Status::Declined, Payment::Authorised, &[Pay(Step::Void), Obligation::HandBack]);
    tell(&mut run, &approved(Step::Void));
    stands(&run, Status::Declined, Payment::Voided, &[Obligation::HandBack]);
}

#[test]
fn a_late_decline_leaves_nothing_to_let_go() {
    let mut run = order(&[CANCELLED]);
    tell(&mut run, &declined(Step::Authorise));
    stands(&run, Status::Cancelled, Payment::Declined, &[Return]);
    assert_eq!(history(&run), ["placed", "cancelled", "payment declined"]);
    assert_eq!(run.state.reopen(), None);
    // Voided before the decline came: it says nothing new.
    let mut run = order(&[unknown(Step::Authorise), CANCELLED, Event::Voided {}]);
    assert_eq!(tell(&mut run, &declined(Step::Authorise)), vec![]);
}

#[test]
fn money_taken_after_the_end_is_given_back() {
    let endings: [&[Event]; 4] = [
        &[authorised(), SOLD, CANCELLED],
        &[authorised(), SOLD, unknown(Step::Capture), CANCELLED],
        &[authorised(), Event::StockLost { sku: sku("A") }],
        &[authorised(), SOLD, CANCELLED, Event::Voided {}],
    ];
    for events in endings {
        let mut run = order(events);
        assert_eq!(tell(&mut run, &approved(Step::Capture)), vec![captured()]);
        assert_eq!(run.state.payment(), Payment::Captured);
        assert_eq!(run.state.obligations(), [Pay(Step::Refund), Return]);
        assert_eq!(tell(&mut run, &declined(Step::Void)), vec![], "too late to let go");
        assert_eq!(tell(&mut run, &approved(Step::Void)), vec![]);
        tell(&mut run, &approved(Step::Refund));
        assert_eq!(run.state.payment(), Payment::Refunded);
        assert_eq!(run.state.obligations(), [Return]);
    }
}

#[test]
fn a_capture_that_was_under_way_when_the_order_was_cancelled() {
    let mut run = order(&[authorised(), SOLD, unknown(Step::Capture), CANCELLED]);
    let mut failed = run.clone();
    tell(&mut run, &not_seen(Step::Capture));
    stands(&run, Status::Cancelled, Payment::Authorised, &[Pay(Step::Void), Return]);
    tell(&mut failed, &declined(Step::Capture));
    stands(&failed, Status::Cancelled, Payment::Failed, &[Pay(Step::Void), Return]);
    assert_eq!(history(&failed).last(), Some(&"capture failed"));
    tell(&mut failed, &approved(Step::Void));
    stands(&failed, Status::Cancelled, Payment::Failed, &[Return]);
}

#[test]
fn a_refused_void_means_the_money_was_taken() {
    let mut run = order(&[authorised(), SOLD, CANCELLED]);
    let refused = Event::VoidRefused { reason: reason() };
    assert_eq!(tell(&mut run, &declined(Step::Void)), vec![refused]);
    stands(&run, Status::Cancelled, Payment::Authorised, &[Ask(Step::Capture), Return]);
    assert!(!run.state.settled());
    let mut wrong = run.clone();
    tell(&mut run, &approved(Step::Capture));
    stands(&run, Status::Cancelled, Payment::Captured, &[Pay(Step::Refund), Return]);
    tell(&mut run, &approved(Step::Refund));
    stands(&run, Status::Cancelled, Payment::Refunded, &[Return]);
    // It was not: try again.
    tell(&mut wrong, &not_seen(Step::Capture));
    stands(&wrong, Status::Cancelled, Payment::Authorised, &[Pay(Step::Void), Return]);
}

#[test]
fn a_refused_void_makes_no_authorisation_up() {
    let mut run = order(&[CANCELLED]);
    tell(&mut run, &declined(Step::Void));
    tell(&mut run, &not_seen(Step::Capture));
    stands(&run, Status::Cancelled, Payment::None, &[Pay(Step::Void), Return]);
    tell(&mut run, &nothing_to_void());
    stands(&run, Status::Cancelled, Payment::None, &[Return]);
}

#[test]
fn timeline_and_payment_agree_whether_there_was_anything_to_void() {
    let pasts: [&[Event]; 4] =
        [&[], &[unknown(Step::Authorise)], &[authorised()], &[authorised(), SOLD]];
    for past in pasts {
        for ending in [CANCELLED, Event::Expired {}, Event::StockLost { sku: sku("A") }] {
            let known = !past.is_empty() && past[0] == authorised();
            for (answer, was_there) in [(approved(Step::Void), true), (nothing_to_void(), known)] {
                let mut run = order(&[past, std::slice::from_ref(&ending)].concat());
                tell(&mut run, &answer);
                let payment = if was_there { Payment::Voided } else { Payment::None };
                assert_eq!(run.state.payment(), payment, "{past:?}, {ending:?}, {answer:?}");
                assert_eq!(history(&run).contains(&"voided"), was_there);
                assert!(run.state.settled());
                // The authorisation comes to the provider at last, which declines it for the void.
                assert_eq!(tell(&mut run, &declined(Step::Authorise)), vec![]);
            }
        }
    }
}

#[test]
fn silence_about_a_void_keeps_it_owed() {
    let mut run = order(&[authorised(), CANCELLED]);
    assert_eq!(tell(&mut run, &no_answer(Step::Void)), vec![]);
    assert_eq!(tell(&mut run, &not_seen(Step::Void)), vec![]);
    stands(&run, Status::Cancelled, Payment::Authorised, &[Pay(Step::Void), Return]);
}

#[test]
fn stock_that_was_sold_too_late_goes_back_as_well() {
    let mut run = order(&[authorised(), CANCELLED]);
    assert_eq!(tell(&mut run, &Command::RecordCommitted), vec![], "the return follows it");
    assert_eq!(tell(&mut run, &stock_lost()), vec![]);
    stands(&run, Status::Cancelled, Payment::Authorised, &[Pay(Step::Void), Return]);
}
