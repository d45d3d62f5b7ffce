//! The way to a confirmed order, and where the provider bends it.

use super::*;
use Obligation::{Ask, Commit, Forget, HandBack, Pay, Reopen, Return};

#[test]
fn an_order_that_never_was_knows_nothing() {
    let commands = [
        approved(Step::Authorise),
        Command::RecordCommitted,
        stock_lost(),
        Command::RecordReturned,
        Command::RecordForgotten,
        Command::RecordReopened,
        Command::Cancel,
        flag(),
    ];
    for command in commands {
        check(&[], &command, &Err(Refusal::UnknownOrder));
    }
    let state = State::default();
    assert!(state.obligations().is_empty() && state.due().is_none() && !state.settled());
    assert!(state.placement().is_none());
}

#[test]
fn an_order_is_placed_once() {
    let run = check(&[], &place(), &Ok(vec![placed()]));
    assert_eq!(run.state.placement(), Some(&placement()));
    let mut other = placement();
    other.total = usd(1);
    check(&[placed()], &Command::Place(Box::new(other)), &Ok(vec![]));
}

#[test]
fn an_order_authorises_then_sells_then_captures() {
    let mut run = Run::new(State::default());
    tell(&mut run, &place());
    stands(&run, Status::Placed, Payment::None, &[Pay(Step::Authorise)]);
    assert_eq!(tell(&mut run, &approved(Step::Authorise)), vec![authorised()]);
    stands(&run, Status::Placed, Payment::Authorised, &[Commit]);
    assert_eq!(tell(&mut run, &Command::RecordCommitted), vec![SOLD]);
    stands(&run, Status::Placed, Payment::Authorised, &[Pay(Step::Capture)]);
    assert!(!run.state.settled());
    assert_eq!(tell(&mut run, &approved(Step::Capture)), vec![captured()]);
    stands(&run, Status::Confirmed, Payment::Captured, &[]);
    assert!(run.state.settled());
    assert_eq!(run.state.authorisation(), Some("auth"));
    assert_eq!(run.state.capture(), Some("cap"));
    let steps = ["placed", "authorised", "stock committed", "captured", "confirmed"];
    assert_eq!(history(&run), steps);
    assert_eq!(run.state.timeline()[0].at, SOON);
}

#[test]
fn a_final_decline_hands_the_units_back_and_reopens_the_cart() {
    let mut run = order(&[]);
    let refused = Event::PaymentDeclined { reason: reason() };
    assert_eq!(tell(&mut run, &declined(Step::Authorise)), vec![refused]);
    stands(&run, Status::Declined, Payment::Declined, &[HandBack]);
    assert!(!run.state.settled(), "the cart is closed still");
    assert_eq!(tell(&mut run, &Command::RecordReopened), vec![], "not before the units are back");
    assert_eq!(tell(&mut run, &Command::RecordReturned), vec![Event::StockReturned {}]);
    stands(&run, Status::Declined, Payment::Declined, &[Reopen]);
    assert!(!run.state.settled());
    assert_eq!(run.state.reopen(), Some(&Lapsed::These(vec![])));
    assert_eq!(tell(&mut run, &Command::RecordReopened), vec![Event::CartReopened {}]);
    stands(&run, Status::Declined, Payment::Declined, &[]);
    assert!(run.state.settled());
    assert_eq!(history(&run), ["placed", "declined", "stock returned"]);
}

#[test]
fn an_unknown_outcome_is_asked_for_before_anything_else() {
    let mut run = order(&[]);
    assert_eq!(tell(&mut run, &no_answer(Step::Authorise)), vec![unknown(Step::Authorise)]);
    stands(&run, Status::Placed, Payment::Unknown, &[Ask(Step::Authorise)]);
    let mut found = run.clone();
    assert_eq!(tell(&mut found, &approved(Step::Authorise)), vec![authorised()]);
    stands(&found, Status::Placed, Payment::Authorised, &[Commit]);
    let mut refused = run.clone();
    tell(&mut refused, &declined(Step::Authorise));
    stands(&refused, Status::Declined, Payment::Declined, &[HandBack]);
    let forgotten = Event::PaymentNotSeen { step: Step::Authorise };
    assert_eq!(tell(&mut run, &not_seen(Step::Authorise)), vec![forgotten]);
    stands(&run, Status::Placed, Payment::None, &[Pay(Step::Authorise)]);
}

#[test]
fn an_unknown_capture_is_asked_for_and_never_taken_twice() {
    let mut run = order(&[authorised(), SOLD]);
    assert_eq!(tell(&mut run, &no_answer(Step::Capture)), vec![unknown(Step::Capture)]);
    stands(&run, Status::Placed, Payment::Unknown, &[Ask(Step::Capture)]);
    // The authorisation's webhook comes late and says nothing new.
    assert_eq!(tell(&mut run, &approved(Step::Authorise)), vec![]);
    assert_eq!(tell(&mut run, &declined(Step::Authorise)), vec![]);
    stands(&run, Status::Placed, Payment::Unknown, &[Ask(Step::Capture)]);
    let mut found = run.clone();
    tell(&mut found, &approved(Step::Capture));
    stands(&found, Status::Confirmed, Payment::Captured, &[]);
    let mut failed = run.clone();
    tell(&mut failed, &declined(Step::Capture));
    stands(&failed, Status::Declined, Payment::Failed, &[Pay(Step::Void), Return]);
    tell(&mut run, &not_seen(Step::Capture));
    stands(&run, Status::Placed, Payment::Authorised, &[Pay(Step::Capture)]);
}

#[test]
fn an_answer_nobody_waits_for_is_not_asked_about() {
    for step in [Step::Authorise, Step::Capture, Step::Void, Step::Refund] {
        check(&[placed(), authorised()], &no_answer(step), &Ok(vec![]));
        check(&[placed(), authorised()], &not_seen(step), &Ok(vec![]));
    }
    check(&[placed()], &declined(Step::Capture), &Ok(vec![]));
    check(&[placed(), authorised()], &declined(Step::Capture), &Ok(vec![]));
    for step in [Step::Void, Step::Refund] {
        check(&[placed()], &approved(step), &Ok(vec![]));
        check(&[placed(), authorised()], &declined(step), &Ok(vec![]));
        check(&[placed(), authorised(), SOLD, captured()], &approved(step), &Ok(vec![]));
    }
}

#[test]
fn a_capture_that_fails_voids_and_gives_the_units_back() {
    let mut run = order(&[authorised(), SOLD]);
    let failed = Event::CaptureFailed { reason: reason() };
    assert_eq!(tell(&mut run, &declined(Step::Capture)), vec![failed]);
    stands(&run, Status::Declined, Payment::Failed, &[Pay(Step::Void), Return]);
    assert!(!run.state.settled());
    assert_eq!(tell(&mut run, &approved(Step::Void)), vec![Event::Voided {}]);
    stands(&run, Status::Declined, Payment::Failed, &[Return]);
    assert!(!run.state.settled(), "the cart is closed still");
    tell(&mut run, &Command::RecordReturned);
    stands(&run, Status::Declined, Payment::Failed, &[Forget, Reopen]);
    assert_eq!(run.state.reopen(), Some(&Lapsed::All));
    tell(&mut run, &Command::RecordReopened);
    assert_eq!(tell(&mut run, &Command::RecordForgotten), vec![Event::StockForgotten {}]);
    stands(&run, Status::Declined, Payment::Failed, &[]);
    let steps = ["capture failed", "declined", "voided", "stock returned"];
    assert_eq!(history(&run)[3..], steps);
}

#[test]
fn money_that_comes_unasked_waits_for_the_stock() {
    for before in [vec![], vec![authorised()]] {
        let mut run = order(&before);
        assert_eq!(tell(&mut run, &approved(Step::Capture)), vec![captured()]);
        stands(&run, Status::Placed, Payment::Captured, &[Commit]);
        assert_eq!(run.state.due(), None);
        assert_eq!(tell(&mut run, &approved(Step::Authorise)), vec![]);
        let mut lost = run.clone();
        tell(&mut run, &Command::RecordCommitted);
        stands(&run, Status::Confirmed, Payment::Captured, &[]);
        assert_eq!(history(&run).last(), Some(&"confirmed"));
        tell(&mut lost, &stock_lost());
        stands(&lost, Status::Expired, Payment::Captured, &[Pay(Step::Refund), Return]);
    }
}

#[test]
fn lost_stock_ends_the_order_and_lets_the_money_go() {
    let mut run = order(&[authorised()]);
    assert_eq!(tell(&mut run, &stock_lost()), vec![Event::StockLost { sku: sku("A") }]);
    stands(&run, Status::Expired, Payment::Authorised, &[Pay(Step::Void), Return]);
    tell(&mut run, &approved(Step::Void));
    stands(&run, Status::Expired, Payment::Voided, &[Return]);
    assert_eq!(run.state.reopen(), None);
    assert_eq!(history(&run)[2..], ["stock lost", "expired", "voided"]);
}

#[test]
fn answers_from_stock_count_only_when_they_are_owed() {
    check(&[placed()], &Command::RecordCommitted, &Ok(vec![]));
    check(&[placed()], &stock_lost(), &Ok(vec![]));
    check(&[placed(), authorised(), SOLD], &stock_lost(), &Ok(vec![]));
    check(&[placed(), authorised()], &Command::RecordReturned, &Ok(vec![]));
    check(&[placed(), authorised()], &Command::RecordForgotten, &Ok(vec![]));
    check(&[placed(), authorised()], &Command::RecordReopened, &Ok(vec![]));
}

#[test]
fn an_unpaid_order_expires_on_the_instant() {
    for events in [vec![], vec![unknown(Step::Authorise)]] {
        let mut run = order(&events);
        assert_eq!(run.state.due(), Some(UNTIL));
        assert_eq!(run.lapse(Time(UNTIL.0 - 1)), vec![]);
        assert_eq!(run.lapse(UNTIL), vec![Event::Expired {}]);
        let payment = if events.is_empty() { Payment::None } else { Payment::Unknown };
        stands(&run, Status::Expired, payment, &[Pay(Step::Void), Return]);
        assert_eq!(run.state.due(), None);
        run.check_replay();
    }
}

#[test]
fn an_order_with_money_does_not_expire() {
    let with_money: [&[Event]; 4] = [
        &[authorised()],
        &[authorised(), SOLD],
        &[authorised(), SOLD, unknown(Step::Capture)],
        &[authorised(), SOLD, captured()],
    ];
    for events in with_money {
        assert_eq!(order(events).lapse(Time::MAX), vec![]);
    }
}

#[test]
fn review_is_a_flag_that_ends_with_the_work() {
    let mut run = order(&[]);
    assert!(!run.state.needs_review());
    assert_eq!(
        tell(&mut run, &flag()),
        vec![Event::FlaggedForReview { reason: "slow".to_owned() }]
    );
    assert!(run.state.needs_review());
    assert_eq!(run.state.obligations(), [Pay(Step::Authorise)], "retries go on");
    tell(&mut run, &approved(Step::Authorise));
    tell(&mut run, &Command::RecordCommitted);
    tell(&mut run, &approved(Step::Capture));
    assert!(!run.state.needs_review());
    assert_eq!(tell(&mut run, &flag()), vec![], "nothing is left to review");
    tell(&mut run, &Command::Cancel);
    assert!(!run.state.needs_review(), "new work starts without the flag");
    tell(&mut run, &flag());
    assert!(run.state.needs_review());
}
