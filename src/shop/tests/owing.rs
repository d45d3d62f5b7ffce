//! What an order owes is asked for again when it is time, and not a moment earlier.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::{
    domain::{OrderId, order::Back},
    ports::{
        clock::pause,
        payments::{Answer, Error as Silence, Fault, Faulty, Payments, Request, Step},
    },
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, ready},
};
use std::{sync::Arc, time::Duration};

/// A provider that answers one step the same for ever and knows of no such step when asked.
struct Stubborn {
    provider: Arc<dyn Payments>,
    step: Step,
    answer: Answer,
    forgets: Step,
}

impl Payments for Stubborn {
    fn execute(&self, request: Request) -> BoxFuture<'_, Answer> {
        if request.step == self.step {
            return ready(self.answer.clone()).boxed();
        }
        self.provider.execute(request)
    }

    fn ask(&self, order: OrderId, step: Step) -> BoxFuture<'_, Result<Option<Answer>, Silence>> {
        if step == self.forgets {
            return ready(Ok(None)).boxed();
        }
        self.provider.ask(order, step)
    }
}

async fn placed(running: &Running, token: &str) -> OrderId {
    let shop = &running.shop;
    shop.create_product(spec(&["TEE-1"], 9), None).await.unwrap();
    let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
    shop.check_out(cart.id, &details(token), key("k"), None).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_ask_again_goes_with_what_was_asked() {
    let mut world = World::new(1);
    world.between = |provider| {
        // It authorises, refuses the capture, and can't be reached for the void.
        let faults = [Fault::None; 2].into_iter().chain([Fault::Unreached; 60]);
        Arc::new(Faulty::scripted(provider, faults))
    };
    let running = world.open().await;
    let order = placed(&running, "tok_capture_fails").await;
    wait_until("the cart is open again and the void is tried now and then", || {
        let state = running.books().order(order).unwrap();
        state.status() == Status::Declined && state.reopen().is_none() && state.needs_review()
    })
    .await;
    running.stop_the_clock();
    // Behind the time at which the cart would be told again.
    running.pass(1_001);
    pause(Duration::from_millis(100)).await;
    let system = running.shop.system();
    for _ in 0..200 {
        let due = system.timekeeper.first();
        assert!(due.is_none_or(|due| due > system.now()), "somebody is woken without end");
        pause(Duration::from_millis(1)).await;
    }
    running.close().await;
}

/// Waits until somebody is asked to look; then nothing may be tried while time stands still.
async fn goes_on_with_pauses(
    token: &str,
    between: fn(Arc<dyn Payments>) -> Arc<dyn Payments>,
) -> Vec<String> {
    let mut world = World::new(1);
    world.between = between;
    let running = world.open().await;
    let order = placed(&running, token).await;
    let flagged = || running.books().order(order).unwrap().needs_review();
    wait_until("somebody is asked to look", flagged).await;
    running.stop_the_clock();
    pause(Duration::from_millis(50)).await;
    let before = world.disks[0].durable_bytes();
    pause(Duration::from_millis(100)).await;
    assert_eq!(world.disks[0].durable_bytes(), before, "tried again without a pause");
    let order = running.books().order(order).unwrap();
    running.close().await;
    order.timeline().iter().map(|milestone| milestone.what.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_nobody_ever_saw_is_tried_with_pauses_and_flagged() {
    let timeline = goes_on_with_pauses("tok_approve", |provider| {
        let (step, answer) = (Step::Capture, Answer::Unknown);
        Arc::new(Stubborn { provider, step, answer, forgets: Step::Capture })
    })
    .await;
    let unknown = timeline.iter().filter(|what| *what == "payment unknown").count();
    assert!((1..=2).contains(&unknown), "the same again is no news: {timeline:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_that_is_refused_for_good_is_tried_with_pauses_and_flagged() {
    let timeline = goes_on_with_pauses("tok_capture_fails", |provider| {
        let (step, answer) = (Step::Void, Answer::Declined { reason: "expired".to_owned() });
        Arc::new(Stubborn { provider, step, answer, forgets: Step::Capture })
    })
    .await;
    assert!(timeline.iter().any(|what| what == "flagged for review"), "{timeline:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refund_of_a_return_that_is_refused_stays_owed_and_is_flagged() {
    let mut world = World::new(1);
    world.between = |provider| {
        let (step, answer) = (Step::RefundPart(1), Answer::Declined { reason: "later".to_owned() });
        Arc::new(Stubborn { provider, step, answer, forgets: step })
    };
    let running = world.open().await;
    let order = placed(&running, "tok_approve").await;
    running.shop.wait_settled(order).await.unwrap();
    let items = vec![Back { sku: sku("TEE-1"), units: 1 }];
    let returned = Returned { items, reason: None, restock: true };
    let told = running.shop.return_units(order, returned, key("r")).await.unwrap();
    assert!(!told.state.settled(), "its money is still moving");
    let flagged = || running.books().order(order).unwrap().needs_review();
    wait_until("somebody is asked to look", flagged).await;
    running.stop_the_clock();
    pause(Duration::from_millis(50)).await;
    let before = world.disks[0].durable_bytes();
    pause(Duration::from_millis(100)).await;
    assert_eq!(world.disks[0].durable_bytes(), before, "tried again without a pause");
    let state = running.books().order(order).unwrap();
    let standing = (state.status(), state.payment());
    assert_eq!(standing, (Status::Returned, order::Payment::Captured), "not refunded yet");
    let [back] = state.returns() else { panic!("one return") };
    assert!(back.stocked() && !back.refunded, "the units are back all the same");
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_told_that_an_order_is_declined_finds_the_cart_open() {
    for shards in [1, 3] {
        let world = World::new(shards);
        let running = world.open().await;
        let shop = &running.shop;
        shop.create_product(spec(&["TEE-1", "TEE-2", "TEE-3"], 99), None).await.unwrap();
        for round in 0..10 {
            let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap().id;
            for code in ["TEE-2", "TEE-3"] {
                shop.add_to_cart(Some(cart), &sku(code), 1, None).await.unwrap();
            }
            let keys = [format!("{round} declined"), format!("{round} paid")];
            let wait = Some(Duration::from_secs(10));
            let (first, second) = (details("tok_decline"), details("tok_approve"));
            let order = shop.check_out(cart, &first, key(&keys[0]), wait).await.unwrap();
            assert_eq!(order.state.status(), Status::Declined);
            let again = shop.check_out(cart, &second, key(&keys[1]), wait).await;
            assert_eq!(again.map(|order| order.state.status()), Ok(Status::Confirmed));
        }
        running.close().await;
    }
}
