//! Where products go: into a store that no server has, or to a running server.
//!
//! Invariant: both take and show the same, so whoever fills a shelf needn't know which it is.

mod server;
mod store;

pub use server::Server;
pub use store::{Store, in_use as store_in_use};

use super::api::Failed;
use crate::domain::{ProductId, Sku, product::Spec};
use serde::Deserialize;

/// A product that is on a shelf.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Held {
    /// Which.
    pub id: ProductId,
    /// What is said of it; not the units.
    #[serde(flatten)]
    pub spec: Spec,
    /// It is not for sale.
    pub archived: bool,
}

/// What can be seen of a shelf.
pub trait Look {
    /// The product with this id.
    ///
    /// # Errors
    /// No answer.
    fn find(&self, id: ProductId) -> impl Future<Output = Result<Option<Held>, Failed>>;

    /// Whether some product has, or had, this SKU.
    ///
    /// # Errors
    /// No answer.
    fn knows(&self, sku: &Sku) -> impl Future<Output = Result<bool, Failed>>;
}

/// A shelf that can be filled.
pub trait Shelf: Look {
    /// Makes a product, with its units.
    ///
    /// # Errors
    /// Refused, or no answer.
    fn make(&self, spec: &Spec) -> impl Future<Output = Result<(), Failed>>;

    /// Says something else of a product that is for sale.
    ///
    /// # Errors
    /// Refused, or no answer.
    fn change(&self, id: ProductId, spec: &Spec) -> impl Future<Output = Result<(), Failed>>;

    /// Takes a product off sale, or puts it back.
    ///
    /// # Errors
    /// Refused, or no answer.
    fn set_archived(
        &self,
        id: ProductId,
        archived: bool,
    ) -> impl Future<Output = Result<(), Failed>>;
}
