//! What the document says of orders.

use super::{Operation, operation::ORDER_TOKEN_IN_QUERY, schemas::Text};
use crate::{
    domain::OrderId,
    http::{
        orders::{OrderBody, Parcel},
        problem::Code,
    },
};
use serde_json::{Value, json};

pub(super) const TAG: &str = "Orders";

const ID: &str = "ord_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3";

/// A confirmed order; `placed` as its checkout answers.
pub(super) fn example(placed: bool) -> Value {
    let (status, payment) = if placed { ("placed", "none") } else { ("confirmed", "captured") };
    let mut order = json!({
        "id": ID,
        "status": status,
        "payment_status": payment,
        "needs_review": false,
        "items": [{
            "sku": "TEE-RED-S",
            "title": "Harbour Tee, Red, S",
            "units": 1,
            "price": {"amount_minor": 2400, "currency": "USD"},
            "total": {"amount_minor": 2400, "currency": "USD"},
        }],
        "total": {"amount_minor": 2400, "currency": "USD"},
        "gift": null,
        "returns": [],
        "timeline": [{"at": "2026-05-01T10:01:12.250Z", "what": "placed"}],
    });
    if let (true, Some(fields)) = (placed, order.as_object_mut()) {
        let token = format!("{ID}.5d41402abc4b2a76b9719d911017c592");
        fields.insert("access_token".to_owned(), token.into());
    }
    order
}

fn one(operation: Operation) -> Operation {
    let named = operation.path::<OrderId>("id", "The order.", ID);
    named.refuses([Code::NotFound, Code::Quarantined])
}

pub(in crate::http) fn list() -> Operation {
    let what = "Newest first. One that can't be read at the moment is listed as `quarantined`.";
    Operation::new(TAG, "listOrders", "List orders", what)
        .admin()
        .query::<Text>("email", "Only this buyer's.")
        .lists::<OrderBody>("A page of orders.", &example(false))
        .then("readOrder", "Read one of them.", &[("path.id", "$response.body#/items/0/id")])
}

pub(in crate::http) fn read() -> Operation {
    let what = "Its buyer and the admin may.";
    let order = Operation::new(TAG, "readOrder", "Read an order", what).order();
    one(order.opened_by(&[ORDER_TOKEN_IN_QUERY])).gives::<OrderBody>(
        200,
        "The order as it is now.",
        example(false),
    )
}

pub(in crate::http) fn cancel() -> Operation {
    let what = "What was authorised is voided, what was captured refunded. An order that is over \
                already stays as it is.";
    one(Operation::new(TAG, "cancelOrder", "Call an order off", what).order())
        .keyed(false)
        .gives::<OrderBody>(200, "It is settled.", example(false))
        .gives::<OrderBody>(202, "Money is still moving.", example(false))
        .refuses([Code::TooLate])
}

pub(in crate::http) fn take_back() -> Operation {
    let what = "Units that a buyer sent back, a few at a time or all at once; what they cost is \
                refunded.";
    let parcel = json!({
        "items": [{"sku": "TEE-RED-S", "units": 1}],
        "reason": "too small",
        "restock": true,
    });
    let mut order = example(false);
    if let Some(returns) = order.get_mut("returns") {
        *returns = json!([{
            "number": 1,
            "at": "2026-05-08T09:30:00.000Z",
            "items": [{"sku": "TEE-RED-S", "units": 1}],
            "amount": {"amount_minor": 2400, "currency": "USD"},
            "reason": "too small",
            "refunded": true,
        }]);
    }
    one(Operation::new(TAG, "takeBack", "Take sold units back", what).admin())
        .keyed(true)
        .takes::<Parcel>(parcel)
        .gives::<OrderBody>(201, "The money is back.", order.clone())
        .gives::<OrderBody>(202, "Money is still moving.", order)
        .refuses([Code::NotReturnable])
}

pub(in crate::http) fn retry() -> Operation {
    let what = "Tries a payment step that has failed so far at once, instead of at its next turn.";
    one(Operation::new(TAG, "retryOrder", "Retry an order's payment step", what).admin())
        .gives::<OrderBody>(200, "The order as it is now.", example(false))
}
