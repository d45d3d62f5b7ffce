//! Kills, stops and losses of power under load, at moments that the dice choose.

use crate::{
    Dice,
    losses::{Loss, lose_power},
    market::{FLAGS, Market},
    rounds,
    server::{Server, serve, start_and_kill},
    shim::{Shim, Switch},
};
use doorbuster::ports::clock::pause;
use std::{path::Path, time::Duration};

pub(crate) fn flags(shards: &str) -> Vec<&str> {
    FLAGS.into_iter().chain(["--shards", shards]).collect()
}

pub(crate) fn must(started: Result<Server, std::process::Output>) -> Server {
    started.unwrap_or_else(|output| panic!("no start: {}", crate::server::said(&output)))
}

/// Stands still now and then, at last for ever: by a kill, also of a process that stands still.
async fn stop_and_kill(server: Server, dice: &mut Dice) {
    for _ in 0..dice.below(3) {
        pause(Duration::from_millis(50 + dice.below(200))).await;
        server.stop();
        pause(Duration::from_millis(dice.below(150))).await;
        server.go_on();
    }
    pause(Duration::from_millis(100 + dice.below(400))).await;
    if dice.below(3) == 0 {
        server.stop();
        pause(Duration::from_millis(dice.below(20))).await;
    }
    server.kill();
}

async fn stopped_and_killed(shards: &str) {
    let (mut dice, rounds) = (Dice::throw(), rounds(8));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut market = Market::new();
    for _ in 0..rounds {
        let server = Server::must_start(&store, &flags(shards));
        market.look_back(&server, &mut dice).await;
        let visitors = market.rush(&server, &mut dice);
        stop_and_kill(server, &mut dice).await;
        market.gather(visitors).await;
        if dice.below(4) == 0 {
            let after = Duration::from_millis(dice.below(60));
            start_and_kill(serve(&store, &FLAGS), after);
        }
    }
    let server = Server::must_start(&store, &FLAGS);
    market.look_back(&server, &mut dice).await;
    market.close(server, &store, &format!("{shards} shard(s), {rounds} stops and kills"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_killed_on_one_shard_its_answers_have_one_order() {
    stopped_and_killed("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_killed_on_three_shards_its_answers_have_one_order() {
    stopped_and_killed("3").await;
}

pub(crate) fn nothing(_: &Path) -> bool {
    false
}

async fn without_power(shards: &str) {
    let (mut dice, rounds) = (Dice::throw(), rounds(8));
    let Some(shim) = Shim::with_notes() else { return };
    let (mut market, mut sectors, mut names) = (Market::new(), 0, 0);
    for round in 0..rounds {
        let server = must(Server::run(shim.serve(&flags(shards))));
        market.look_back(&server, &mut dice).await;
        let visitors = market.rush(&server, &mut dice);
        pause(Duration::from_millis(100 + dice.below(400))).await;
        server.kill();
        market.gather(visitors).await;
        for again in 0..dice.below(3) {
            if again > 0 {
                let after = Duration::from_millis(dice.below(200));
                start_and_kill(shim.serve(&flags(shards)), after);
            }
            let loss = if (round + again) % 3 == 0 { Loss::All } else { Loss::Some };
            let lost = lose_power(&shim, loss, &mut dice, nothing);
            (sectors, names) = (sectors + lost.sectors, names + lost.names);
        }
    }
    let server = must(Server::run(shim.serve(&flags(shards))));
    market.look_back(&server, &mut dice).await;
    assert!(sectors > 0, "no power was lost");
    let what =
        format!("{shards} shard(s), {rounds} kills, {sectors} sectors and {names} names lost");
    market.close(server, &shim.store(), &what);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_power_one_shard_keeps_its_word() {
    without_power("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_power_three_shards_keep_their_word() {
    without_power("3").await;
}

/// What `look_back` panics with.
async fn complaint(mut market: Market, server: Server, mut dice: Dice) -> String {
    let looking = tokio::spawn(async move { market.look_back(&server, &mut dice).await });
    let panic = looking.await.expect_err("nobody noticed").into_panic();
    panic.downcast_ref::<String>().expect("a panic has a text").clone()
}

/// A market of whose last moments the disk has nothing, though it said so of every sync.
async fn lied_to(shim: &Shim, for_ms: u64, dice: &mut Dice) -> Market {
    let mut market = Market::new();
    let server = must(Server::run(shim.serve(&FLAGS)));
    market.look_back(&server, dice).await;
    shim.set(Switch::Lie, 1);
    let visitors = market.rush(&server, dice);
    pause(Duration::from_millis(for_ms)).await;
    server.kill();
    market.gather(visitors).await;
    shim.set(Switch::Lie, 0);
    market
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let mut dice = Dice::throw();
    let Some(shim) = Shim::with_notes() else { return };
    let market = lied_to(&shim, 500, &mut dice).await;
    lose_power(&shim, Loss::All, &mut dice, nothing);
    // A whole history that ends too early: only who was told otherwise can know.
    let server = must(Server::run(shim.serve(&FLAGS)));
    let why = complaint(market, server, dice).await;
    let signs = ["is lost", "no order explains", "cart-empty"];
    assert!(signs.iter().any(|sign| why.contains(sign)), "{why}");
    println!("found out: {why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_on_the_disk_finds_out_a_log_that_is_not() {
    let mut dice = Dice::throw();
    let Some(shim) = Shim::with_notes() else { return };
    lied_to(&shim, 300, &mut dice).await;
    lose_power(&shim, Loss::All, &mut dice, |path| path.ends_with("mark"));
    let Err(output) = Server::run(shim.serve(&FLAGS)) else { panic!("a lost tail is served") };
    let words = crate::server::said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("but the log was synced up to"), "{words}");
}
