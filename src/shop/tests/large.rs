//! Carts as large as they may be: what can be put in can be bought, and can come back.

use super::{memory::World, *};
use crate::domain::{cart, order::Back};

const VARIANTS: usize = 200;

/// A SKU of 64 bytes.
fn long_sku(number: usize) -> Sku {
    sku(&format!("{number:064}"))
}

/// Makes products with so many variants in all, each of whose lines is called something of this
/// many bytes.
async fn stock_up(shop: &Shop, variants: usize, title_bytes: usize) {
    for first in (0..variants).step_by(VARIANTS) {
        let mut large = spec(&["X"], 9);
        large.title = "T".repeat(title_bytes.min(500) / 2);
        let rest = title_bytes - large.title.len() - 2;
        let like = large.variants.remove(0);
        // Of four bytes a character, where it can be: limits in characters are not in bytes.
        let title = "🂡".repeat(rest / 4) + &"x".repeat(rest % 4);
        let variant =
            |number| Variant { sku: long_sku(number), title: title.clone(), ..like.clone() };
        large.variants = (first..first + VARIANTS).map(variant).collect();
        shop.create_product(large, None).await.unwrap();
    }
}

/// Fills a cart with what it takes of so many SKUs, buys it, and returns how many lines it had.
async fn fill_and_buy(lines: usize, title_bytes: usize) -> usize {
    let world = World::new(1);
    let running = world.open().await;
    running.stop_the_clock();
    let shop = &running.shop;
    stock_up(shop, lines, title_bytes).await;
    let cart = shop.add_to_cart(None, &long_sku(0), 1, None).await.unwrap().id;
    let mut filled = 1;
    for number in 1..lines {
        match shop.add_to_cart(Some(cart), &long_sku(number), 1, None).await {
            Ok(_) => filled += 1,
            Err(error) => {
                assert_eq!(error, Error::Cart(cart::Refusal::OutOfRange));
                break;
            }
        }
    }
    let order = shop.check_out(cart, &details("tok_approve"), key("k"), None).await.unwrap();
    let order = shop.wait_settled(order.id).await.unwrap();
    assert_eq!(order.state.status(), Status::Confirmed);
    assert_eq!(order.state.placement().unwrap().items.len(), filled);
    assert_eq!(running.books().reserved(), 0, "what the cart refused is nobody's");
    let items = order.state.placement().unwrap().items.iter();
    let items = items.map(|item| Back { sku: item.sku.clone(), units: item.units }).collect();
    let returned = Returned { items, reason: None, restock: true };
    shop.return_units(order.id, returned, key("r")).await.unwrap();
    let order = shop.wait_settled(order.id).await.unwrap();
    let standing = (order.state.status(), order.state.payment());
    assert_eq!(standing, (Status::Returned, order::Payment::Refunded), "and all of it comes back");
    running.close().await;
    filled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_lines_with_long_names_are_one_order() {
    assert_eq!(fill_and_buy(cart::MAX_LINES, 198).await, cart::MAX_LINES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_takes_no_more_text_than_an_order_can_carry() {
    let filled = fill_and_buy(400, 1_440).await;
    assert!((100..400).contains(&filled), "{filled} lines");
}
