//! What the document says of operation.

use super::{Operation, schemas::Text};
use crate::{
    http::{
        operate::{Quarantined, Released, Wellbeing},
        problem::Code,
    },
    journal::backup::Cut,
};
use serde_json::json;
use utoipa::PartialSchema as _;

pub(super) const TAG: &str = "Operation";

pub(in crate::http) fn alive() -> Operation {
    let what = "200 as soon as the process listens, also while it still reads its log.";
    Operation::new(TAG, "checkAlive", "Is the process alive?", what)
        .always_answers()
        .gives::<Wellbeing>(200, "It is.", json!({"status": "alive"}))
}

pub(in crate::http) fn ready() -> Operation {
    let what = "200 when the log has been read and takes entries.";
    Operation::new(TAG, "checkReady", "Is the shop open?", what).gives::<Wellbeing>(
        200,
        "It is.",
        json!({"status": "ready"}),
    )
}

pub(in crate::http) fn metrics() -> Operation {
    let example = "doorbuster_events_total 1234\n";
    Operation::new(TAG, "readMetrics", "How is it doing?", "In the text format of Prometheus.")
        .answer(200, "Counts and gauges.", "text/plain", Text::schema(), json!(example))
        .refuses([Code::NotFound])
}

pub(in crate::http) fn quarantined() -> Operation {
    let what = "Entities whose events do not apply: each is shut out alone.";
    let one = json!({"entity": "sku:TEE-RED-S", "why": "entry 7 at 4096 does not apply"});
    Operation::new(TAG, "listQuarantined", "Who is shut out?", what)
        .admin()
        .lists::<Quarantined>("A page of entities.", &one)
        .then(
            "releaseEntity",
            "Let it in again.",
            &[("path.entity", "$response.body#/items/0/entity")],
        )
}

pub(in crate::http) fn cut() -> Operation {
    let what = "For a backup: whoever copies each log up to its position has one instant of all.";
    let example = json!({
        "id": "cut_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3",
        "at": "2026-05-01T10:01:12.250Z",
        "shards": [{"position": 81920, "epoch": 3, "hash": "0".repeat(64)}],
        "books": [{"name": "payments.jsonl", "bytes": 4096}],
    });
    Operation::new(TAG, "cutLogs", "Where do all logs end now?", what).admin().gives::<Cut>(
        200,
        "One instant.",
        example,
    )
}

pub(in crate::http) fn release() -> Operation {
    let what = "For a program that can read its events.";
    Operation::new(TAG, "releaseEntity", "Let an entity in again", what)
        .admin()
        .path::<Text>("entity", "`sku:` and a SKU, or an id.", "sku:TEE-RED-S")
        .gives::<Released>(200, "It may act.", json!({"entity": "sku:TEE-RED-S", "released": true}))
        .refuses([Code::NotFound])
}
