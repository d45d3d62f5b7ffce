//! What the document says of `/ws`: how they begin, and in words what goes through.

use super::{
    Operation,
    operation::{ADMIN_TOKEN, ORDER_TOKEN, ORDER_TOKEN_IN_QUERY},
    schemas::Text,
};
use crate::{
    domain::OrderId,
    http::{
        live::{MOST_UNDER_WAY, NAMES},
        problem::Code,
    },
};
use serde_json::Value;
use utoipa::PartialSchema as _;

pub(super) const TAG: &str = "Live";

fn upgraded(operation: Operation) -> Operation {
    operation
        .answer(101, "From here on it speaks WebSocket.", "", Text::schema(), Value::Null)
        .header("Upgrade", "`websocket`.")
        .header("Sec-WebSocket-Accept", "What RFC 6455 makes of the key.")
        .refuses([Code::UpgradeRequired])
}

pub(in crate::http) fn stock() -> Operation {
    let what = "A frame `{\"type\": \"stock\", \"sku\", \"free\", \"reserved\", \"sold\", \
                \"position\"}` for each SKU, then one after each change; a slow client gets the \
                latest. `{\"type\": \"watch\", \"sku\": [...]}` and `unwatch` change what is \
                watched; an unknown SKU answers `{\"type\": \"error\", \"code\": \"unknown-sku\", \
                \"sku\"}`.";
    upgraded(Operation::new(TAG, "watchStock", "Watch stock", what))
        .query::<Text>("sku", "A SKU, as often as wanted; with `@` and a position, from there on.")
}

pub(in crate::http) fn commands() -> Operation {
    let names = NAMES.join("`, `");
    let what = format!(
        "Many commands under way on one socket: a text message `{{\"id\", \"do\", ..., \"body\"}}` \
         each, answered by `{{\"id\", \"status\", \"body\"}}` as soon as it is done, in any order. \
         `id` is a whole number or a text of at most 64 bytes; `do` is one of `{names}`. `body`, \
         `status` and the body of the answer are those of the request that does the same. What a \
         request says in its path and head stands beside the body: `sku`, `order` and `reservation`; \
         `cart_token`, `order_token`, `key` (the Idempotency-Key) and `wait` (seconds, for a \
         checkout). An answer has `cart_token` where a new cart was made, `location`, and \
         `\"replayed\": true`. The admin token is given once, when the socket is opened. At most \
         {MOST_UNDER_WAY} commands are under way on a socket; one more is answered `overloaded`. \
         A message may have 128 KiB."
    );
    upgraded(Operation::new(TAG, "command", "Send commands", &what).admin_if_any())
}

pub(in crate::http) fn order() -> Operation {
    let what = "A frame `{\"type\": \"order\", ...}` with the order now and after each change. A \
                browser, which can't send headers, gives the token as `?token=`.";
    upgraded(Operation::new(TAG, "watchOrder", "Watch an order", what))
        .opened_by(&[ORDER_TOKEN, ORDER_TOKEN_IN_QUERY, ADMIN_TOKEN])
        .path::<OrderId>("id", "The order.", "ord_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3")
        .refuses([Code::TokenRequired, Code::Forbidden, Code::NotFound, Code::Quarantined])
}
