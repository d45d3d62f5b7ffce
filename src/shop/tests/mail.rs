//! Letters about orders, over a mail server in memory: each arrives in the end, whatever happens,
//! and nobody who buys waits for one.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::{
    domain::OrderId,
    journal::MemoryStore,
    ports::{
        clock::pause,
        mail::{
            Letter, Mail, Mailbox, Memory,
            memory::Fate::{self, AnswerLost, Arrives, Later, Refused, Stalls, Unreachable},
        },
    },
    shop::{
        mail::{LetterId, Standing},
        orders::Gift,
    },
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn server(rule: impl Fn(&Letter, u32) -> Fate + Send + Sync + 'static) -> Arc<Memory> {
    let from = Mailbox { name: None, address: "shop@example.com".to_owned() };
    Arc::new(Memory::new(from, rule))
}

/// A world whose letters go there, tried again at once.
fn world(shards: usize, mail: &Arc<Memory>) -> World {
    let mut world = World::new(shards);
    world.mail = Some(mail.clone() as Arc<dyn Mail>);
    world.letters.first_pause_ms = 1;
    world.letters.longest_pause_ms = 4;
    world.letters.record_every_ms = 1;
    world.letters.deadline_ms = 100;
    world
}

async fn stock_up(running: &Running) {
    running.shop.create_product(spec(&["TEE-1"], 900), None).await.unwrap();
}

async fn order(running: &Running, details: &Details, text: &str) -> OrderId {
    let cart = running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
    let order = running.shop.check_out(cart.id, details, key(text), None).await.unwrap();
    running.shop.wait_settled(order.id).await.unwrap().id
}

/// Buyers `ana0@example.com`, `ana1@example.com`, …
async fn orders(running: &Running, numbers: std::ops::Range<usize>) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for number in numbers {
        let email = format!("ana{number}@example.com");
        let details = Details { email, ..details("tok_approve") };
        let id = order(running, &details, &format!("k{number}")).await;
        ids.insert(format!("confirmation.{id}"));
    }
    ids
}

fn ids(mail: &Memory) -> BTreeSet<String> {
    mail.arrived().into_iter().map(|letter| letter.id).collect()
}

async fn all_arrive(mail: &Memory, expected: &BTreeSet<String>) {
    wait_until("every letter arrives", || ids(mail) == *expected).await;
}

/// Closes the shop once nothing more happens to the log.
async fn close_quietly(running: Running) {
    running.settle().await;
    running.stop_the_clock();
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_letter_is_sent_once_and_not_again_by_a_successor() {
    for shards in [1, 3] {
        let mail = server(|_, _| Arrives);
        let world = world(shards, &mail);
        let running = world.open().await;
        stock_up(&running).await;
        let mut expected = orders(&running, 0..8).await;
        all_arrive(&mail, &expected).await;
        close_quietly(running).await;
        assert_eq!(mail.arrived().len(), expected.len(), "each once");
        // All derived state is gone: a world opens with an empty store.
        let running = world.open().await;
        expected.extend(orders(&running, 8..9).await);
        all_arrive(&mail, &expected).await;
        close_quietly(running).await;
        assert_eq!(mail.arrived().len(), expected.len(), "none of the old ones came again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_but_not_recorded_comes_again_as_the_same_message() {
    let mail = server(|_, _| Arrives);
    let mut world = world(2, &mail);
    world.letters.record_every_ms = 3_600_000;
    let running = world.open().await;
    stock_up(&running).await;
    let expected = orders(&running, 0..6).await;
    all_arrive(&mail, &expected).await;
    let lengths: Vec<u64> = world.disks.iter().map(MemoryStore::durable_bytes).collect();
    let books_bytes = std::fs::metadata(world.books()).unwrap().len();
    let mut crashed = world.as_of(&lengths, books_bytes, running.shop.now());
    crashed.mail = world.mail.clone();
    crashed.letters = world.letters.clone();
    running.close().await;
    assert_eq!(mail.arrived().len(), 6);
    let running = crashed.open().await;
    wait_until("all come again", || mail.arrived().len() == 12).await;
    assert_eq!(ids(&mail), expected, "under the same ids");
    let bytes: BTreeSet<Vec<u8>> = mail.bytes().into_iter().collect();
    assert_eq!(bytes.len(), 6, "and to the byte the same");
    running.close().await;
    // That end was an orderly one.
    let running = crashed.open().await;
    orders(&running, 6..7).await;
    wait_until("the next one arrives", || mail.arrived().len() == 13).await;
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_sent_is_sent_by_a_successor() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let mail = server(move |_, _| if is_up.load(Ordering::SeqCst) { Arrives } else { Unreachable });
    let world = world(1, &mail);
    let running = world.open().await;
    stock_up(&running).await;
    let expected = orders(&running, 0..5).await;
    wait_until("each was tried", || mail.attempts().len() == 5).await;
    running.close().await;
    assert_eq!(mail.arrived(), []);
    up.store(true, Ordering::SeqCst);
    let running = world.open().await;
    all_arrive(&mail, &expected).await;
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_an_older_program_writes_to_nobody_about_the_past() {
    let mail = server(|_, _| Arrives);
    let mut world = world(2, &mail);
    world.mail = None;
    let running = world.open().await;
    stock_up(&running).await;
    orders(&running, 0..4).await;
    close_quietly(running).await;
    world.mail = Some(mail.clone());
    let running = world.open().await;
    let expected = orders(&running, 4..6).await;
    all_arrive(&mail, &expected).await;
    running.close().await;
    assert_eq!(mail.arrived().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trouble_ends_in_an_arrival() {
    let mail = server(|letter, attempt| {
        let number = letter.to.address.bytes().map(u32::from).sum::<u32>();
        let troubles = [Later, Unreachable, AnswerLost, Stalls];
        let trouble = troubles[(number + attempt) as usize % troubles.len()];
        if attempt > 3 { Arrives } else { trouble }
    });
    let world = world(3, &mail);
    let running = world.open().await;
    stock_up(&running).await;
    let expected = orders(&running, 0..12).await;
    all_arrive(&mail, &expected).await;
    close_quietly(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_letter_is_dead_until_an_admin_wants_it_again() {
    for shards in [1, 3] {
        let open = Arc::new(AtomicBool::new(false));
        let is_open = open.clone();
        let mail = server(move |letter, _| {
            let refused = letter.to.address.starts_with("ana0");
            if refused && !is_open.load(Ordering::SeqCst) { Refused } else { Arrives }
        });
        let world = world(shards, &mail);
        let running = world.open().await;
        stock_up(&running).await;
        let expected = orders(&running, 0..3).await;
        wait_until("the other two arrive", || mail.arrived().len() == 2).await;
        let id = the_dead(&running, 1).await.remove(0);
        assert_eq!(mail.attempts()[&missing(&mail, &expected)], 1, "refused is refused");
        close_quietly(running).await;
        let running = world.open().await;
        assert_eq!(the_dead(&running, 1).await, [id]);
        let again = running.shop.resend(id, Some(key("again"))).await;
        assert_eq!(again, Ok((Standing::Resending, false)));
        wait_until("it was refused again", || mail.attempts().values().any(|n| *n == 2)).await;
        assert_eq!(the_dead(&running, 1).await, [id]);
        open.store(true, Ordering::SeqCst);
        let repeat = running.shop.resend(id, Some(key("again"))).await;
        assert_eq!(repeat, Ok((Standing::Dead, true)), "the key has been used");
        assert_eq!(running.shop.resend(id, None).await, Ok((Standing::Resending, false)));
        all_arrive(&mail, &expected).await;
        the_dead(&running, 0).await;
        let stranger = LetterId::parse("mail_0-1-gift").unwrap();
        assert!(matches!(running.shop.resend(stranger, None).await, Err(Error::NotFound(_))));
        close_quietly(running).await;
        assert_eq!(mail.arrived().len(), 3);
    }
}

/// Waits until so many letters are dead.
async fn the_dead(running: &Running, count: usize) -> Vec<LetterId> {
    for _ in 0..4_000 {
        let page = running.shop.dead_letters(None, 200).await.unwrap();
        if page.items.len() == count {
            return page.items.into_iter().map(|letter| letter.id).collect();
        }
        pause(Duration::from_millis(1)).await;
    }
    panic!("never {count} dead letters");
}

fn missing(mail: &Memory, expected: &BTreeSet<String>) -> String {
    expected.difference(&ids(mail)).next().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_always_told_later_is_given_up_in_the_end() {
    let mail = server(|_, _| Later);
    let mut world = world(1, &mail);
    world.letters.most_attempts = 4;
    let running = world.open().await;
    stock_up(&running).await;
    orders(&running, 0..3).await;
    the_dead(&running, 3).await;
    assert!(mail.attempts().values().all(|attempts| *attempts == 4), "{:?}", mail.attempts());
    let first = running.shop.dead_letters(None, 2).await.unwrap();
    let next = running.shop.dead_letters(first.next.clone(), 2).await.unwrap();
    assert_eq!((first.items.len(), next.items.len(), next.next), (2, 1, None));
    let letter = &first.items[0];
    assert_eq!((letter.attempts, letter.to.as_deref()), (4, Some("Ana <ana0@example.com>")));
    assert!(letter.why.contains("450"), "{}", letter.why);
    let foreign = running.shop.dead_letters(Some("ab".to_owned()), 2).await;
    assert!(matches!(foreign, Err(Error::Invalid { .. })));
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_has_to_wait_holds_up_no_other() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let mail = server(move |letter, _| {
        let waits = letter.to.address.starts_with("ana0@") && !is_up.load(Ordering::SeqCst);
        if waits { Later } else { Arrives }
    });
    let mut world = world(1, &mail);
    world.letters.most_attempts = u32::MAX;
    world.letters.window = 8;
    let running = world.open().await;
    stock_up(&running).await;
    let expected = orders(&running, 0..40).await;
    wait_until("all others arrive", || mail.arrived().len() == 39).await;
    close_quietly(running).await;
    let running = world.open().await;
    up.store(true, Ordering::SeqCst);
    all_arrive(&mail, &expected).await;
    close_quietly(running).await;
    assert_eq!(mail.arrived().len(), 40, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_erased_meanwhile_is_left_alone() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let mail = server(move |_, _| if is_up.load(Ordering::SeqCst) { Arrives } else { Unreachable });
    let world = world(1, &mail);
    let running = world.open().await;
    stock_up(&running).await;
    let gone = order(&running, &details("tok_approve"), "gone").await;
    let stays = orders(&running, 1..3).await;
    let state = running.books().order(gone).unwrap();
    let key = state.placement().unwrap().contact.key;
    running.shop.system().keyring.erase(key).unwrap();
    up.store(true, Ordering::SeqCst);
    all_arrive(&mail, &stays).await;
    close_quietly(running).await;
    let before = mail.arrived().len();
    let running = world.open().await;
    let more = orders(&running, 3..4).await;
    wait_until("the next one arrives", || mail.arrived().len() == before + more.len()).await;
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gift_and_an_end_are_told_to_whom_they_concern() {
    let mail = server(|_, _| Arrives);
    let world = world(1, &mail);
    let running = world.open().await;
    stock_up(&running).await;
    let gift = Gift { to: "Mum <mum@example.com>".to_owned(), message: "love".to_owned() };
    let details = Details { gift: Some(gift), locale: Locale::Pt, ..details("tok_approve") };
    let id = order(&running, &details, "gift").await;
    running.shop.cancel_order(id, crate::domain::By::Admin, None).await.unwrap();
    let kinds = ["confirmation", "gift", "cancellation"].map(|kind| format!("{kind}.{id}"));
    all_arrive(&mail, &kinds.into_iter().collect()).await;
    for letter in mail.arrived() {
        assert_eq!(letter.language, "pt");
        let to_mum = letter.to.address == "mum@example.com";
        assert_eq!(to_mum, letter.id.starts_with("gift"), "{letter:?}");
        assert_eq!(letter.text.contains("USD"), !to_mum, "{}", letter.text);
    }
    // Of a decline whoever asked has heard at once.
    let declined = Details { email: "ben@example.com".to_owned(), ..super::details("tok_decline") };
    order(&running, &declined, "declined").await;
    orders(&running, 1..2).await;
    wait_until("the next one arrives", || mail.arrived().len() == 4).await;
    assert!(mail.arrived().iter().all(|letter| letter.to.address != "ben@example.com"));
    close_quietly(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_buys_waits_for_a_mail_server_that_is_silent() {
    let mail = server(|_, _| Stalls);
    let mut world = world(1, &mail);
    world.letters.deadline_ms = 3_600_000;
    world.letters.at_once = 2;
    let running = world.open().await;
    stock_up(&running).await;
    orders(&running, 0..20).await;
    wait_until("as many as may be are under way", || mail.attempts().len() == 2).await;
    assert_eq!(running.shop.commands_under_way(), 0);
    running.close().await;
    assert_eq!(mail.attempts().len(), 2, "never more at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_shop_writes_nothing() {
    let mail = server(|_, _| Arrives);
    let world = world(1, &mail);
    let running = world.open().await;
    stock_up(&running).await;
    let expected = orders(&running, 0..2).await;
    all_arrive(&mail, &expected).await;
    running.settle().await;
    running.stop_the_clock();
    let recorded = || {
        let before = world.disks[0].durable_bytes();
        std::thread::sleep(Duration::from_millis(400));
        world.disks[0].durable_bytes() == before
    };
    wait_until("what was sent is recorded", recorded).await;
    let before = world.disks[0].durable_bytes();
    pause(Duration::from_millis(300)).await;
    assert_eq!(world.disks[0].durable_bytes(), before, "its own entries are no news to it");
    running.close().await;
}
