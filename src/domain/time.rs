//! Instants in the shop's time: milliseconds since the Unix epoch, UTC.
//!
//! Machines compare and add instants but never ask for one: `now` comes in with the context.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z. In JSON an RFC 3339 string, in the
/// log a plain integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Later than any deadline.
    pub const MAX: Time = Time(i64::MAX);

    /// The instant `ms` milliseconds later; stays at the end of time instead of wrapping.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Time {
        Time(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this instant, 0 when it is not later.
    #[must_use]
    pub fn ms_since(self, earlier: Time) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// Reads RFC 3339, any offset; `None` when it is not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Time> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| Time(at.timestamp_millis()))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Time::parse(&text).ok_or_else(|| D::Error::custom("expected an RFC 3339 time"))
        } else {
            i64::deserialize(deserializer).map(Time)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_what_it_writes() {
        let at = Time::parse("2026-05-01T12:00:00.250+02:00").unwrap();
        assert_eq!(at.to_string(), "2026-05-01T10:00:00.250Z");
        assert_eq!(Time::parse(&at.to_string()), Some(at));
    }

    #[test]
    fn adding_never_wraps() {
        assert_eq!(Time(i64::MAX - 1).plus_ms(u64::MAX), Time::MAX);
        assert_eq!(Time(5).ms_since(Time(9)), 0);
    }
}
