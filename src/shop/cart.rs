//! What a shopper does with a cart.

use super::{ANSWER_WITHIN, Error, Key, Shop, wait};
use crate::{
    actors::cart,
    domain::{By, CartId, Context, Sku, cart::Refusal, order::Status, sku::Change},
};
use uuid::Uuid;

pub use crate::actors::cart::Cart;

/// Most units that one request may name.
pub const MAX_UNITS: u32 = 1_000_000;

impl Shop {
    /// Adds units of a SKU. Without a cart, or with one whose order has ended, the units go into
    /// a new cart.
    ///
    /// # Errors
    /// The SKU or the cart refused; see [`Error`].
    pub async fn add_to_cart(
        &self,
        cart: Option<CartId>,
        sku: &Sku,
        units: u32,
        key: Option<Key<'_>>,
    ) -> Result<Cart, Error> {
        self.known(sku)?;
        let change = Change::Add(in_range(units, 1)?);
        let Some(cart) = cart else { return self.add_to_new_cart(sku, change).await };
        let context = self.context(By::Cart(cart), key.as_ref());
        match self.change_cart(cart, sku, change, context).await {
            Err(cart::Denied::Cart(Refusal::CartClosed, Some(order))) => {
                let status = self.order_by_id(order).await.map(|order| order.state.status());
                match status {
                    Ok(
                        Status::Confirmed | Status::Cancelled | Status::Expired | Status::Returned,
                    ) => self.add_after(cart, sku, change, context).await,
                    // Its lines are still spoken for, or about to be the shopper's again.
                    Ok(Status::Placed | Status::Declined) | Err(_) => {
                        Err(Error::Cart(Refusal::CartClosed))
                    }
                }
            }
            other => flatten(other),
        }
    }

    /// Adds to the cart that comes after one whose order has ended. The same key means the same
    /// new cart, which remembers it.
    async fn add_after(
        &self,
        ended: CartId,
        sku: &Sku,
        change: Change,
        context: Context,
    ) -> Result<Cart, Error> {
        if context.fingerprint.is_none() {
            return self.add_to_new_cart(sku, change).await;
        }
        let cart = CartId(Uuid::new_v5(&ended.0, context.command.0.as_bytes()));
        let context = Context { by: By::Cart(cart), ..context };
        flatten(self.change_cart(cart, sku, change, context).await)
    }

    async fn add_to_new_cart(&self, sku: &Sku, change: Change) -> Result<Cart, Error> {
        let cart = CartId::made(self.now(), self.system().new_uuid());
        let context = self.context(By::Cart(cart), None);
        let (baton, waiting) = self.baton()?;
        let message = cart::Message::Change { sku: sku.clone(), change, context, baton };
        self.system().tell_newborn::<cart::Actor>(cart, message);
        Ok(wait(waiting, ANSWER_WITHIN).await??)
    }

    /// Sets the units of a line; 0 removes it.
    ///
    /// # Errors
    /// The SKU or the cart refused; see [`Error`].
    pub async fn set_units(&self, cart: CartId, sku: &Sku, units: u32) -> Result<Cart, Error> {
        self.known(sku)?;
        let change = Change::Set(in_range(units, 0)?);
        let context = self.context(By::Cart(cart), None);
        flatten(self.change_cart(cart, sku, change, context).await)
    }

    async fn change_cart(
        &self,
        cart: CartId,
        sku: &Sku,
        change: Change,
        context: Context,
    ) -> Result<Result<Cart, Error>, cart::Denied> {
        let sku = sku.clone();
        let asked = self.ask::<cart::Actor, _>(cart, |baton| cart::Message::Change {
            sku,
            change,
            context,
            baton,
        });
        match asked.await {
            Ok(Ok(cart)) => Ok(Ok(cart)),
            Ok(Err(denied)) => Err(denied),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The cart as it is now.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn cart(&self, cart: CartId) -> Result<Cart, Error> {
        Ok(self.ask::<cart::Actor, _>(cart, cart::Message::Read).await??)
    }

    /// Fails for a SKU that no product has, without waking anybody.
    pub(super) fn known(&self, sku: &Sku) -> Result<(), Error> {
        match self.system().board.get(sku.as_str()) {
            Some(_) => Ok(()),
            None => Err(Error::Sku(crate::domain::sku::Refusal::UnknownSku)),
        }
    }
}

fn flatten(answer: Result<Result<Cart, Error>, cart::Denied>) -> Result<Cart, Error> {
    answer.map_err(Error::from)?
}

pub(super) fn in_range(units: u32, least: u32) -> Result<u32, Error> {
    if (least..=MAX_UNITS).contains(&units) {
        return Ok(units);
    }
    Err(Error::invalid("/units", format!("must be a whole number from {least} to {MAX_UNITS}")))
}
