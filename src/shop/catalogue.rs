//! What an admin does with products.
//!
//! Invariant: a spec is tidied and checked here, before any actor hears of it, so every way into
//! the catalogue is the same.

mod check;
mod tidy;

use super::{Error, Key, Shop};
use crate::{
    actors::{
        Fault,
        product::{self, Denied},
    },
    domain::{
        By, Context, ProductId,
        product::{Command, Refusal, Spec},
    },
};
use uuid::Uuid;

pub use self::check::{
    MAX_ALT, MAX_AMOUNT_MINOR, MAX_CATEGORY, MAX_LEVELS, MAX_NAME, MAX_TITLE, MAX_VARIANT_TITLE,
    MAX_VARIANTS,
};
pub use crate::actors::product::Product;

impl Shop {
    /// Makes a product; its SKUs can be bought when this returns. Its handle, if it has one, names
    /// it for ever.
    ///
    /// # Errors
    /// The spec is malformed, a SKU belongs to another product, or the handle names one already.
    pub async fn create_product(&self, spec: Spec, key: Option<Key<'_>>) -> Result<Product, Error> {
        let spec = accepted(spec)?;
        let context = self.context(By::Admin, key.as_ref());
        // The same key means the same product.
        let own = ProductId(Uuid::new_v5(&context.command.0, b"product"));
        if spec.handle.is_empty() {
            return self.make_product(own, spec, context).await;
        }
        let named = ProductId::of_handle(&spec.handle);
        if key.is_none() {
            return self.make_product(named, spec, context).await;
        }
        // The handle says which product it is, so the one that the key would have made remembers
        // what the key was used for.
        let message = |baton| product::Message::UseKey { context, baton };
        self.ask::<product::Actor, _>(own, message).await?;
        let made = self.make_product(named, spec, context).await;
        let came_to_nothing = match &made {
            Ok(_) | Err(Error::Fault(Fault::Unavailable | Fault::InProgress)) => false,
            Err(_) => true,
        };
        if came_to_nothing {
            // Unheard, the key stays with this body, which may be sent again.
            let _ = self.ask::<product::Actor, _>(own, product::Message::FreeKey).await;
        }
        made
    }

    async fn make_product(
        &self,
        id: ProductId,
        spec: Spec,
        context: Context,
    ) -> Result<Product, Error> {
        let has_handle = !spec.handle.is_empty();
        let command = Command::Make(Box::new(spec));
        let message = |baton| product::Message::Admin { command, context, baton };
        match self.ask::<product::Actor, _>(id, message).await? {
            Err(Denied::Product(Refusal::Taken)) if has_handle => Err(Error::HandleTaken(id)),
            // It was made with this key, and has changed since.
            Err(Denied::Product(Refusal::Taken)) => Err(Fault::KeyMismatch.into()),
            answer => Ok(answer?),
        }
    }

    /// Changes a product, only if shoppers still see revision `at` where one is named; `units` of
    /// variants that are known already don't count.
    ///
    /// # Errors
    /// The spec is malformed, a SKU belongs to another product, there is no such product, or it
    /// has changed since `at`.
    pub async fn update_product(
        &self,
        id: ProductId,
        spec: Spec,
        at: Option<u64>,
        key: Option<Key<'_>>,
    ) -> Result<Product, Error> {
        let spec = Box::new(accepted(spec)?);
        self.change_product(id, Command::Propose { spec, at }, key).await
    }

    /// Sells a product no more; what is reserved stands.
    ///
    /// # Errors
    /// There is no such product, or it has changed since `at`.
    pub async fn archive_product(&self, id: ProductId, at: Option<u64>) -> Result<Product, Error> {
        self.change_product(id, Command::Archive { at }, None).await
    }

    /// Sells an archived product again.
    ///
    /// # Errors
    /// There is no such product, or it has changed since `at`.
    pub async fn restore_product(
        &self,
        id: ProductId,
        at: Option<u64>,
        key: Option<Key<'_>>,
    ) -> Result<Product, Error> {
        self.change_product(id, Command::Restore { at }, key).await
    }

    async fn change_product(
        &self,
        id: ProductId,
        command: Command,
        key: Option<Key<'_>>,
    ) -> Result<Product, Error> {
        let context = self.context(By::Admin, key.as_ref());
        let message = |baton| product::Message::Admin { command, context, baton };
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

pub fn accepted(spec: Spec) -> Result<Spec, Error> {
    let spec = tidy::tidy(spec)?;
    check::check(&spec)?;
    Ok(spec)
}
