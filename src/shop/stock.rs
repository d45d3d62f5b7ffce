//! What an admin does with stock, and what everybody may know of it.

use super::{Error, Key, Shop};
use crate::{
    actors::sku,
    domain::{By, Sku, sku::Command},
    views::board::Slot,
};
use std::sync::Arc;

pub use crate::actors::sku::{Managed, Stock};

impl Shop {
    /// A SKU as it is now.
    ///
    /// # Errors
    /// No product has it.
    pub async fn stock(&self, sku: &Sku) -> Result<Stock, Error> {
        self.known(sku)?;
        self.ask::<sku::Actor, _>(sku.clone(), sku::Message::Read).await
    }

    /// An admin's command to a SKU.
    ///
    /// # Errors
    /// The SKU refused.
    pub async fn manage_stock(
        &self,
        sku: &Sku,
        command: Command,
        key: Option<Key<'_>>,
    ) -> Result<Managed, Error> {
        self.known(sku)?;
        let context = self.context(By::Admin, key.as_ref());
        let message = |baton| sku::Message::Admin { command, context, baton };
        self.ask::<sku::Actor, _>(sku.clone(), message).await?.map_err(Error::Sku)
    }

    /// A SKU's place on the board.
    ///
    /// # Errors
    /// No product has it.
    pub fn slot(&self, sku: &str) -> Option<Arc<Slot>> {
        self.system().board.get(sku)
    }
}
