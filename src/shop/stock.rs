//! What an admin does with stock, and what everybody may know of it.

use super::{Error, Key, Shop};
use crate::{
    actors::sku,
    domain::{
        By, CartId, Sku,
        sku::{Buyer, Change, Command, Refusal, Reserve, Sequence},
    },
    views::board::Slot,
};
use std::sync::Arc;

pub use crate::actors::{
    cart::Claimed,
    sku::{Managed, Stock},
};

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

    /// Reserves units for somebody who keeps a cart elsewhere: `holder` is theirs to choose, a
    /// repeat with the same holder changes nothing. Without a checkout the units are free again
    /// at the deadline.
    ///
    /// # Errors
    /// The SKU refused.
    pub async fn reserve(&self, holder: CartId, sku: &Sku, units: u32) -> Result<Claimed, Error> {
        self.known(sku)?;
        let wish = Reserve {
            cart: holder,
            buyer: Buyer(holder.0.as_u128()),
            change: Change::Set(units),
            sequence: Sequence(0, 0, 1),
            recorded_units: 0,
            currency: None,
            until: self.now().plus_ms(self.system().settings.reservation_ttl_ms),
        };
        let hold = |baton| sku::Message::Hold { wish, baton };
        let claimed = self.ask::<sku::Actor, _>(sku.clone(), hold).await?.map_err(Error::Sku)?;
        claimed.ok_or(Error::Sku(Refusal::ReservationLapsed))
    }

    /// A SKU's place on the board.
    ///
    /// # Errors
    /// No product has it.
    pub fn slot(&self, sku: &str) -> Option<Arc<Slot>> {
        self.system().board.get(sku)
    }
}
