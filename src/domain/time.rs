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

    /// RFC 3339, by hand for the years of four digits since 1970: an order's answer has half a
    /// dozen of these, and the calendar of all ages costs ten times as much.
    fn text(self) -> Option<Text> {
        const YEAR_10_000: u64 = 253_402_300_800_000;
        let ms = u64::try_from(self.0).ok().filter(|ms| *ms < YEAR_10_000)?;
        let (year, month, day) = civil(ms / 86_400_000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, ms / 3_600_000 % 24),
            (14..16, ms / 60_000 % 60),
            (17..19, ms / 1_000 % 60),
            (20..23, ms % 1_000),
        ];
        for (place, mut number) in fields {
            for digit in text.get_mut(place)?.iter_mut().rev() {
                *digit = b'0'.saturating_add(u8::try_from(number % 10).unwrap_or(0));
                number /= 10;
            }
        }
        Some(text)
    }
}

/// `2026-05-01T10:00:00.250Z`
type Text = [u8; 24];

fn as_str(text: &Text) -> &str {
    match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(_) => unreachable!("digits are ASCII"),
    }
}

/// Year, month and day of a day, counted from 1970-01-01. Years begin in March here, so that the
/// leap day is a year's last.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "with years of four digits no number comes near an end of its type"
)]
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.text() {
            return f.write_str(as_str(&text));
        }
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text() {
            _ if !serializer.is_human_readable() => serializer.serialize_i64(self.0),
            Some(text) => serializer.serialize_str(as_str(&text)),
            None => serializer.collect_str(self),
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
    fn every_instant_is_written_as_the_calendar_has_it() {
        let ends = [-1, 0, 951_782_400_000, 4_107_542_399_999, 253_402_300_799_999];
        let beyond = [253_402_300_800_000, -62_135_596_800_000];
        let spread = (0..20_000_i64).map(|n| n.saturating_mul(12_670_115_040));
        for at in ends.into_iter().chain(beyond).chain(spread) {
            let known = DateTime::<Utc>::from_timestamp_millis(at).unwrap();
            let known = known.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(Time(at).to_string(), known);
            assert_eq!(serde_json::to_string(&Time(at)).unwrap(), format!("\"{known}\""));
        }
    }

    #[test]
    fn adding_never_wraps() {
        assert_eq!(Time(i64::MAX - 1).plus_ms(u64::MAX), Time::MAX);
        assert_eq!(Time(5).ms_since(Time(9)), 0);
    }
}
