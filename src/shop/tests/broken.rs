//! One entity that can't be read costs the others nothing: not a checkpoint, not a list.

use super::{memory::World, *};
use crate::{
    actors::{Fault, system::Strike},
    domain::{By, CommandId, Context, EntityId, OrderId, machine::Event},
    journal::snapshot,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What no machine knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Nonsense {
    Nonsense {},
}

impl Event for Nonsense {
    const VERSION: u8 = 1;
}

fn gone() -> EntityId {
    EntityId::Sku(sku("GONE"))
}

/// Writes a history that nobody can read.
fn write_nonsense(shop: &Shop) {
    let command = CommandId(Uuid::from_u128(1));
    let context = Context { now: shop.now(), by: By::Shop, command, fingerprint: None };
    let events = [(context, Nonsense::Nonsense {}), (context, Nonsense::Nonsense {})];
    let committer = shop.system().committer_of(&gone());
    committer.append(&gone(), 1, &events, |_, _| ()).unwrap();
}

fn has_snapshot(shop: &Shop, id: &EntityId) -> bool {
    snapshot::Loader::default().load(&*shop.system().store, id).unwrap().0.is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_go_on_beside_an_entity_that_cannot_be_read() {
    let mut world = World::new(1);
    world.settings.checkpoint_entries = 20;
    let running = world.open().await;
    let (shop, system) = (&running.shop, running.shop.system());
    shop.create_product(spec(&["TEE-1"], 99), None).await.unwrap();
    write_nonsense(shop);
    for round in ["one", "two", "three"] {
        let mut bought: Vec<OrderId> = vec![];
        for text in ["1", "2"] {
            let text = format!("{round} {text}");
            let order = buy(shop, "TEE-1", 1, "tok_approve", &text).await.unwrap();
            // Its cart may hear of it last, and is answered behind that.
            shop.cart(order.state.placement().unwrap().cart).await.unwrap();
            bought.push(order.id);
        }
        assert!(system.wants_checkpoint());
        assert!(system.take_checkpoint().unwrap() >= 20);
        assert!(!system.wants_checkpoint(), "the same is wanted again");
        assert_eq!(system.take_checkpoint().unwrap(), 0, "the same is folded again");
        for order in bought {
            assert!(has_snapshot(shop, &EntityId::Order(order)));
        }
        assert!(!has_snapshot(shop, &gone()));
        assert_eq!(system.committer_of(&gone()).tail_of(&gone()).len(), 2);
        let tee = EntityId::Sku(sku("TEE-1"));
        assert_eq!(system.committer_of(&tee).tail_of(&tee), []);
    }
    assert_eq!(shop.stock(&sku("TEE-1")).await.unwrap().sold, 6);
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_finds_all_beside_an_entity_that_cannot_be_read() {
    let mut house = House::new(3, Settings::default()).await;
    house.shop().create_product(spec(&["TEE-1"], 99), None).await.unwrap();
    write_nonsense(&house.shop());
    for round in 1..=3 {
        let (early, late) = (format!("{round} early"), format!("{round} late"));
        let first = buy(&house.shop(), "TEE-1", 1, "tok_approve", &early).await.unwrap();
        house.shop().system().take_checkpoint().unwrap();
        let second = buy(&house.shop(), "TEE-1", 1, "tok_approve", &late).await.unwrap();
        house = house.reopen().await;
        let (shop, system) = (house.shop(), house.shop().system().clone());
        for order in [first, second] {
            assert_eq!(shop.order_by_id(order.id).await.unwrap().state, order.state);
        }
        assert_eq!(shop.stock(&sku("TEE-1")).await.unwrap().sold, 2 * round);
        assert_eq!(system.committer_of(&gone()).tail_of(&gone()).len(), 2);
        memory::wait_until("it is shut out by name", || {
            system.quarantine.list().iter().any(|(id, _)| *id == gone())
        })
        .await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_shut_out_is_listed_by_its_id() {
    let mut world = World::new(1);
    world.settings.idle_ms = 0;
    let running = world.open().await;
    let shop = &running.shop;
    shop.create_product(spec(&["TEE-1"], 9), None).await.unwrap();
    let mut orders = vec![];
    for text in ["a", "b", "c"] {
        orders.insert(0, buy(shop, "TEE-1", 1, "tok_approve", text).await.unwrap().id);
    }
    running.rest().await;
    let shut_out = EntityId::Order(orders[1]);
    shop.system().faults.arm(shut_out.clone(), Strike::Replay);
    memory::wait_until("it is quarantined", || {
        shop.system().wake(shut_out.clone());
        !shop.system().quarantine.list().is_empty()
    })
    .await;
    let refused = shop.order_by_id(orders[1]).await.unwrap_err();
    assert!(matches!(refused, Error::Fault(Fault::Quarantined(_))), "{refused:?}");
    let page = shop.orders(None, None, 10).await.unwrap();
    let mut listed: Vec<OrderId> = page.items.iter().map(|order| order.id).collect();
    // Two may have been placed in the same millisecond.
    listed.sort();
    orders.sort();
    assert_eq!(listed, orders);
    running.close().await;
}
