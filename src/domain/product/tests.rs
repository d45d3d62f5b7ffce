//! The product machine as given, when, then tables.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that overflows has failed, and only some events matter to it"
)]

use super::{Command, Event, Obligation, Refusal, Spec, State, Variant};
use crate::domain::{
    Machine, Sku, Time,
    sku::MAX_UNITS,
    testing::{Run, START, at, check_machine, sku, usd},
};

const SOON: Time = Time(START.0 + 1);

fn variant(code: &str) -> Variant {
    Variant { weight_g: 100, units: 3, ..Variant::new(sku(code), code, usd(500)) }
}

fn spec(codes: &[&str]) -> Box<Spec> {
    Box::new(Spec {
        title: "Tee".to_owned(),
        category: "shirts".to_owned(),
        tags: vec!["new".to_owned()],
        variants: codes.iter().map(|code| variant(code)).collect(),
        ..Spec::default()
    })
}

fn make(codes: &[&str]) -> Command {
    Command::Make(spec(codes))
}

fn propose(codes: &[&str]) -> Command {
    Command::Propose { spec: spec(codes), at: None }
}

const ARCHIVE: Command = Command::Archive { at: None };
const RESTORE: Command = Command::Restore { at: None };

fn claims(revision: u64, taken: Option<&str>) -> Command {
    Command::RecordClaims { revision, taken: taken.map(sku) }
}

fn proposed(revision: u64, codes: &[&str]) -> Event {
    Event::Proposed { revision, spec: spec(codes) }
}

/// Proposed, adopted and listed, one revision after the other.
fn revisions(of: &[&[&str]]) -> Vec<Event> {
    let adopt = |(revision, codes): (u64, &&[&str])| {
        [proposed(revision, codes), Event::Adopted { revision }, Event::Listed { revision }]
    };
    (1_u64..).zip(of).flat_map(adopt).collect()
}

fn codes(skus: &[Sku]) -> Vec<&str> {
    skus.iter().map(Sku::as_str).collect()
}

fn sold(state: &State) -> Vec<(String, bool)> {
    let listings = state.listings().into_iter();
    listings.map(|(sku, variant)| (sku.to_string(), variant.is_some())).collect()
}

fn on(code: &str) -> (String, bool) {
    (code.to_owned(), true)
}

fn off(code: &str) -> (String, bool) {
    (code.to_owned(), false)
}

#[track_caller]
fn check(given: &[Event], when: &Command, then: &Result<Vec<Event>, Refusal>) -> Run<State> {
    check_machine(State::default(), given, &at(SOON), when, then)
}

#[track_caller]
fn tell(run: &mut Run<State>, command: &Command) -> Vec<Event> {
    let events = run.tell(SOON, command).unwrap();
    run.check_replay();
    events
}

#[test]
fn a_product_is_proposed_claimed_adopted_and_listed() {
    let mut run = Run::new(State::default());
    assert_eq!(tell(&mut run, &make(&["A", "B"])), vec![proposed(1, &["A", "B"])]);
    assert_eq!(run.state.obligations(), [Obligation::Claim]);
    assert_eq!(codes(&run.state.new_skus()), ["A", "B"]);
    assert_eq!((run.state.spec(), run.state.created_at()), (None, None), "nobody sees it yet");
    assert_eq!(tell(&mut run, &claims(1, None)), vec![Event::Adopted { revision: 1 }]);
    assert_eq!(run.state.obligations(), [Obligation::List]);
    assert_eq!(run.state.spec(), Some(&*spec(&["A", "B"])));
    assert_eq!(run.state.created_at(), Some(SOON));
    assert_eq!(sold(&run.state), [on("A"), on("B")]);
    let listed = Command::RecordListed { revision: 1 };
    assert_eq!(tell(&mut run, &listed), vec![Event::Listed { revision: 1 }]);
    assert_eq!(run.state.obligations(), []);
    assert_eq!((run.state.revision(), run.state.archived()), (1, false));
    assert_eq!(run.state.shown(), 1);
}

#[test]
fn answers_count_once_and_only_for_their_revision() {
    let proposal = [proposed(1, &["A"])];
    check(&proposal, &claims(2, None), &Ok(vec![]));
    check(&proposal, &Command::RecordListed { revision: 1 }, &Ok(vec![]));
    check(&proposal, &Command::RecordUnclaimed { revision: 1 }, &Ok(vec![]));
    let given = revisions(&[&["A"]]);
    for command in [
        claims(1, None),
        claims(1, Some("A")),
        Command::RecordListed { revision: 1 },
        Command::RecordListed { revision: 9 },
        Command::RecordUnclaimed { revision: 1 },
    ] {
        check(&given, &command, &Ok(vec![]));
    }
    // The last revision's listing is confirmed when the next is already on its way.
    let given = [revisions(&[&["A"]]), vec![proposed(2, &["A", "B"])]].concat();
    check(&given, &Command::RecordListed { revision: 1 }, &Ok(vec![]));
}

#[test]
fn a_sku_of_another_product_rejects_the_proposal() {
    let mut run = Run::given(State::default(), &[proposed(1, &["A", "B"])]);
    let rejected = Event::Rejected { revision: 1, taken: sku("B") };
    assert_eq!(tell(&mut run, &claims(1, Some("B"))), vec![rejected]);
    assert_eq!(run.state.obligations(), [Obligation::Unclaim]);
    assert_eq!(codes(&run.state.new_skus()), ["A", "B"], "these are to be let go");
    assert_eq!(tell(&mut run, &claims(1, Some("B"))), vec![]);
    assert_eq!(tell(&mut run, &claims(1, None)), vec![]);
    assert_eq!(run.tell(SOON, &make(&["C"])), Err(Refusal::Busy));
    let unclaimed = Command::RecordUnclaimed { revision: 1 };
    assert_eq!(tell(&mut run, &unclaimed), vec![Event::Unclaimed { revision: 1 }]);
    assert_eq!(tell(&mut run, &unclaimed), vec![]);
    assert_eq!((run.state.spec(), run.state.obligations().len()), (None, 0));
    assert_eq!(run.tell(SOON, &ARCHIVE), Err(Refusal::UnknownProduct));
    assert_eq!(tell(&mut run, &make(&["A"])), vec![proposed(2, &["A"])]);
}

#[test]
fn a_rejected_change_leaves_the_adopted_revision_for_sale() {
    let mut run = Run::given(State::default(), &revisions(&[&["A"]]));
    tell(&mut run, &propose(&["A", "B"]));
    assert_eq!(codes(&run.state.new_skus()), ["B"]);
    tell(&mut run, &claims(2, Some("B")));
    tell(&mut run, &Command::RecordUnclaimed { revision: 2 });
    assert_eq!(run.state.spec(), Some(&*spec(&["A"])));
    assert_eq!(sold(&run.state), [on("A")]);
    assert_eq!(run.state.obligations(), []);
}

#[test]
fn the_same_again_is_no_change() {
    check(&revisions(&[&["A"]]), &propose(&["A"]), &Ok(vec![]));
}

#[test]
fn one_change_at_a_time() {
    check(&[proposed(1, &["A"])], &make(&["B"]), &Err(Refusal::Busy));
    let given = [revisions(&[&["A"]]), vec![proposed(2, &["B"])]].concat();
    check(&given, &ARCHIVE, &Err(Refusal::Busy));
    check(&given, &propose(&["C"]), &Err(Refusal::Busy));
}

#[test]
fn a_dropped_variant_is_delisted_and_comes_back_without_a_claim() {
    let mut run = Run::given(State::default(), &revisions(&[&["A", "B"], &["A"]]));
    assert_eq!(sold(&run.state), [on("A"), off("B")]);
    tell(&mut run, &propose(&["A", "B", "C"]));
    assert_eq!(codes(&run.state.new_skus()), ["C"]);
    tell(&mut run, &claims(3, None));
    assert_eq!(sold(&run.state), [on("A"), on("B"), on("C")]);
    assert_eq!(run.state.created_at(), Some(START), "created once");
}

#[test]
fn a_listing_that_was_overtaken_is_owed_for_the_newer_revision() {
    let given = [proposed(1, &["A"]), Event::Adopted { revision: 1 }];
    let mut run = Run::given(State::default(), &given);
    tell(&mut run, &propose(&["A", "B"]));
    assert_eq!(run.state.obligations(), [Obligation::Claim]);
    tell(&mut run, &claims(2, Some("B")));
    tell(&mut run, &Command::RecordUnclaimed { revision: 2 });
    assert_eq!(run.state.obligations(), [Obligation::List]);
    tell(&mut run, &Command::RecordListed { revision: 2 });
    assert_eq!(run.state.obligations(), []);
}

#[test]
fn a_product_is_made_once() {
    let named = |codes: &[&str], handle: &str| {
        Command::Make(Box::new(Spec { handle: handle.to_owned(), ..*spec(codes) }))
    };
    let given = revisions(&[&["A"]]);
    check(&given, &make(&["A"]), &Ok(vec![]));
    check(&given, &make(&["B"]), &Err(Refusal::Taken));
    let mut run = Run::new(State::default());
    tell(&mut run, &named(&["A"], "tee"));
    assert_eq!(run.tell(SOON, &named(&["B"], "tee")), Err(Refusal::Busy));
    tell(&mut run, &claims(1, None));
    assert_eq!(run.tell(SOON, &named(&["A"], "tee")), Err(Refusal::Taken), "also by the same");
    tell(&mut run, &ARCHIVE);
    assert_eq!(run.tell(SOON, &named(&["B"], "tee")), Err(Refusal::Taken), "also when archived");
    check(&[], &propose(&["A"]), &Err(Refusal::UnknownProduct));
}

#[test]
fn a_handle_stays() {
    let named =
        |codes: &[&str], handle: &str| Box::new(Spec { handle: handle.to_owned(), ..*spec(codes) });
    let change = |codes: &[&str], handle| Command::Propose { spec: named(codes, handle), at: None };
    let made = Event::Proposed { revision: 1, spec: named(&["A"], "tee") };
    let mut run = Run::given(State::default(), &[made, Event::Adopted { revision: 1 }]);
    assert_eq!(run.tell(SOON, &change(&["A"], "cap")), Err(Refusal::OtherHandle));
    assert_eq!(tell(&mut run, &change(&["A"], "tee")), vec![]);
    assert_eq!(tell(&mut run, &change(&["A"], "")), vec![], "the one it has");
    let next = Event::Proposed { revision: 2, spec: named(&["A", "B"], "tee") };
    assert_eq!(tell(&mut run, &change(&["A", "B"], "")), vec![next]);
    check(&revisions(&[&["A"]]), &change(&["A"], "tee"), &Err(Refusal::OtherHandle));
}

#[test]
fn units_that_were_counted_are_no_change() {
    let mut again = spec(&["A", "B"]);
    for variant in &mut again.variants {
        variant.units = 0;
    }
    let change = Command::Propose { spec: again.clone(), at: None };
    check(&revisions(&[&["A", "B"]]), &change, &Ok(vec![]));
    again.variants[0].units = 3;
    let counted = Event::Proposed { revision: 2, spec: again };
    check(&revisions(&[&["A"]]), &change, &Ok(vec![counted]));
}

#[test]
fn a_change_made_from_an_older_revision_is_refused() {
    let at = |at| {
        let at = Some(at);
        let propose = Command::Propose { spec: spec(&["A", "B"]), at };
        [propose, Command::Archive { at }, Command::Restore { at }]
    };
    let given = revisions(&[&["A"], &["A", "B"]]);
    for stale in [0, 1, 3].map(at).into_iter().flatten() {
        check(&given, &stale, &Err(Refusal::Stale));
    }
    for fresh in at(2) {
        assert!(Run::given(State::default(), &given).tell(SOON, &fresh).is_ok());
    }
    for unknown in at(0) {
        check(&[], &unknown, &Err(Refusal::UnknownProduct));
    }
}

#[test]
fn what_shoppers_see_has_its_own_revision() {
    let mut run = Run::given(State::default(), &revisions(&[&["A"]]));
    tell(&mut run, &propose(&["A", "B"]));
    assert_eq!((run.state.shown(), run.state.revision()), (1, 2));
    tell(&mut run, &claims(2, Some("B")));
    tell(&mut run, &Command::RecordUnclaimed { revision: 2 });
    assert_eq!((run.state.shown(), run.state.revision()), (1, 2), "a rejected one was never seen");
    tell(&mut run, &Command::Archive { at: Some(1) });
    assert_eq!((run.state.shown(), run.state.revision()), (3, 3));
}

#[test]
fn a_restored_product_is_listed_again() {
    check(&[], &RESTORE, &Err(Refusal::UnknownProduct));
    check(&revisions(&[&["A"]]), &RESTORE, &Ok(vec![]));
    let archived = [revisions(&[&["A", "B"], &["A"]]), vec![Event::Archived { revision: 3 }]];
    let mut run = Run::given(State::default(), &archived.concat());
    assert_eq!(tell(&mut run, &RESTORE), vec![Event::Restored { revision: 4 }]);
    assert_eq!((run.state.archived(), run.state.shown()), (false, 4));
    assert_eq!(sold(&run.state), [on("A"), off("B")]);
    assert_eq!(run.state.obligations(), [Obligation::List]);
    tell(&mut run, &Command::RecordListed { revision: 3 });
    assert_eq!(run.state.obligations(), [Obligation::List], "that was another revision's");
    tell(&mut run, &Command::RecordListed { revision: 4 });
    assert_eq!(run.state.obligations(), []);
    assert_eq!(tell(&mut run, &propose(&["A", "B"])), vec![proposed(5, &["A", "B"])]);
}

#[test]
fn an_archived_product_is_delisted_and_stays_so() {
    check(&[], &ARCHIVE, &Err(Refusal::UnknownProduct));
    let given = revisions(&[&["A", "B"], &["A"]]);
    let mut run = check(&given, &ARCHIVE, &Ok(vec![Event::Archived { revision: 3 }]));
    assert!(run.state.archived());
    assert_eq!(run.state.obligations(), [Obligation::List]);
    assert_eq!(sold(&run.state), [off("A"), off("B")]);
    assert_eq!(tell(&mut run, &ARCHIVE), vec![]);
    assert_eq!(run.tell(SOON, &propose(&["A"])), Err(Refusal::Archived));
    tell(&mut run, &Command::RecordListed { revision: 3 });
    assert_eq!(run.state.obligations(), []);
    assert_eq!((run.state.due(), run.lapse(Time::MAX)), (None, vec![]));
}

#[test]
fn a_proposal_that_no_sku_could_list_is_refused() {
    let with = |change: fn(&mut Variant)| {
        let mut spec = spec(&["A", "B"]);
        change(&mut spec.variants[1]);
        Command::Make(spec)
    };
    let refused = Err(Refusal::OutOfRange);
    check(&[], &make(&[]), &refused);
    check(&[], &make(&["A", "A"]), &refused);
    check(&revisions(&[&["A"]]), &propose(&["A", "A"]), &refused);
    check(&[], &with(|variant| variant.price = usd(-1)), &refused);
    check(&[], &with(|variant| variant.units = MAX_UNITS + 1), &refused);
    assert!(Run::new(State::default()).tell(SOON, &with(|v| v.units = MAX_UNITS)).is_ok());
}

#[test]
fn a_key_that_made_another_product_is_free_once_all_its_uses_were_refused() {
    use Event::{KeyFreed, KeyUsed};
    let used = || check(&[], &Command::UseKey, &Ok(vec![KeyUsed {}])).state;
    assert_eq!(used().spec(), None, "it is no product");
    let key = at(SOON).command;
    let free = |given: &[Event]| Run::given(State::default(), given).state.withdrawn(&KeyFreed {});
    assert_eq!(free(&[KeyUsed {}]), Some(at(START).command));
    assert_eq!(free(&[KeyUsed {}, KeyUsed {}]), None, "one of them may have been accepted");
    assert_eq!(free(&[KeyUsed {}, KeyUsed {}, KeyFreed {}]), Some(key));
    check(&[KeyUsed {}], &Command::FreeKey, &Ok(vec![KeyFreed {}]));
    check(&[KeyUsed {}, KeyFreed {}], &Command::FreeKey, &Ok(vec![]));
}
