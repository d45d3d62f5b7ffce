//! The parameters of a list of products.
//!
//! Invariant: a parameter or value that the list does not know is refused, never passed over: a
//! filter with a typing error would otherwise show everything.

use crate::{
    domain::{Currency, product::category},
    http::{
        problem::Problem,
        reply::{USUAL_LIMIT, limit, parameters},
    },
    shop::lists::{Query, Sort},
};
use axum::http::Uri;

/// The most tags that all must match.
const MOST_TAGS: usize = 20;

/// Which part of which list.
pub(super) struct Wanted {
    pub(super) query: Query,
    pub(super) limit: usize,
    /// What the page before answered as `next`.
    pub(super) cursor: Option<String>,
}

impl Wanted {
    /// # Errors
    /// A parameter is unknown, comes twice, or has a value that it can't have.
    pub(super) fn of(uri: &Uri) -> Result<Wanted, Problem> {
        let mut wanted = Wanted { query: Query::default(), limit: USUAL_LIMIT, cursor: None };
        for (name, value) in parameters(uri, "tag")? {
            wanted.set(&name, &value).map_err(|why| Problem::invalid(name, why))?;
        }
        Ok(wanted)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let query = &mut self.query;
        match name {
            "category" => query.category = Some(category::tidy(value)).filter(|c| !c.is_empty()),
            "vendor" => query.vendor = Some(value.trim().to_owned()),
            "tag" if query.tags.len() == MOST_TAGS => return Err("may come at most 20 times"),
            "tag" => query.tags.push(value.trim().to_owned()),
            "price_min" => query.price_min = Some(minor(value)?),
            "price_max" => query.price_max = Some(minor(value)?),
            "currency" => query.currency = Some(currency(value)?),
            "in_stock" => query.in_stock = Some(boolean(value)?),
            "archived" => query.archived = boolean(value)?,
            "sort" => query.sort = sort(value)?,
            "limit" => self.limit = limit(value)?,
            "cursor" => self.cursor = Some(value.to_owned()),
            _ => {
                return Err("is not known here; there are category, tag, vendor, price_min, \
                            price_max, currency, in_stock, archived, sort, limit and cursor");
            }
        }
        Ok(())
    }
}

fn minor(value: &str) -> Result<i64, &'static str> {
    let amount = value.parse().ok().filter(|amount| *amount >= 0);
    amount.ok_or("must be a whole number of minor units, such as 1999 for 19.99")
}

fn currency(value: &str) -> Result<Currency, &'static str> {
    Currency::parse(value).ok_or("must be an ISO 4217 currency code such as USD")
}

fn boolean(value: &str) -> Result<bool, &'static str> {
    value.parse().map_err(|_| "must be true or false")
}

fn sort(value: &str) -> Result<Sort, &'static str> {
    let known = Sort::ALL.iter().find(|(name, _)| *name == value).map(|(_, sort)| *sort);
    known.ok_or("must be newest, oldest, price, -price, title or -title")
}
