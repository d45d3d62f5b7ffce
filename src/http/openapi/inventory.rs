//! What the document says of stock.

use super::Operation;
use crate::{
    domain::Sku,
    http::{
        inventory::{Adjustment, InventoryBody, LowStock, Receipt, SaleTerms, Transfer, WriteOff},
        problem::Code,
    },
    views::ledger::Movement,
};
use serde_json::{Value, json};

pub(super) const TAG: &str = "Inventory";

fn example() -> Value {
    json!({
        "sku": "TEE-RED-S",
        "on_hand": 400,
        "reserved": 12,
        "sold": 31,
        "free": 388,
        "low_stock_at": 20,
        "sale": null,
        "locations": [{"location": "main", "on_hand": 400}],
        "position": 81920,
    })
}

fn one(operation: Operation) -> Operation {
    operation
        .path::<Sku>("sku", "The SKU.", "TEE-RED-S")
        .refuses([Code::UnknownSku, Code::Quarantined])
}

/// Something that moves units.
fn moving(id: &str, summary: &str, description: &str) -> Operation {
    one(Operation::new(TAG, id, summary, description).admin().keyed(false))
        .gives::<InventoryBody>(201, "The stock as it is now.", example())
        .then("readStock", "Read it again.", &[("path.sku", "$request.path.sku")])
        .then("listMovements", "Find it in the ledger.", &[("path.sku", "$request.path.sku")])
}

/// Something that sets terms.
fn setting(id: &str, summary: &str, description: &str) -> Operation {
    one(Operation::new(TAG, id, summary, description).admin())
        .gives::<InventoryBody>(200, "The stock as it is now.", example())
        .then("readStock", "Read it again.", &[("path.sku", "$request.path.sku")])
}

pub(in crate::http) fn read() -> Operation {
    let what = "`free` is what may be reserved. `position` can be given to `/ws/stock` to go on \
                from here.";
    one(Operation::new(TAG, "readStock", "Read a SKU's stock", what)).gives::<InventoryBody>(
        200,
        "The stock as it is now.",
        example(),
    )
}

pub(in crate::http) fn movements() -> Operation {
    let what = "Every receipt, reservation, sale and so on, newest first.";
    let line = json!({
        "position": 81920,
        "at": "2026-05-01T10:01:12.250Z",
        "by": "admin",
        "kind": "receipt",
        "units": 25,
        "location": "main",
        "reason": "delivery 4711",
    });
    one(Operation::new(TAG, "listMovements", "Read a SKU's ledger", what).admin())
        .lists::<Movement>("A page of the ledger.", &line)
}

pub(in crate::http) fn receive() -> Operation {
    moving("receiveUnits", "Receive units", "Units that came in are free at once.")
        .takes::<Receipt>(json!({"units": 25, "reference": "delivery 4711"}))
        .refuses([Code::TooMuch])
}

pub(in crate::http) fn adjust() -> Operation {
    moving("adjustUnits", "Correct a count", "Adds or takes away what was counted wrongly.")
        .takes::<Adjustment>(json!({"units": -2, "reason": "counted again"}))
        .refuses([Code::WouldGoNegative, Code::TooMuch])
}

pub(in crate::http) fn transfer() -> Operation {
    moving("transferUnits", "Move units", "From one location to another one.")
        .takes::<Transfer>(json!({"units": 5, "from": "main", "to": "shop window"}))
        .refuses([Code::WouldGoNegative])
}

pub(in crate::http) fn write_off() -> Operation {
    moving("writeOffUnits", "Write units off", "What was lost, broken or given away.")
        .takes::<WriteOff>(json!({"units": 1, "reason": "broken"}))
        .refuses([Code::WouldGoNegative])
}

pub(in crate::http) fn set_low_stock() -> Operation {
    setting("setLowStock", "Set when stock is low", "0 is never.")
        .takes::<LowStock>(json!({"units": 20}))
}

pub(in crate::http) fn set_sale() -> Operation {
    let what = "From `opens_at` up to, and not including, `closes_at` a unit costs `price`; \
                before and afterwards it can't be had. `units_per_buyer` counts what a buyer \
                reserves and buys over the whole sale.";
    setting("setSale", "Set a flash sale", what)
        .takes::<SaleTerms>(json!({
            "opens_at": "2026-05-01T10:00:00Z",
            "closes_at": "2036-05-01T10:00:00Z",
            "price": {"amount_minor": 1900, "currency": "USD"},
            "units_per_buyer": 2,
        }))
        .refuses([Code::MixedCurrencies])
}

pub(in crate::http) fn end_sale() -> Operation {
    setting("endSale", "End a flash sale", "The SKU is sold at its usual price again.")
}
