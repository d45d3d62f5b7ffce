//! Money as people read it: `1,234.50 USD`, `1.234,50 USD`.
//!
//! With the currency's code, since a sign such as `$` means another country's money to many.

use crate::domain::{Locale, Money};

/// The amount with its currency, in the manner of the language.
pub(super) fn amount(money: Money, locale: Locale) -> String {
    let (thousands, point) = match locale {
        Locale::En => (',', '.'),
        Locale::Es | Locale::Pt => ('.', ','),
    };
    let digits = usize::from(money.currency.exponent());
    let all = format!("{:0>width$}", money.amount_minor.unsigned_abs(), width = digits + 1);
    let (whole, part) = all.split_at_checked(all.len() - digits).unwrap_or((all.as_str(), ""));
    let mut text = String::from(if money.amount_minor < 0 { "-" } else { "" });
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(thousands);
        }
        text.push(digit);
    }
    if !part.is_empty() {
        text.push(point);
        text.push_str(part);
    }
    format!("{text} {}", money.currency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    #[test]
    fn an_amount_is_written_as_its_language_and_currency_have_it() {
        for (amount_minor, code, en, es) in [
            (0, "USD", "0.00 USD", "0,00 USD"),
            (5, "USD", "0.05 USD", "0,05 USD"),
            (1_999, "EUR", "19.99 EUR", "19,99 EUR"),
            (123_456_789, "BRL", "1,234,567.89 BRL", "1.234.567,89 BRL"),
            (100_000, "USD", "1,000.00 USD", "1.000,00 USD"),
            (1_500, "JPY", "1,500 JPY", "1.500 JPY"),
            (1_234, "KWD", "1.234 KWD", "1,234 KWD"),
            (-1_999, "USD", "-19.99 USD", "-19,99 USD"),
            (i64::MAX, "JPY", "9,223,372,036,854,775,807 JPY", "9.223.372.036.854.775.807 JPY"),
        ] {
            let money = Money { amount_minor, currency: Currency::parse(code).unwrap() };
            assert_eq!(amount(money, Locale::En), en);
            assert_eq!(amount(money, Locale::Es), es);
            assert_eq!(amount(money, Locale::Pt), es);
        }
    }
}
