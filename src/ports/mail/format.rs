//! A letter as bytes on the wire: the same for every adapter.
//!
//! Invariant: the same letter makes the same bytes.

use super::{Error, Letter, Mailbox};
use lettre::{
    Address, Message,
    message::{
        self, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use std::time::{Duration, SystemTime};

/// The longest subject, in characters.
const MOST_SUBJECT: usize = 200;

/// A line of its own can't begin in what this returns.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The Message-ID, without its brackets.
pub(super) fn message_id(letter: &Letter, from: &Mailbox) -> String {
    format!("{}@{}", letter.id, from.host())
}

/// The letter with its head and both texts.
///
/// # Errors
/// `Refused` when somebody's address is none.
pub(super) fn message(letter: &Letter, from: &Mailbox) -> Result<Message, Error> {
    let id = message_id(letter, from);
    let at = Duration::from_millis(u64::try_from(letter.at.0).unwrap_or(0));
    let subject: String = one_line(&letter.subject).chars().take(MOST_SUBJECT).collect();
    let texts = MultiPart::alternative()
        .boundary(format!("=_{}", blake3::hash(id.as_bytes()).to_hex()))
        .singlepart(part(ContentType::TEXT_PLAIN, &letter.text))
        .singlepart(part(ContentType::TEXT_HTML, &letter.html));
    let message = Message::builder()
        .from(mailbox(from)?)
        .to(mailbox(&letter.to)?)
        .subject(subject)
        .message_id(Some(format!("<{id}>")))
        .date(SystemTime::UNIX_EPOCH + at)
        .raw_header(header("X-Doorbuster-Event", &letter.event))
        .raw_header(header("Content-Language", letter.language))
        // Nobody's holiday notice is wanted in return (RFC 3834).
        .raw_header(header("Auto-Submitted", "auto-generated"));
    message.multipart(texts).map_err(|error| Error::Refused(error.to_string()))
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder().header(kind).body(text.to_owned())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), one_line(value))
}

fn mailbox(person: &Mailbox) -> Result<message::Mailbox, Error> {
    let address: Result<Address, _> = person.address.parse();
    let address = address
        .map_err(|error| Error::Refused(format!("`{}` is no address: {error}", person.address)))?;
    Ok(message::Mailbox::new(person.name.as_deref().map(one_line), address))
}
