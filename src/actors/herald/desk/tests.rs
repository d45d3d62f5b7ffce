//! Where the cursor stands, what is started when, and when the post hears of it.

use super::*;
use crate::{
    domain::{
        CartId, Currency, Locale, Machine as _, Money, Sealed, Sku,
        order::{Event, Item, Placement},
        sku::Buyer,
    },
    journal::{MemoryLog, handmade::Pen},
};
use uuid::Uuid;

const ALL: usize = 100;

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn captured() -> Event {
    Event::Captured { reference: "c".to_owned() }
}

fn sealed(field: u8) -> Sealed {
    Sealed { key: 1, field, bytes: vec![1].into() }
}

fn placement(gift: Option<Sealed>) -> Placement {
    let currency = Currency::parse("USD").unwrap();
    let (cart, price) = (CartId(Uuid::from_u128(1)), Money { amount_minor: 500, currency });
    let item = Item { sku: Sku::parse("A").unwrap(), title: "Tee".to_owned(), units: 1, price };
    Placement {
        cart,
        items: vec![item],
        total: price,
        email: Buyer(7),
        contact: sealed(1),
        gift,
        payment: sealed(3),
        until: Time(1_000),
        locale: Locale::En,
    }
}

fn settings() -> Settings {
    Settings { most_attempts: 3, ..Settings::default() }
}

/// A log with a batch for each of these orders, each confirmed, and a desk that begins at its
/// beginning.
fn desk(orders: u128) -> (Desk, Pen<MemoryLog>) {
    let mut pen = Pen::memory(1);
    let mut desk = Desk::new(PostId::routed_by(0), pen.readers().remove(0));
    for number in 0..orders {
        pen.write(order(number), captured()).commit();
    }
    desk.begin(&begun(desk.begin_at.0));
    (desk, pen)
}

fn begun(at: u64) -> post::State {
    let mut state = post::State::default();
    tell(&mut state, &post::Command::Begin { at });
    state
}

fn tell(state: &mut post::State, command: &post::Command) {
    let context = crate::domain::Context {
        now: Time(0),
        by: crate::domain::By::Shop,
        command: crate::domain::CommandId(Uuid::nil()),
        fingerprint: None,
    };
    for event in state.decide(command, &context).unwrap() {
        state.evolve(&event, &context);
    }
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

fn finish(desk: &mut Desk, job: &Job) {
    for subject in &job.subjects {
        desk.finish(job.key, *subject);
    }
    desk.ended(job.key, false, &settings(), Instant::now());
}

fn record(desk: &mut Desk, state: &mut post::State) -> bool {
    let Some(command) = desk.next_record(Duration::ZERO, Instant::now()) else { return false };
    let post::Command::Advance { to, finished, delivered } = &command else { panic!() };
    tell(state, &command);
    desk.recorded(*to, finished, delivered);
    true
}

#[test]
fn only_news_is_taken_up_and_an_idle_log_is_worth_no_entry() {
    let (mut desk, mut pen) = desk(0);
    pen.write(order(1), Event::Voided {}).commit();
    pen.write(order(1), Event::Expired {});
    pen.write(Sku::parse("A").unwrap(), crate::domain::sku::Event::SoldOut {}).commit();
    desk.read_ahead(ALL).unwrap();
    let jobs = desk.start(ALL, Instant::now());
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].subjects, [Subject::Cancellation]);
    finish(&mut desk, &jobs[0]);
    let mut state = begun(0);
    assert!(record(&mut desk, &mut state));
    pen.write(order(1), Event::StockForgotten {}).commit();
    desk.read_ahead(ALL).unwrap();
    assert!(!record(&mut desk, &mut state), "nothing was sent");
    assert_eq!(desk.behind(), 0);
}

#[test]
fn an_order_that_was_read_from_its_beginning_is_written_about_unasked() {
    let (mut desk, mut pen) = desk(0);
    let authorised = || Event::Authorised { reference: "a".to_owned() };
    for (number, gift) in [(1, None), (2, Some(sealed(2)))] {
        pen.write(order(number), Event::Placed(Box::new(placement(gift)))).commit();
        pen.write(order(number), authorised());
        pen.write(order(number), Event::StockCommitted {}).commit();
    }
    desk.read_ahead(ALL).unwrap();
    assert!(desk.start(ALL, Instant::now()).is_empty(), "nothing is confirmed yet");
    // The third was not read from its beginning.
    for number in 1..=3 {
        pen.write(order(number), captured()).commit();
    }
    desk.read_ahead(ALL).unwrap();
    let jobs = desk.start(ALL, Instant::now());
    let letters = |at: usize| (jobs[at].order, jobs[at].subjects.clone(), jobs[at].known.is_some());
    assert_eq!(letters(0), (order(1), vec![Subject::Confirmation], true));
    assert_eq!(letters(1), (order(2), vec![Subject::Confirmation, Subject::Gift], true));
    assert_eq!(letters(2), (order(3), vec![Subject::Confirmation, Subject::Gift], false));
    let known = jobs[0].known.as_ref().unwrap();
    let news = known.order.state.news_of(known.number);
    assert_eq!(news, Some(crate::domain::order::News::Confirmed));
    for job in &jobs {
        finish(&mut desk, job);
    }
    assert!(record(&mut desk, &mut begun(0)));
    assert_eq!(desk.behind(), 0);
}

#[test]
fn the_cursor_waits_for_the_oldest_and_remembers_the_others() {
    let (mut desk, _pen) = desk(5);
    let mut state = begun(0);
    desk.read_ahead(ALL).unwrap();
    let jobs = desk.start(ALL, Instant::now());
    assert_eq!(jobs.len(), 5);
    let first = desk.cursor();
    for job in &jobs[2..] {
        finish(&mut desk, job);
    }
    assert!(record(&mut desk, &mut state));
    assert_eq!((desk.cursor(), state.cursor()), (first, Some(first.0)));
    assert_eq!(state.finished().len(), 3);
    assert!(!record(&mut desk, &mut state), "it is recorded already");
    // Whoever starts from here sends the two that are left, and no other.
    let mut successor = Desk::new(desk.post, desk.log.clone());
    successor.begin(&state);
    successor.read_ahead(ALL).unwrap();
    let again = successor.start(ALL, Instant::now());
    let orders: Vec<OrderId> = again.iter().map(|job| job.order).collect();
    assert_eq!(orders, [order(0), order(1)]);
    finish(&mut desk, &jobs[0]);
    finish(&mut desk, &jobs[1]);
    assert!(record(&mut desk, &mut state));
    assert_eq!((desk.behind(), state.finished().len()), (0, 0));
}

#[test]
fn an_event_is_finished_when_all_its_letters_are() {
    let (mut desk, _pen) = desk(1);
    desk.read_ahead(ALL).unwrap();
    let job = desk.start(ALL, Instant::now()).remove(0);
    assert_eq!(job.subjects, [Subject::Confirmation, Subject::Gift]);
    desk.finish(job.key, Subject::Confirmation);
    assert!(desk.next_record(Duration::ZERO, Instant::now()).is_none());
    assert_eq!(desk.failed(job.key, "no", true, 0, &settings()), None);
    desk.ended(job.key, true, &settings(), Instant::now());
    let again = desk.start(ALL, later()).remove(0);
    assert_eq!(again.subjects, [Subject::Gift], "the other one is sent");
    desk.finish(again.key, Subject::Gift);
    assert!(desk.next_record(Duration::ZERO, Instant::now()).is_some());
}

#[test]
fn reading_stops_when_the_window_is_full() {
    let (mut desk, _pen) = desk(10);
    desk.read_ahead(4).unwrap();
    assert_eq!(desk.start(ALL, Instant::now()).len(), 4);
    let oldest = Key::Event(*desk.open.keys().next().unwrap());
    for key in desk.open.keys().copied().collect::<Vec<_>>() {
        if Key::Event(key) != oldest {
            desk.finish(Key::Event(key), Subject::Confirmation);
            desk.finish(Key::Event(key), Subject::Gift);
        }
    }
    desk.read_ahead(4).unwrap();
    assert_eq!(desk.backlog().0, 1, "what is finished above the cursor has to be remembered, too");
    assert!(desk.in_the_way(4).is_none(), "it has not failed yet");
    desk.ended(oldest, true, &settings(), Instant::now());
    let (key, subjects) = desk.in_the_way(4).unwrap();
    assert_eq!(key, oldest);
    for subject in subjects {
        desk.keep(key, subject);
    }
    desk.read_ahead(4).unwrap();
    assert_eq!(desk.backlog().0, 4, "the way is clear");
}

#[test]
fn each_failure_doubles_the_pause_up_to_the_longest() {
    let settings =
        Settings { first_pause_ms: 1_000, longest_pause_ms: 300_000, ..Settings::default() };
    let pauses: Vec<u64> = (0..12).map(|tries| settings.pause(tries).as_secs()).collect();
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(settings.pause(u32::MAX).as_secs(), 300);
    let (mut desk, _pen) = desk(1);
    desk.read_ahead(ALL).unwrap();
    let now = Instant::now();
    let job = desk.start(1, now).remove(0);
    assert_eq!(desk.start(1, later()).len(), 0, "it is under way");
    desk.ended(job.key, true, &settings, now);
    assert_eq!(desk.next_due(), Some(now + Duration::from_secs(1)));
    assert_eq!(desk.start(1, now).len(), 0, "it is not due");
    assert_eq!(desk.start(1, now + Duration::from_secs(1)).len(), 1);
    desk.ended(job.key, true, &settings, now);
    assert_eq!(desk.next_due(), Some(now + Duration::from_secs(2)));
}

#[test]
fn a_letter_is_given_up_for_its_own_failures_only() {
    let (mut desk, _pen) = desk(1);
    desk.read_ahead(ALL).unwrap();
    let key = desk.start(1, Instant::now()).remove(0).key;
    let settings = settings();
    for _ in 0..100 {
        assert_eq!(desk.failed(key, "nobody is there", false, 7, &settings).map(drop), None);
        // The first one counts: seven have got through before.
    }
    assert_eq!(desk.trouble(key).unwrap().attempts, 1);
    assert_eq!(desk.failed(key, "others got through", false, 8, &settings), None);
    let trouble = desk.failed(key, "not this one", true, 8, &settings).unwrap();
    assert_eq!((trouble.attempts, trouble.why.as_str()), (3, "not this one"));
}

#[test]
fn a_kept_letter_is_not_begun_again_and_a_waiting_one_is_delivered_once() {
    let (mut desk, _pen) = desk(2);
    let mut state = begun(0);
    desk.read_ahead(ALL).unwrap();
    let jobs = desk.start(ALL, Instant::now());
    let (key, position) = (jobs[0].key, jobs[0].key.position().0);
    let trouble = desk.trouble(key).unwrap();
    let letter = Letter { position, subject: Subject::Confirmation };
    let gift = Letter { position, subject: Subject::Gift };
    tell(&mut state, &post::Command::Postpone { letter, trouble: trouble.clone() });
    tell(&mut state, &post::Command::Bury { letter: gift, trouble });
    // The process ends before the cursor is recorded.
    let mut successor = Desk::new(desk.post, desk.log.clone());
    successor.begin(&state);
    successor.read_ahead(ALL).unwrap();
    let again = successor.start(ALL, Instant::now());
    let keys: Vec<Key> = again.iter().map(|job| job.key).collect();
    assert_eq!(keys, [jobs[1].key, Key::Letter(letter)]);
    for job in &again {
        finish(&mut successor, job);
    }
    successor.take_waiting(&state);
    assert_eq!(successor.backlog().0, 0, "it is delivered, though not recorded yet");
    assert!(record(&mut successor, &mut state));
    assert!(state.waiting().is_empty() && state.dead().contains_key(&gift));
    tell(&mut state, &post::Command::Resend { letter: gift });
    successor.take_waiting(&state);
    assert_eq!(successor.start(ALL, Instant::now())[0].key, Key::Letter(gift));
}
