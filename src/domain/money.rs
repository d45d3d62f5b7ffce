//! Money as integer minor units with a currency; all arithmetic is checked.
//!
//! A sum that does not fit is `None`, never a wrap and never a panic: the machine that adds
//! refuses the command.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// What most shops take. Looking through the whole list takes as long as reading the rest of an
/// event, and every event with a price is read several times.
const USUAL: [&str; 8] = ["USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "CNY"];

/// An ISO 4217 currency code, three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// `None` when ISO 4217 does not list the code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Currency> {
        if !USUAL.contains(&code) {
            iso_currency::Currency::from_code(code)?;
        }
        code.as_bytes().try_into().ok().map(Currency)
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        match std::str::from_utf8(&self.0) {
            Ok(code) => code,
            Err(_) => unreachable!("a currency is made by `parse`, of three letters"),
        }
    }

    /// Digits behind the decimal point: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(&self) -> u16 {
        iso_currency::Currency::from_code(self.code())
            .and_then(iso_currency::Currency::exponent)
            .unwrap_or(2)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;
        impl serde::de::Visitor<'_> for Code {
            type Value = Currency;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ISO 4217 currency code such as USD")
            }
            fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<Currency, E> {
                Currency::parse(code)
                    .ok_or_else(|| E::custom(format_args!("`{code}` is no ISO 4217 currency")))
            }
        }
        deserializer.deserialize_str(Code).map_err(D::Error::custom)
    }
}

/// An amount in the currency's minor unit (cents for USD, yen for JPY).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units; prices are never negative.
    pub amount_minor: i64,
    /// What it is counted in.
    pub currency: Currency,
}

impl Money {
    /// This price for `units` pieces; `None` when it does not fit.
    #[must_use]
    pub fn times(self, units: u32) -> Option<Money> {
        let amount_minor = self.amount_minor.checked_mul(i64::from(units))?;
        Some(Money { amount_minor, ..self })
    }

    /// The sum; `None` when it does not fit or the currencies differ.
    #[must_use]
    pub fn plus(self, other: Money) -> Option<Money> {
        if self.currency != other.currency {
            return None;
        }
        let amount_minor = self.amount_minor.checked_add(other.amount_minor)?;
        Some(Money { amount_minor, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.currency.exponent());
        let text = format!(
            "{:0>width$}",
            self.amount_minor.unsigned_abs(),
            width = digits.saturating_add(1)
        );
        let (whole, part) = text.split_at(text.len().saturating_sub(digits));
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        if part.is_empty() {
            write!(f, "{sign}{whole} {}", self.currency)
        } else {
            write!(f, "{sign}{whole}.{part} {}", self.currency)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount_minor: i64, code: &str) -> Money {
        Money { amount_minor, currency: Currency::parse(code).unwrap() }
    }

    #[test]
    fn usual_currencies_are_in_the_list() {
        for code in USUAL {
            assert!(iso_currency::Currency::from_code(code).is_some(), "{code}");
        }
        assert_eq!(Currency::parse("EURO"), None);
        assert_eq!(Currency::parse("ZZZ"), None);
    }

    #[test]
    fn sums_that_do_not_fit_are_none() {
        assert_eq!(money(i64::MAX, "USD").plus(money(1, "USD")), None);
        assert_eq!(money(i64::MAX / 2, "USD").times(3), None);
        assert_eq!(money(1, "USD").plus(money(1, "EUR")), None);
    }

    #[test]
    fn amounts_are_written_with_their_currencys_digits() {
        assert_eq!(money(5, "USD").to_string(), "0.05 USD");
        assert_eq!(money(-1999, "USD").to_string(), "-19.99 USD");
        assert_eq!(money(1999, "JPY").to_string(), "1999 JPY");
        assert_eq!(money(1, "KWD").to_string(), "0.001 KWD");
    }
}
