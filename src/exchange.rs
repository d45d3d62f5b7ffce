//! Products and orders as files: what other platforms, spreadsheets and accountants read.
//!
//! [`products`] speaks the product CSV of the largest hosted platform in both directions, [`orders`]
//! writes orders; [`shelf`] is where products go, be it a stopped store or a running server.
//! Invariant: whatever a file can't bring in is reported with its place, and the rest goes in.

pub mod api;
pub mod export;
pub mod import;
pub mod orders;
pub mod output;
pub mod products;
pub mod report;
pub mod sheet;
pub mod shelf;
pub mod stopped;

/// Why nothing can be done at all: in words, with what to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    /// From whatever says it.
    pub fn new(why: impl Into<String>) -> Error {
        Error(why.into())
    }
}
