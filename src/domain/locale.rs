//! The language that a shopper is written to in.
//!
//! Invariant: every text of the shop exists in each of these, so a choice always has an answer.

use serde::{Deserialize, Serialize};

/// A language of the shop's letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
    /// Portuguese.
    Pt,
}

impl Locale {
    /// All of them.
    pub const ALL: [Locale; 3] = [Locale::En, Locale::Es, Locale::Pt];

    /// The language tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::Es => "es",
            Locale::Pt => "pt",
        }
    }

    /// Whether it is the usual one, which needs no writing down.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Locale::default()
    }

    /// What an `Accept-Language` wants most of what there is (RFC 9110, 12.5.4): the highest
    /// quality, the first of equals; the usual one where none is wanted.
    #[must_use]
    pub fn accepted(header: &str) -> Locale {
        let mut best = (0, Locale::default());
        for (locale, quality) in header.split(',').filter_map(range) {
            if quality > best.0 {
                best = (quality, locale);
            }
        }
        best.1
    }

    fn of(tag: &str) -> Option<Locale> {
        if tag == "*" {
            return Some(Locale::default());
        }
        let language = tag.split('-').next()?;
        Locale::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(language))
    }
}

/// One part of the header and its quality in thousandths; `None` for a language that there is not.
fn range(part: &str) -> Option<(Locale, u16)> {
    let mut words = part.split(';').map(str::trim);
    let locale = Locale::of(words.next()?)?;
    let mut parameters = words.filter_map(|word| word.split_once('='));
    let quality = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    Some((locale, quality.map_or(Some(1_000), |(_, value)| thousandths(value.trim()))?))
}

/// `0`, `1`, or either with up to three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = whole.parse::<u16>().ok().filter(|whole| *whole <= 1)?;
    let part: u16 = format!("{digits:0<3}").parse().ok()?;
    Some(whole.checked_mul(1_000)?.checked_add(part)?.min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_wanted_most_is_chosen() {
        for (header, wanted) in [
            ("", Locale::En),
            ("es", Locale::Es),
            ("pt-BR", Locale::Pt),
            ("PT-br, es", Locale::Pt),
            ("de, fr;q=0.9", Locale::En),
            ("de, es;q=0.1", Locale::Es),
            ("en;q=0.5, es;q=0.7, pt;q=0.6", Locale::Es),
            ("en;q=0.5,pt ; q = 0.555", Locale::Pt),
            ("es;q=0", Locale::En),
            ("*, es;q=0.9", Locale::En),
            ("*;q=0.1, es;q=0.9", Locale::Es),
            ("es;q=2, pt;q=x, en;q=0.1", Locale::En),
            ("pt;q=1.000, es", Locale::Pt),
            (";;,,=,q=1", Locale::En),
            ("espresso", Locale::En),
        ] {
            assert_eq!(Locale::accepted(header), wanted, "{header:?}");
        }
    }
}
