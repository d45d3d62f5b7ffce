//! The post as given, when, then tables.

use super::{Command, Event, Letter, MOST_DEAD, MOST_WAITING, Refusal, State, Subject, Trouble};
use crate::domain::{
    OrderId,
    testing::{Run, START, at, check_machine},
};
use uuid::Uuid;

fn letter(position: u64) -> Letter {
    Letter { position, subject: Subject::Confirmation }
}

fn trouble(attempts: u32) -> Trouble {
    Trouble { order: OrderId(Uuid::from_u128(1)), attempts, why: "no".to_owned() }
}

const BEGAN: Event = Event::Began { at: 100 };

fn advance(to: u64, finished: &[u64], delivered: &[Letter]) -> Command {
    Command::Advance { to, finished: finished.into(), delivered: delivered.into() }
}

fn advanced(to: u64, finished: &[u64], delivered: &[Letter]) -> Event {
    Event::Advanced { to, finished: finished.into(), delivered: delivered.into() }
}

fn postponed(position: u64) -> Event {
    Event::Postponed { letter: letter(position), trouble: trouble(1) }
}

fn buried(position: u64) -> Event {
    Event::Buried { letter: letter(position), trouble: trouble(9) }
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better without a reference")]
fn check(given: &[Event], when: &Command, then: Result<Vec<Event>, Refusal>) -> State {
    check_machine(State::default(), given, &at(START), when, &then).state
}

#[test]
fn a_post_begins_once() {
    let state = check(&[], &Command::Begin { at: 100 }, Ok(vec![BEGAN]));
    assert_eq!(state.cursor(), Some(100));
    check(&[BEGAN], &Command::Begin { at: 7 }, Ok(vec![]));
    check(&[], &advance(1, &[], &[]), Err(Refusal::NotBegun));
}

#[test]
fn the_cursor_goes_on_and_never_back() {
    let state = check(&[BEGAN], &advance(200, &[], &[]), Ok(vec![advanced(200, &[], &[])]));
    assert_eq!(state.cursor(), Some(200));
    check(&[BEGAN], &advance(100, &[], &[]), Ok(vec![]));
    check(&[BEGAN], &advance(50, &[], &[]), Ok(vec![]));
    check(&[BEGAN], &advance(50, &[120], &[]), Ok(vec![advanced(100, &[120], &[])]));
}

#[test]
fn what_is_finished_is_known_until_the_cursor_has_passed_it() {
    let given = [BEGAN, advanced(100, &[120, 150], &[])];
    check(&given, &advance(100, &[120], &[]), Ok(vec![]));
    let state = check(&given, &advance(130, &[120], &[]), Ok(vec![advanced(130, &[], &[])]));
    assert_eq!(state.finished().iter().copied().collect::<Vec<_>>(), [150]);
    let all: Vec<u64> = (0..20_001).map(|n| 200 + n).collect();
    check(&[BEGAN], &advance(100, &all, &[]), Err(Refusal::Full));
}

#[test]
fn a_letter_waits_or_is_dead_and_comes_back_when_asked_for() {
    let postpone = Command::Postpone { letter: letter(110), trouble: trouble(1) };
    let bury = Command::Bury { letter: letter(110), trouble: trouble(9) };
    let resend = Command::Resend { letter: letter(110) };
    let state = check(&[BEGAN], &postpone, Ok(vec![postponed(110)]));
    assert_eq!(state.waiting().len(), 1);
    check(&[BEGAN, postponed(110)], &postpone, Ok(vec![]));
    let state = check(&[BEGAN, postponed(110)], &bury, Ok(vec![buried(110)]));
    assert_eq!((state.waiting().len(), state.dead().len()), (0, 1));
    check(&[BEGAN, buried(110)], &bury, Ok(vec![]));
    check(&[BEGAN, buried(110)], &postpone, Ok(vec![]));
    let resent = Event::Resent { letter: letter(110) };
    let state = check(&[BEGAN, buried(110)], &resend, Ok(vec![resent.clone()]));
    assert_eq!((state.waiting().len(), state.dead().len()), (1, 0));
    assert_eq!(state.waiting()[&letter(110)].trouble.attempts, 0);
    check(&[BEGAN, buried(110), resent.clone()], &resend, Ok(vec![]));
    let other = Command::Resend { letter: letter(111) };
    check(&[BEGAN, buried(110)], &other, Err(Refusal::UnknownLetter));
    let gift = Letter { subject: Subject::Gift, ..letter(110) };
    let other = Command::Resend { letter: gift };
    check(&[BEGAN, buried(110)], &other, Err(Refusal::UnknownLetter));
    let given = [BEGAN, buried(110), resent];
    let delivered = advanced(100, &[], &[letter(110)]);
    let state = check(&given, &advance(0, &[], &[letter(110)]), Ok(vec![delivered]));
    assert_eq!((state.waiting().len(), state.dead().len()), (0, 0));
    check(&[BEGAN, buried(110)], &advance(0, &[], &[letter(110)]), Ok(vec![]));
}

#[test]
fn there_is_an_end_to_what_is_kept() {
    let mut run = Run::given(State::default(), &[BEGAN]);
    let kept = |n: usize| letter(u64::try_from(n).unwrap());
    for n in 0..MOST_WAITING {
        let postpone = Command::Postpone { letter: kept(n), trouble: trouble(1) };
        assert!(run.tell(START, &postpone).is_ok());
    }
    let more = Command::Postpone { letter: kept(MOST_WAITING), trouble: trouble(1) };
    assert_eq!(run.tell(START, &more), Err(Refusal::Full));
    for n in 0..MOST_DEAD {
        let bury = Command::Bury { letter: kept(n), trouble: trouble(1) };
        assert!(run.tell(START, &bury).is_ok());
    }
    let more = Command::Bury { letter: kept(MOST_DEAD), trouble: trouble(1) };
    assert_eq!(run.tell(START, &more), Err(Refusal::Full));
}
