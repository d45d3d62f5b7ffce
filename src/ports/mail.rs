//! Letters to people outside: SMTP, a folder of .eml files, or memory for tests.
//!
//! Invariant: a letter's id is the same however often it is sent, so whoever gets it twice can
//! tell; what a person typed never becomes a header of its own.

#[cfg(test)]
mod contract;
pub mod folder;
mod format;
pub mod memory;
pub mod smtp;

pub use folder::Folder;
pub use memory::Memory;
pub use smtp::Smtp;

use crate::domain::Time;
use futures_util::future::BoxFuture;
use std::{fmt, str::FromStr as _};

/// One letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What stands before the `@` of its Message-ID: of the letter, not of the attempt.
    pub id: String,
    /// The event it tells of, as `shard/position`.
    pub event: String,
    /// Whom it is for.
    pub to: Mailbox,
    /// One line.
    pub subject: String,
    /// The language tag of its texts.
    pub language: &'static str,
    /// As plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// When it happened.
    pub at: Time,
}

/// Why a letter was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This letter will never be taken.
    #[error("refused: {0}")]
    Refused(String),
    /// The server answered that this letter may be taken later.
    #[error("not now: {0}")]
    Later(String),
    /// Nobody can say: no connection, no answer, no login, a full disk.
    #[error("out of reach: {0}")]
    Unreachable(String),
}

/// Whoever takes letters.
pub trait Mail: Send + Sync + 'static {
    /// Hands a letter over; once this returns it is the other's. An error may hide that it was
    /// taken all the same.
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Error>>;
}

/// A person's name and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// As it is shown, if there is one.
    pub name: Option<String>,
    /// `somebody@example.com`.
    pub address: String,
}

impl Mailbox {
    /// The one address in `text`, be it bare or as in `Ana <ana@example.com>`; the name is what
    /// stands before it. `None` without an address, and when there are several.
    #[must_use]
    pub fn find(text: &str) -> Option<Mailbox> {
        let apart = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;\"'".contains(c);
        let mut words = text.split(apart).filter(|word| word.contains('@'));
        let (address, None) = (words.next()?, words.next()) else { return None };
        let address = address.strip_prefix("mailto:").unwrap_or(address);
        lettre::Address::from_str(address).ok().filter(|address| address.domain().contains('.'))?;
        let before = text.split(address).next().unwrap_or_default();
        let name = format::one_line(before.trim_end_matches("mailto:"));
        let name = name.trim_matches(|c: char| c.is_whitespace() || "<([\"',;:".contains(c));
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        Some(Mailbox { name, address: address.to_owned() })
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.rsplit_once('@').map_or("localhost", |(_, host)| host)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// Where letters go, as an operator sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// `.eml` files in the store's own folder for them.
    #[default]
    Files,
    /// A server.
    Smtp(smtp::Server),
}

impl Route {
    /// Reads `files`, `smtp://…` or `smtps://…`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Route, String> {
        if text == "files" {
            return Ok(Route::Files);
        }
        smtp::Server::parse(text).map(Route::Smtp)
    }
}

/// As it may be shown: without a password.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Files => f.write_str("files"),
            Route::Smtp(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_found_in_what_people_write() {
        let find = |text| Mailbox::find(text).map(|found| (found.name, found.address));
        let ana = "ana@example.com".to_owned();
        for bare in ["ana@example.com", " ana@example.com\n", "<ana@example.com>"] {
            assert_eq!(find(bare), Some((None, ana.clone())), "{bare:?}");
        }
        for (text, name) in [
            ("Ana <ana@example.com>", "Ana"),
            ("\"Ana Bell\" <ana@example.com>", "Ana Bell"),
            ("Ana ana@example.com", "Ana"),
            ("Añá, mailto:ana@example.com", "Añá"),
            ("Ana\r\nBcc: x <ana@example.com>", "Ana  Bcc: x"),
        ] {
            assert_eq!(find(text), Some((Some(name.to_owned()), ana.clone())), "{text:?}");
        }
        for none in ["", "Ana", "@", "ana@", "ana@localhost", "a@b.co c@d.co", "a@b@c.co"] {
            assert_eq!(find(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_route_shows_no_password() {
        assert_eq!(Route::parse("files"), Ok(Route::Files));
        let route = Route::parse("smtp://ana:geheim@mail.example.com:2525?tls=required").unwrap();
        let shown = format!("{route} {route:?}");
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(shown.contains("mail.example.com") && shown.contains("2525"), "{shown}");
    }
}
