//! What the document says of bare reservations.

use super::Operation;
use crate::{
    domain::{ReservationId, Sku},
    http::{problem::Code, reservations::ReservationBody},
    shop::reservations::{Sale, Wish},
};
use serde_json::{Value, json};
use utoipa::PartialSchema as _;

pub(super) const TAG: &str = "Reservations";

const ID: &str = "res_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3";

fn example() -> Value {
    json!({
        "id": ID,
        "sku": "TEE-RED-S",
        "units": 2,
        "price": {"amount_minor": 2400, "currency": "USD"},
        "status": "reserved",
        "until": "2026-05-01T10:10:00.000Z",
    })
}

fn sold() -> Value {
    json!({
        "id": ID,
        "sku": "TEE-RED-S",
        "units": 2,
        "price": {"amount_minor": 2400, "currency": "USD"},
        "status": "sold",
        "reference": "order 4711",
    })
}

fn one(id: &str, summary: &str, description: &str) -> Operation {
    Operation::new(TAG, id, summary, description)
        .admin()
        .path::<Sku>("sku", "The SKU.", "TEE-RED-S")
        .path::<ReservationId>("id", "Chosen at random by whoever reserves.", ID)
        .refuses([Code::UnknownSku, Code::Invalid, Code::Quarantined])
}

const SAME: [(&str, &str); 2] =
    [("path.sku", "$request.path.sku"), ("path.id", "$request.path.id")];

pub(in crate::http) fn reserve() -> Operation {
    let what = "For services that keep carts of their own: the units are reserved at once, until \
                `until`, and free again then unless they were committed. The id is the service's \
                to choose and names this wish for good: a repeat answers as before, with \
                `Idempotency-Replayed: true`, and never extends `until`; another body is refused. \
                What has expired may be reserved again under the same id, what was released may not.";
    one("reserve", "Reserve units without a cart", what)
        .takes::<Wish>(json!({"units": 2, "buyer": "ana@example.com", "ttl_ms": 600_000}))
        .gives::<ReservationBody>(201, "The reservation.", example())
        .header("Idempotency-Replayed", "`true` when it had been made before.")
        .then("readReservation", "Read it again.", &SAME)
        .then_send("commit", "Sell it.", &SAME, json!({"reference": "order 4711"}))
        .then("release", "Give the units back.", &SAME)
        .refuses([
            Code::TooMuch,
            Code::SoldOut,
            Code::SaleNotOpen,
            Code::SaleClosed,
            Code::LimitPerBuyer,
            Code::NotForSale,
            Code::ReservationLapsed,
            Code::ReservationDiffers,
        ])
}

pub(in crate::http) fn read() -> Operation {
    let what = "While it is live, and for a day after it was committed.";
    one("readReservation", "Read a reservation", what)
        .gives::<ReservationBody>(200, "How it stands.", example())
        .refuses([Code::NotFound])
}

pub(in crate::http) fn release() -> Operation {
    let what = "Its units are free again at once. One that is over, or never was, holds nothing: \
                that is no error.";
    one("release", "Give a reservation's units back", what)
        .answer(204, "It holds nothing.", "", ReservationId::schema(), Value::Null)
        .refuses([Code::AlreadySold])
}

pub(in crate::http) fn commit() -> Operation {
    let what = "The units are sold, under the service's reference, which the ledger shows. A \
                repeat answers as before; another reference is refused. A reservation that holds \
                nothing any more is `reservation-lapsed`: reserve again before money is taken.";
    one("commit", "Sell what is reserved", what)
        .takes::<Sale>(json!({"reference": "order 4711"}))
        .gives::<ReservationBody>(200, "What was sold.", sold())
        .header("Idempotency-Replayed", "`true` when it had been committed before.")
        .then("readReservation", "Read it again.", &SAME)
        .refuses([Code::ReservationLapsed, Code::ReservationDiffers])
}
