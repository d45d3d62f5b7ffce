//! Which products of the catalogue are wanted, and in which order.
//!
//! Invariant: a cursor belongs to the query that made it; with any other it is none.

use super::super::cursor;
use crate::domain::{Currency, Sku, product::category};
use crate::views::catalogue::Card;

/// In which order a list comes. Ties are broken by id, so an order is total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By when it was made, the latest first.
    #[default]
    Newest,
    /// By when it was made.
    Oldest,
    /// By the lowest price of a variant, in minor units.
    Price,
    /// The same, the highest first.
    PriceDown,
    /// By title, whatever its case.
    Title,
    /// The same, from the end.
    TitleDown,
}

impl Sort {
    /// All of them, as clients name them.
    pub const ALL: [(&str, Sort); 6] = [
        ("newest", Sort::Newest),
        ("oldest", Sort::Oldest),
        ("price", Sort::Price),
        ("-price", Sort::PriceDown),
        ("title", Sort::Title),
        ("-title", Sort::TitleDown),
    ];

    /// Which of an entry's keys, and whether from the end.
    pub(super) fn way(self) -> (usize, bool) {
        match self {
            Sort::Newest => (Self::BY_TIME, true),
            Sort::Oldest => (Self::BY_TIME, false),
            Sort::Price => (Self::BY_PRICE, false),
            Sort::PriceDown => (Self::BY_PRICE, true),
            Sort::Title => (Self::BY_TITLE, false),
            Sort::TitleDown => (Self::BY_TITLE, true),
        }
    }

    /// The places of the keys.
    pub(super) const BY_TIME: usize = 0;
    pub(super) const BY_PRICE: usize = 1;
    pub(super) const BY_TITLE: usize = 2;
}

/// What is wanted of the catalogue; the default is all that is not archived, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In this tidy category or below it.
    pub category: Option<String>,
    /// With each of these tags.
    pub tags: Vec<String>,
    /// Of this vendor.
    pub vendor: Option<String>,
    /// The lowest price of a variant is at least so many minor units.
    pub price_min: Option<i64>,
    /// The lowest price of a variant is at most so many minor units.
    pub price_max: Option<i64>,
    /// Priced in this currency.
    pub currency: Option<Currency>,
    /// Some variant has a free unit just now, or none has.
    pub in_stock: Option<bool>,
    /// Those that are archived, instead of those that are not.
    pub archived: bool,
    /// In which order.
    pub sort: Sort,
}

impl Query {
    /// Whether a product is wanted. `has_stock` is asked last, of one SKU after the other.
    pub(super) fn wants(&self, card: &Card, has_stock: &dyn Fn(&Sku) -> bool) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|w| w == text);
        let place = self.category.as_ref();
        place.is_none_or(|place| category::is_within(&card.category, place))
            && is(&self.vendor, &card.vendor)
            && self.price_min.is_none_or(|least| card.price.amount_minor >= least)
            && self.price_max.is_none_or(|most| card.price.amount_minor <= most)
            && self.currency.is_none_or(|currency| card.price.currency == currency)
            && self.tags.iter().all(|tag| card.tags.contains(tag))
            && self.in_stock.is_none_or(|wanted| card.skus.iter().any(has_stock) == wanted)
    }

    /// What tells a cursor of this query from any other's.
    fn mark(&self) -> [u8; 8] {
        let mut tags = self.tags.clone();
        tags.sort_unstable();
        let same = Query { tags, ..self.clone() };
        let mut mark = [0; 8];
        let hash = blake3::hash(format!("{same:?}").as_bytes());
        mark.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        mark
    }

    /// Where this list goes on behind `key`, as text that means nothing to whoever carries it.
    pub(super) fn cursor(&self, key: &[u8]) -> String {
        cursor::text(&[&self.mark(), key].concat())
    }

    /// The key in a cursor; `None` when no page of this list ended there.
    pub fn key_in(&self, text: &str) -> Option<Vec<u8>> {
        let key = cursor::key(text)?;
        key.strip_prefix(&self.mark()).filter(|key| key.len() > 16).map(<[u8]>::to_vec)
    }
}
