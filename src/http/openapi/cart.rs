//! What the document says of carts and their checkout.

use super::{Operation, orders::example as order, schemas::Text};
use crate::{
    domain::Sku,
    http::{
        cart::{CartBody, Units, Wish},
        orders::OrderBody,
        problem::Code,
    },
    shop::orders::Details,
};
use serde_json::{Value, json};

pub(super) const TAG: &str = "Cart";

/// Why units may not be had.
const NOT_TO_BE_HAD: [Code; 10] = [
    Code::TooMuch,
    Code::UnknownSku,
    Code::SoldOut,
    Code::SaleNotOpen,
    Code::SaleClosed,
    Code::LimitPerBuyer,
    Code::NotForSale,
    Code::MixedCurrencies,
    Code::CartClosed,
    Code::Quarantined,
];

const OF_THE_ANSWER: (&str, &str) = ("header.Cart-Token", "$response.header.Cart-Token");

fn example() -> Value {
    json!({
        "id": "cart_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3",
        "items": [{
            "sku": "TEE-RED-S",
            "title": "Harbour Tee, Red, S",
            "units": 1,
            "price": {"amount_minor": 2400, "currency": "USD"},
            "total": {"amount_minor": 2400, "currency": "USD"},
            "reserved_until": "2026-05-01T10:10:00.000Z",
        }],
        "total": {"amount_minor": 2400, "currency": "USD"},
    })
}

fn item(operation: Operation) -> Operation {
    operation.cart().path::<Sku>("sku", "The line's SKU.", "TEE-RED-S")
}

pub(in crate::http) fn add() -> Operation {
    let what = "Reserves the units at once, until `reserved_until`; a later add to the same line \
                does not extend it. The first successful add of a guest makes a cart and answers \
                with its key, as header and as cookie. Without a cart the Idempotency-Key is not \
                honoured: there is no caller yet whose key it could be.";
    Operation::new(TAG, "addToCart", "Add units to the cart", what)
        .cart_if_any()
        .keyed(false)
        .takes::<Wish>(json!({"sku": "TEE-RED-S", "units": 1}))
        .gives::<CartBody>(200, "The cart as it is now.", example())
        .header("Cart-Token", "The key to a cart that was made by this add.")
        .header("Set-Cookie", "The same key, for browsers.")
        .then("readCart", "Read the cart.", &[OF_THE_ANSWER])
        .then_send(
            "setUnits",
            "Change the line.",
            &[OF_THE_ANSWER, ("path.sku", "$request.body#/sku")],
            json!({"units": 2}),
        )
        .then(
            "removeItem",
            "Take the line out.",
            &[OF_THE_ANSWER, ("path.sku", "$request.body#/sku")],
        )
        .then_send("checkOut", "Make an order of it.", &[OF_THE_ANSWER], checkout())
        .refuses(NOT_TO_BE_HAD)
}

pub(in crate::http) fn set() -> Operation {
    let what = "0 removes the line. A line that has lapsed is reserved again, at today's price.";
    item(Operation::new(TAG, "setUnits", "Set a line's units", what))
        .takes::<Units>(json!({"units": 2}))
        .gives::<CartBody>(200, "The cart as it is now.", example())
        .refuses(NOT_TO_BE_HAD)
}

pub(in crate::http) fn remove() -> Operation {
    let what = "Its units are free again at once.";
    item(Operation::new(TAG, "removeItem", "Take a line out of the cart", what))
        .gives::<CartBody>(200, "The cart as it is now.", example())
        .refuses([Code::UnknownSku, Code::CartClosed, Code::Quarantined])
}

pub(in crate::http) fn read() -> Operation {
    let what = "A line whose reservation is over stays visible, with `reserved_until` null.";
    Operation::new(TAG, "readCart", "Read the cart", what)
        .cart()
        .gives::<CartBody>(200, "The cart as it is now.", example())
        .refuses([Code::Quarantined])
}

fn checkout() -> Value {
    json!({
        "email": "ana@example.com",
        "address": {
            "name": "Ana Diaz",
            "line1": "1 Harbour Street",
            "city": "Springfield",
            "postal_code": "12345",
            "country": "US",
        },
        "payment": {"method": "card", "token": "tok_approve"},
    })
}

pub(in crate::http) fn check_out() -> Operation {
    let what = "Takes over all reserved units into an order and answers when it is durable, with \
                `Prefer: wait=SECONDS` when it is settled, if that is sooner. The simulator of \
                payments knows `tok_approve`, `tok_decline`, `tok_slow`, `tok_unavailable`, \
                `tok_unknown` and `tok_capture_fails`.";
    Operation::new(TAG, "checkOut", "Make an order of the cart", what)
        .cart()
        .keyed(true)
        .hears::<Text>("Prefer", "`wait=SECONDS`, at most 30, until it is settled.", "wait=2")
        .takes::<Details>(checkout())
        .gives::<OrderBody>(201, "The order, with the token that opens it.", order(true))
        .header("Location", "Where the order can be read.")
        .header("Preference-Applied", "The wait that was granted.")
        .then(
            "readOrder",
            "See what became of it.",
            &[
                ("path.id", "$response.body#/id"),
                ("header.Order-Token", "$response.body#/access_token"),
            ],
        )
        .then(
            "cancelOrder",
            "Call it off.",
            &[
                ("path.id", "$response.body#/id"),
                ("header.Order-Token", "$response.body#/access_token"),
            ],
        )
        .then("retryOrder", "Help it along.", &[("path.id", "$response.body#/id")])
        .then(
            "watchOrder",
            "Hear of each change.",
            &[
                ("path.id", "$response.body#/id"),
                ("header.Order-Token", "$response.body#/access_token"),
            ],
        )
        .refuses(NOT_TO_BE_HAD)
        .refuses([Code::CartEmpty, Code::ReservationLapsed])
}
