//! From stock to confirmed order, and the ways that end elsewhere.

use super::*;

async fn a_unit_is_bought(shards: usize) {
    let house = House::new(shards, Settings::default()).await;
    let shop = house.shop();
    shop.create_product(spec(&["TEE-1", "TEE-2", "TEE-3"], 5), None).await.unwrap();
    let order = buy(&shop, "TEE-2", 2, "tok_approve", "k").await.unwrap();
    assert_eq!(order.state.status(), Status::Confirmed);
    assert_eq!(order.state.payment(), order::Payment::Captured);
    let stock = shop.stock(&sku("TEE-2")).await.unwrap();
    assert_eq!((stock.on_hand, stock.reserved, stock.sold, stock.free), (3, 0, 2, 3));
    drop(shop);
    let house = house.reopen().await;
    let shop = house.shop();
    let again = shop.order_by_id(order.id).await.unwrap();
    assert_eq!(again.state, order.state);
    let stock = shop.stock(&sku("TEE-2")).await.unwrap();
    assert_eq!((stock.on_hand, stock.reserved, stock.sold, stock.free), (3, 0, 2, 3));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_is_bought_on_one_shard() {
    a_unit_is_bought(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_is_bought_on_three_shards() {
    a_unit_is_bought(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_shoppers_get_every_one_of_fifty_units() {
    let house = House::new(3, Settings::default()).await;
    let shop = house.shop();
    shop.create_product(spec(&["DROP"], 50), None).await.unwrap();
    let shoppers = (0..100).map(|n| {
        let shop = shop.clone();
        tokio::spawn(async move { buy(&shop, "DROP", 1, "tok_approve", &n.to_string()).await })
    });
    let shoppers: Vec<_> = shoppers.collect();
    let (mut bought, mut refused) = (0, 0);
    for shopper in shoppers {
        match shopper.await.unwrap() {
            Ok(order) => {
                assert_eq!(order.state.status(), Status::Confirmed);
                bought += 1;
            }
            Err(Error::Sku(Refusal::SoldOut { free: 0 })) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((bought, refused), (50, 50));
    house.close().await;
}
