//! What an admin does with products.

use super::{Error, Key, Shop};
use crate::{
    actors::{Fault, product},
    domain::{
        By, ProductId,
        product::{Refusal, Spec},
        sku::MAX_UNITS,
    },
};
use std::collections::BTreeSet;
use uuid::Uuid;

pub use crate::actors::product::Product;

/// Most variants of one product.
pub const MAX_VARIANTS: usize = 200;

/// Longest title of a variant, in characters: every line of a cart carries it.
pub const MAX_VARIANT_TITLE: usize = 300;

/// The longest title of a product, in characters.
pub const MAX_TITLE: usize = 500;

/// The most that a unit may cost, in minor units: a line of a cart never overflows, and any
/// language can read it exactly.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;

impl Shop {
    /// Makes a product; its SKUs can be bought when this returns.
    ///
    /// # Errors
    /// The spec is malformed, or a SKU belongs to another product.
    pub async fn create_product(&self, spec: Spec, key: Option<Key<'_>>) -> Result<Product, Error> {
        check(&spec)?;
        let context = self.context(By::Admin, key.as_ref());
        // The same key means the same product.
        let id = ProductId(Uuid::new_v5(&context.command.0, b"product"));
        let spec = Box::new(spec);
        let message = |baton| product::Message::Propose { spec, context, baton };
        Ok(self.ask::<product::Actor, _>(id, message).await??)
    }

    /// Changes a product; `units` of variants that are known already don't count.
    ///
    /// # Errors
    /// The spec is malformed, a SKU belongs to another product, or there is no such product.
    pub async fn update_product(
        &self,
        id: ProductId,
        spec: Spec,
        key: Option<Key<'_>>,
    ) -> Result<Product, Error> {
        check(&spec)?;
        self.product(id).await?;
        let context = self.context(By::Admin, key.as_ref());
        let spec = Box::new(spec);
        let message = |baton| product::Message::Propose { spec, context, baton };
        match self.ask::<product::Actor, _>(id, message).await? {
            Err(product::Denied::Product(Refusal::Busy)) => Err(Fault::InProgress.into()),
            answer => Ok(answer?),
        }
    }

    /// Sells a product no more; what is reserved stands.
    ///
    /// # Errors
    /// There is no such product.
    pub async fn archive_product(&self, id: ProductId) -> Result<Product, Error> {
        let context = self.context(By::Admin, None);
        let message = |baton| product::Message::Archive { context, baton };
        Ok(self.ask::<product::Actor, _>(id, message).await??)
    }

    /// A product as it is now.
    ///
    /// # Errors
    /// There is no such product.
    pub async fn product(&self, id: ProductId) -> Result<Product, Error> {
        Ok(self.ask::<product::Actor, _>(id, product::Message::Read).await??)
    }
}

fn check(spec: &Spec) -> Result<(), Error> {
    if spec.title.trim().is_empty() || spec.title.chars().nth(MAX_TITLE).is_some() {
        let why = format!("must have 1 to {MAX_TITLE} characters");
        return Err(Error::invalid("/title", why));
    }
    if spec.variants.is_empty() || spec.variants.len() > MAX_VARIANTS {
        return Err(Error::invalid("/variants", format!("must be 1 to {MAX_VARIANTS}")));
    }
    let mut skus = BTreeSet::new();
    let currency = spec.variants.first().map(|variant| variant.price.currency);
    for (index, variant) in spec.variants.iter().enumerate() {
        let field = |name: &str| format!("/variants/{index}/{name}");
        if !skus.insert(&variant.sku) {
            return Err(Error::invalid(field("sku"), "comes twice"));
        }
        if variant.title.chars().nth(MAX_VARIANT_TITLE).is_some() {
            let why = format!("must have at most {MAX_VARIANT_TITLE} characters");
            return Err(Error::invalid(field("title"), why));
        }
        let prices = [("price", Some(variant.price)), ("compare_at", variant.compare_at)];
        for (name, price) in prices {
            let amount = price.map_or(0, |price| price.amount_minor);
            if !(0..=MAX_AMOUNT_MINOR).contains(&amount) {
                let why = format!("must be a whole number from 0 to {MAX_AMOUNT_MINOR}");
                return Err(Error::invalid(field(&format!("{name}/amount_minor")), why));
            }
        }
        if Some(variant.price.currency) != currency {
            return Err(Error::invalid(field("price/currency"), "must be that of its siblings"));
        }
        if variant.units > MAX_UNITS {
            return Err(Error::invalid(field("units"), format!("must be at most {MAX_UNITS}")));
        }
    }
    Ok(())
}
