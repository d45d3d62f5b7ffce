//! What an admin says of a product, and where it stands in the tree of categories.
//!
//! Plain data: an event carries it as it is. Invariant: two texts for one category are one text
//! once they are tidy, so a tree has no node twice.

use crate::domain::{Money, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One SKU of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its code.
    pub sku: Sku,
    /// What tells it from its siblings.
    pub title: String,
    /// The list price of one unit.
    pub price: Money,
    /// What it cost before, or costs elsewhere; of the currency of `price`.
    #[serde(default)]
    pub compare_at: Option<Money>,
    /// Its value of each of the product's options, in their order.
    #[serde(default)]
    pub options: Vec<String>,
    /// GTIN, EAN, ISBN or the like; empty for none.
    #[serde(default)]
    pub barcode: String,
    /// The address of a picture of this one.
    #[serde(default)]
    pub image: Option<String>,
    /// Of one unit, in grams.
    pub weight_g: u32,
    /// Received when the SKU is first listed; later revisions don't count it.
    #[serde(default)]
    pub units: u64,
}

/// All that an admin says of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// A name for addresses and files, unique in the shop and for ever; empty for none.
    #[serde(default)]
    pub handle: String,
    /// What shoppers read.
    pub title: String,
    /// Longer text: HTML that needs no cleaning any more.
    pub description: String,
    /// Who makes it; empty for nobody in particular.
    #[serde(default)]
    pub vendor: String,
    /// Its place in the tree of categories, from the root: `Apparel > Shirts`; empty for none.
    pub category: String,
    /// Any number of words.
    pub tags: Vec<String>,
    /// Addresses of pictures.
    pub images: Vec<String>,
    /// What a picture shows, by its address.
    #[serde(default)]
    pub image_alts: BTreeMap<String, String>,
    /// What tells the variants apart, such as size and colour.
    #[serde(default)]
    pub options: Vec<String>,
    /// At least one, no SKU twice.
    pub variants: Vec<Variant>,
}

impl Variant {
    /// A variant that has nothing but a code, a title and a price.
    #[must_use]
    pub fn new(sku: Sku, title: impl Into<String>, price: Money) -> Variant {
        let (title, barcode) = (title.into(), String::new());
        let (compare_at, options, image) = (None, vec![], None);
        Variant { sku, title, price, compare_at, options, barcode, image, weight_g: 0, units: 0 }
    }
}

impl Spec {
    /// This in place of `before`: the handle stays, and so do units that were counted already.
    #[must_use]
    pub fn after(&self, before: &Spec) -> Spec {
        let mut next = Spec { handle: before.handle.clone(), ..self.clone() };
        for variant in &mut next.variants {
            let known = before.variants.iter().find(|known| known.sku == variant.sku);
            variant.units = known.map_or(variant.units, |known| known.units);
        }
        next
    }

    /// The smallest price of a variant; `None` without any.
    #[must_use]
    pub fn lowest_price(&self) -> Option<Money> {
        self.variants.iter().map(|variant| variant.price).min_by_key(|price| price.amount_minor)
    }
}

/// Paths in the tree of categories.
pub mod category {
    /// Between the names of a path.
    pub const SEPARATOR: &str = " > ";

    /// The path without white space around its names and without empty names.
    #[must_use]
    pub fn tidy(path: &str) -> String {
        names(path).collect::<Vec<_>>().join(SEPARATOR)
    }

    /// The names from the root on.
    pub fn names(path: &str) -> impl Iterator<Item = &str> {
        path.split('>').map(str::trim).filter(|name| !name.is_empty())
    }

    /// Whether the tidy `path` is `ancestor` or stands below it.
    #[must_use]
    pub fn is_within(path: &str, ancestor: &str) -> bool {
        let below = path.strip_prefix(ancestor);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
    }
}

/// Whether a text can name a product: 1 to 255 bytes of digits, `-`, `_` and letters that are not
/// upper case.
#[must_use]
pub fn is_handle(text: &str) -> bool {
    let fits = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || c == '-' || c == '_';
    (1..=255).contains(&text.len()) && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::{category, is_handle};

    #[test]
    fn a_handle_keeps_its_rules() {
        for good in ["tee", "red-tee_2", "größe-38", "茶", "1", &"x".repeat(255)] {
            assert!(is_handle(good), "{good}");
        }
        for bad in ["", "Tee", "a b", "a/b", "a.b", "Ä", "tee ", "a\n", &"x".repeat(256)] {
            assert!(!is_handle(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_category_is_tidied_once_and_for_all() {
        for (path, tidy) in [
            ("", ""),
            (" > ", ""),
            ("Apparel", "Apparel"),
            ("Apparel>Shirts", "Apparel > Shirts"),
            ("  Apparel >  > Long  sleeves > ", "Apparel > Long  sleeves"),
        ] {
            assert_eq!(category::tidy(path), tidy, "{path:?}");
            assert_eq!(category::tidy(tidy), tidy);
        }
    }

    #[test]
    fn a_category_holds_what_stands_below_it_and_no_namesake() {
        let shirts = "Apparel > Shirts";
        assert!(category::is_within(shirts, "Apparel") && category::is_within(shirts, shirts));
        assert!(!category::is_within(shirts, "App") && !category::is_within(shirts, "Shirts"));
        assert!(!category::is_within("Apparel", shirts));
    }
}
