//! A run without a verdict: the shop could not be asked for its books when the run was over.
//!
//! What was seen until then is worth having all the same. Invariant: it never reads as a pass.

use super::{desk, report::Report};
use serde::Serialize;
use std::fmt;

/// What a run saw before its shop went away. `Display` is for people, `Serialize` the same for
/// machines.
#[derive(Debug, Serialize)]
pub struct Unjudged {
    /// Why there is no verdict.
    pub unjudged: String,
    /// Orders that buyers were told are confirmed.
    pub told_confirmed: usize,
    /// Latencies, refusals by code, throughput.
    pub report: Report,
}

impl Unjudged {
    /// The end of a run that `why` kept from being judged.
    pub fn error(why: &desk::Error, told_confirmed: usize, report: Report) -> desk::Error {
        let unjudged = why.to_string();
        desk::Error::Unjudged(Box::new(Unjudged { unjudged, told_confirmed, report }))
    }
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unjudged { unjudged, told_confirmed, report } = self;
        writeln!(f, "{report}\n")?;
        writeln!(f, "{told_confirmed} orders were told confirmed")?;
        write!(f, "NOT judged, the books can't be read: {unjudged}")
    }
}
