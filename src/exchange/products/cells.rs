//! What a single cell means, and how it is written.
//!
//! Invariant: what one function writes, its twin reads back the same.

use crate::domain::{Currency, Money, sku::MAX_UNITS};

/// A price in the currency's own decimals: `19.99`, `20`; no thousands' marks, no sign.
///
/// # Errors
/// Says what is wrong with it.
pub fn price(text: &str, currency: Currency) -> Result<Money, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err("is missing".to_owned());
    }
    let wrong = || format!("'{text}' is not a price: write it like 1299.95");
    if trimmed.starts_with('-') {
        return Err(format!("'{text}' is negative"));
    }
    let (whole, part) = trimmed.split_once('.').unwrap_or((trimmed, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    let exponent = usize::from(currency.exponent());
    let part = part.trim_end_matches('0');
    if part.len() > exponent {
        return Err(format!("'{text}' is finer than {currency}, which has {exponent} decimals"));
    }
    let minor = format!("{whole}{part:0<exponent$}");
    let amount_minor = if minor.is_empty() { Ok(0) } else { minor.parse::<i64>() };
    let amount_minor = amount_minor.map_err(|_| format!("'{text}' is more than can be counted"))?;
    Ok(Money { amount_minor, currency })
}

/// The amount without its currency.
pub fn price_text(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Units on hand: below zero where they were sold before they came.
///
/// # Errors
/// Says what is wrong with it.
pub fn units(text: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(0);
    }
    let whole = trimmed.split_once('.').filter(|(_, part)| part.bytes().all(|byte| byte == b'0'));
    let whole = whole.map_or(trimmed, |(whole, _)| whole);
    let units = whole.parse::<i64>().map_err(|_| format!("'{text}' is not a number of units"))?;
    if units.unsigned_abs() > MAX_UNITS {
        return Err(format!("'{text}' is more than the {MAX_UNITS} units that a SKU counts"));
    }
    Ok(units)
}

/// A weight in grams; fractions are rounded.
///
/// # Errors
/// Says what is wrong with it.
pub fn grams(text: &str) -> Result<u32, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(0);
    }
    let wrong = || format!("'{text}' is not a weight in grams");
    let (whole, part) = trimmed.split_once('.').unwrap_or((trimmed, ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole: u32 = if whole.is_empty() && !part.is_empty() { "0" } else { whole }
        .parse()
        .map_err(|_| wrong())?;
    let up = part.bytes().next().is_some_and(|digit| digit >= b'5');
    whole.checked_add(u32::from(up)).ok_or_else(wrong)
}

/// Yes or no; yes where nothing is said.
///
/// # Errors
/// It is neither.
pub fn flag(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "" | "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("'{text}' is neither true nor false")),
    }
}

/// What is said of whether a product is for sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// For sale.
    Active,
    /// Not finished.
    Draft,
    /// Not for sale any more.
    Archived,
}

/// For sale where nothing is said.
///
/// # Errors
/// It is none of them.
pub fn status(text: &str) -> Result<Status, String> {
    match text.trim().to_lowercase().as_str() {
        "" | "active" => Ok(Status::Active),
        "draft" => Ok(Status::Draft),
        "archived" => Ok(Status::Archived),
        _ => Err(format!("'{text}' is none of active, draft, archived")),
    }
}

/// Words between commas. One in double quotes may hold commas and outer spaces; a quote in it is
/// doubled.
pub fn tags(text: &str) -> Vec<String> {
    let mut tags = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let start = rest.trim_start();
        let quoted = start.strip_prefix('"').and_then(quoted);
        let (tag, behind) = quoted.unwrap_or_else(|| {
            let (tag, behind) = start.split_once(',').unwrap_or((start, ""));
            (tag.trim().to_owned(), behind)
        });
        // An empty word counts only in quotes.
        let tag = Some(tag).filter(|tag| !tag.is_empty() || start.starts_with('"'));
        tags.extend(tag);
        rest = behind;
    }
    tags
}

/// A quoted word from behind its quote, and what stands behind the comma after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once('"')?;
        word.push_str(before);
        let Some(behind) = behind.strip_prefix('"') else {
            let behind = behind.trim_start();
            let behind = if behind.is_empty() { behind } else { behind.strip_prefix(',')? };
            return Some((word, behind));
        };
        word.push('"');
        rest = behind;
    }
}

/// The cell that [`tags`] reads.
pub fn tags_text(tags: &[String]) -> String {
    let one = |tag: &String| {
        let plain = tag.trim() == tag && !tag.is_empty() && !tag.contains(',');
        if plain && !tag.starts_with('"') {
            tag.clone()
        } else {
            format!("\"{}\"", tag.replace('"', "\"\""))
        }
    };
    tags.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A barcode. The platform writes an apostrophe before digits, so that a spreadsheet keeps zeros.
pub fn barcode(text: &str) -> String {
    let bare = if is_marked(text) { text.get(1..).unwrap_or_default() } else { text };
    bare.to_owned()
}

/// The cell that [`barcode`] reads.
pub fn barcode_text(barcode: &str) -> String {
    if is_marked(barcode) { format!("'{barcode}") } else { barcode.to_owned() }
}

/// Apostrophes and then digits.
fn is_marked(text: &str) -> bool {
    let digits = text.trim_start_matches('\'');
    let marked = text.len() > digits.len() && !digits.is_empty();
    marked && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn a_price_is_read_in_its_currencys_decimals() {
        for (text, code, minor) in [
            ("50", "USD", 5_000),
            (" 9.99 ", "USD", 999),
            ("9.9", "USD", 990),
            ("9.990", "USD", 999),
            (".5", "USD", 50),
            ("5.", "USD", 500),
            ("0.00", "USD", 0),
            ("1200", "JPY", 1_200),
            ("1200.00", "JPY", 1_200),
            ("0", "JPY", 0),
            ("1.234", "KWD", 1_234),
        ] {
            let money = price(text, currency(code)).unwrap();
            assert_eq!(money.amount_minor, minor, "{text} {code}");
            assert_eq!(price(&price_text(money), currency(code)), Ok(money), "{text} {code}");
        }
        for (text, code, why) in [
            ("", "USD", "is missing"),
            ("12,x", "USD", "'12,x' is not a price"),
            ("1,299.00", "USD", "is not a price"),
            ("$5", "USD", "is not a price"),
            (".", "USD", "is not a price"),
            ("1e3", "USD", "is not a price"),
            ("-5", "USD", "is negative"),
            ("9.999", "USD", "is finer than USD"),
            ("12.5", "JPY", "is finer than JPY"),
            ("99999999999999999999", "USD", "more than can be counted"),
        ] {
            let found = price(text, currency(code)).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn counts_weights_and_flags_are_read_and_refused() {
        assert_eq!(
            (units(""), units("7"), units("-3"), units("5.0")),
            (Ok(0), Ok(7), Ok(-3), Ok(5))
        );
        assert!(units("many").unwrap_err().contains("is not a number of units"));
        assert!(units("1.5").is_err() && units("1000000000001").is_err());
        assert_eq!(
            (grams(""), grams("28"), grams("28.0"), grams(".5")),
            (Ok(0), Ok(28), Ok(28), Ok(1))
        );
        assert_eq!((grams("28.349523125"), grams("28.5")), (Ok(28), Ok(29)));
        assert!(grams("-1").is_err() && grams("1kg").is_err() && grams("4294967296").is_err());
        assert_eq!((flag("TRUE"), flag(""), flag("no")), (Ok(true), Ok(true), Ok(false)));
        assert!(flag("maybe").is_err() && status("gone").is_err());
        assert_eq!((status("Draft"), status("")), (Ok(Status::Draft), Ok(Status::Active)));
    }

    #[test]
    fn tags_stand_between_commas() {
        assert_eq!(tags("Anchor, Gold,  ,Leather ,"), ["Anchor", "Gold", "Leather"]);
        assert_eq!(tags("\"a, b\", 5\" nails, \"\"\"x\""), ["a, b", "5\" nails", "\"x"]);
        assert_eq!(tags("\"open, b"), ["\"open", "b"]);
        assert_eq!(tags(""), [""; 0]);
    }

    #[test]
    fn an_apostrophe_before_digits_is_the_platforms() {
        assert_eq!(barcode("'0123"), "0123");
        assert_eq!(
            (barcode("'a"), barcode("'"), barcode("")),
            ("'a".into(), "'".into(), "".into())
        );
        for odd in ["'1", "''12", "12", "'x", "'"] {
            assert_eq!(barcode(&barcode_text(odd)), odd);
        }
    }

    proptest! {
        #[test]
        fn tags_read_what_they_write(all in prop::collection::vec("[ a,\"é]{0,5}", 0..5)) {
            prop_assert_eq!(tags(&tags_text(&all)), all);
        }
    }
}
