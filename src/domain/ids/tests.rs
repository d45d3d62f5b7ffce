//! What ids promise.

use super::*;
use crate::domain::Time;

#[test]
fn a_sku_keeps_its_rules() {
    for good in ["A", "BANK CHARGES", "tee/s-red", "größe", &"x".repeat(64)] {
        assert_eq!(Sku::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", " A", "A ", "A\nB", "A@1", &"x".repeat(65)] {
        assert_eq!(Sku::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn an_order_routes_with_its_cart() {
    let cart = CartId(Uuid::from_u128(0xdead_beef_0000_0000_0000_0000_0000_0001));
    let command = CommandId(Uuid::from_u128(7));
    let order = OrderId::of(cart, command, 0);
    assert_eq!(EntityId::from(order).routing_key(), EntityId::from(cart).routing_key());
    assert_ne!(order, OrderId::of(cart, command, 1));
    assert_eq!(order, OrderId::of(cart, command, 0));
}

#[test]
fn carts_and_their_orders_are_kept_by_the_time_they_were_made() {
    let random = |n: u128| Uuid::from_u128(n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060));
    let made =
        |at: u32| CartId::made(Time(1_800_000_000_000 + i64::from(at)), random(u128::from(at) + 1));
    let carts: Vec<CartId> = (0..1_000).map(made).collect();
    let order = |cart: &CartId| OrderId::of(*cart, CommandId(Uuid::from_u128(7)), 0);
    let carts_kept: Vec<EntityId> = carts.iter().map(|cart| (*cart).into()).collect();
    let orders_kept: Vec<EntityId> = carts.iter().map(|cart| order(cart).into()).collect();
    for kept in [carts_kept, orders_kept] {
        assert!(kept.is_sorted_by_key(EntityId::place));
        for id in kept {
            assert_eq!(EntityId::from_place(id.kind(), &id.place()), Some(id.clone()));
        }
    }
    assert_eq!(EntityId::from_place(Kind::Cart, &[1]), None);
}

#[test]
fn a_handle_is_the_same_product_for_ever() {
    let tee = ProductId::of_handle("tee").to_string();
    assert_eq!(tee, "prod_89c4db2cba345bfa8c10e87b904b8208");
    assert_ne!(tee, ProductId::of_handle("teé").to_string());
}

#[test]
fn entities_read_what_they_write() {
    let ids = [
        EntityId::Sku(Sku::parse("A B").unwrap()),
        EntityId::Cart(CartId(Uuid::from_u128(1))),
        EntityId::Order(OrderId(Uuid::from_u128(2))),
        EntityId::Product(ProductId(Uuid::from_u128(3))),
        EntityId::Post(PostId::routed_by(4)),
    ];
    for id in ids {
        assert_eq!(EntityId::parse(&id.to_string()), Some(id.clone()));
        assert_eq!(EntityId::from_parts(id.kind(), id.bytes()), Some(id));
    }
}
