//! The promises of the mail port, to be run on every adapter.
//!
//! Written against `&dyn Mail` and the bytes that arrived: nothing here knows how they travel.

use super::{Error, Letter, Mail, Mailbox};
use crate::{domain::Time, ports::clock::pause};
use std::time::Duration;

pub(crate) fn shop() -> Mailbox {
    Mailbox { name: Some("Doorbuster".to_owned()), address: "shop@shop.example.com".to_owned() }
}

pub(crate) fn letter(id: &str) -> Letter {
    Letter {
        id: id.to_owned(),
        event: "0/4096".to_owned(),
        to: Mailbox { name: None, address: "ana@example.com".to_owned() },
        subject: "Your order".to_owned(),
        language: "en",
        text: "Thank you.\n".to_owned(),
        html: "<p>Thank you.</p>".to_owned(),
        at: Time(1_900_000_000_000),
    }
}

type Arrived<'a> = &'a (dyn Fn() -> Vec<Vec<u8>> + Sync);

/// Every promise, each with letters of its own.
pub(crate) async fn suite(mail: &dyn Mail, arrived: Arrived<'_>) {
    a_letter_arrives_whole(mail, arrived).await;
    the_same_letter_is_the_same_message(mail, arrived).await;
    nothing_that_people_type_is_a_header(mail, arrived).await;
    a_long_letter_arrives_whole(mail, arrived).await;
    who_has_no_address_is_refused(mail, arrived).await;
}

/// What arrived under this id once something has; its news may be slower than the letter.
async fn soon(arrived: Arrived<'_>, id: &str) -> Vec<(String, String)> {
    for _ in 0..1_000 {
        let found = by_id(arrived, id);
        if !found.is_empty() {
            return found;
        }
        pause(Duration::from_millis(10)).await;
    }
    panic!("{id} never arrives");
}

/// The heads and the body of what arrived under this id, one item each time.
fn by_id(arrived: Arrived<'_>, id: &str) -> Vec<(String, String)> {
    let all = arrived().into_iter().map(|bytes| String::from_utf8(bytes).unwrap());
    let all = all.map(|text| {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap();
        (head.to_owned(), body.to_owned())
    });
    let name = format!("Message-ID: <{id}@shop.example.com>");
    all.filter(|(head, _)| head.lines().any(|line| line == name)).collect()
}

async fn a_letter_arrives_whole(mail: &dyn Mail, arrived: Arrived<'_>) {
    mail.send(&letter("whole")).await.unwrap();
    let found = soon(arrived, "whole").await;
    let [(head, body)] = found.as_slice() else { panic!("{found:?}") };
    for line in [
        "From: Doorbuster <shop@shop.example.com>",
        "To: ana@example.com",
        "Subject: Your order",
        "X-Doorbuster-Event: 0/4096",
        "Content-Language: en",
        "Auto-Submitted: auto-generated",
        "Date: Sun, 17 Mar 2030 17:46:40 +0000",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    for part in ["text/plain", "text/html", "\nThank you.\n", "<p>Thank you.</p>"] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

async fn the_same_letter_is_the_same_message(mail: &dyn Mail, arrived: Arrived<'_>) {
    mail.send(&letter("twice")).await.unwrap();
    mail.send(&letter("twice")).await.unwrap();
    let found = soon(arrived, "twice").await;
    let same = |(head, body): &(String, String)| {
        // What servers on the way put in front may differ.
        let ours = head.lines().filter(|line| !line.starts_with("X-Peer:"));
        (ours.map(str::to_owned).collect::<Vec<_>>(), body.clone())
    };
    assert!(found.iter().all(|one| same(one) == same(&found[0])), "{found:?}");
}

async fn nothing_that_people_type_is_a_header(mail: &dyn Mail, arrived: Arrived<'_>) {
    let evil = "Añá\r\nBcc: everybody@example.com\r\n\r\nbody";
    let sent = Letter {
        subject: evil.to_owned(),
        to: Mailbox { name: Some(evil.to_owned()), ..letter("").to },
        event: evil.to_owned(),
        text: "Añá\r\n.\r\nQUIT\r\n".to_owned(),
        ..letter("evil")
    };
    mail.send(&sent).await.unwrap();
    let found = soon(arrived, "evil").await;
    let [(head, _)] = found.as_slice() else { panic!("{found:?}") };
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert!(head.lines().all(str::is_ascii), "{head}");
}

async fn a_long_letter_arrives_whole(mail: &dyn Mail, arrived: Arrived<'_>) {
    let lines: Vec<String> = (0..5_000).map(|n| format!(".line {n}\n")).collect();
    let text = lines.concat();
    mail.send(&Letter { text, ..letter("long") }).await.unwrap();
    let found = soon(arrived, "long").await;
    let [(_, body)] = found.as_slice() else { panic!("not one letter: {}", found.len()) };
    for line in [".line 0", ".line 2500", ".line 4999"] {
        assert!(body.lines().any(|found| found == line), "{line}");
    }
}

async fn who_has_no_address_is_refused(mail: &dyn Mail, arrived: Arrived<'_>) {
    for address in ["", "ana", "ana@", "a b@example.com", "ana@example.com\r\nX: y"] {
        let to = Mailbox { name: None, address: address.to_owned() };
        let sent = mail.send(&Letter { to, ..letter("nobody") }).await;
        assert!(matches!(sent, Err(Error::Refused(_))), "{address:?}: {sent:?}");
    }
    assert_eq!(by_id(arrived, "nobody"), []);
}
