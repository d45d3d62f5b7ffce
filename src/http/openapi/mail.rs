//! What the document says of letters.

use super::{Operation, schemas::Text};
use crate::http::{
    mail::{DeadBody, ResendBody},
    problem::Code,
};
use serde_json::json;

pub(super) const TAG: &str = "Mail";

const ID: &str = "mail_0-40960-confirmation";

pub(in crate::http) fn dead() -> Operation {
    let what = "Letters that a mail server refused, or that could not be sent for long.";
    let letter = json!({
        "id": ID,
        "order": "ord_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3",
        "kind": "confirmation",
        "to": "ana@example.com",
        "attempts": 1,
        "last_error": "550 no such mailbox",
        "at": "2026-05-01T10:01:12.250Z",
    });
    Operation::new(TAG, "listDeadLetters", "Which letters were given up?", what)
        .admin()
        .lists::<DeadBody>("A page of letters.", &letter)
        .then("resendLetter", "Send it again.", &[("path.id", "$response.body#/items/0/id")])
}

pub(in crate::http) fn resend() -> Operation {
    let what = "As if it had never been tried. One that is no longer dead stays as it is.";
    Operation::new(TAG, "resendLetter", "Send a letter again", what)
        .admin()
        .keyed(false)
        .path::<Text>("id", "The letter.", ID)
        .gives::<ResendBody>(202, "It is tried again.", json!({"id": ID, "status": "resending"}))
        .refuses([Code::NotFound])
}
