//! Why a use case did not happen: every refusal and fault in one enum, for one error map.

use crate::{
    actors::{Fault, cart, product},
    domain::{ProductId, order, sku},
};

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The SKU refused.
    #[error("the SKU refused: {0:?}")]
    Sku(sku::Refusal),
    /// The cart refused.
    #[error("the cart refused: {0:?}")]
    Cart(crate::domain::cart::Refusal),
    /// The order refused.
    #[error("the order refused: {0:?}")]
    Order(order::Refusal),
    /// The product refused.
    #[error("the product refused: {0:?}")]
    Product(crate::domain::product::Refusal),
    /// The SKU belongs to another product.
    #[error("{0} belongs to another product")]
    SkuTaken(String),
    /// The handle names this product already.
    #[error("the handle names {0} already")]
    HandleTaken(ProductId),
    /// Nothing has this id.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// There is no answer.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Too much is under way.
    #[error("the shop is overloaded; retry later")]
    Overloaded,
    /// A value is not what it must be: the field's JSON pointer, and what is wrong.
    #[error("{field}: {why}")]
    Invalid {
        /// JSON pointer of the field.
        field: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A view or key file failed.
    #[error("the store failed: {0}")]
    Store(String),
}

impl From<cart::Denied> for Error {
    fn from(denied: cart::Denied) -> Self {
        match denied {
            cart::Denied::Sku(refusal) => Error::Sku(refusal),
            cart::Denied::Cart(refusal, _) => Error::Cart(refusal),
            cart::Denied::Order(order::Refusal::UnknownOrder) => Error::NotFound("order"),
            cart::Denied::Order(refusal) => Error::Order(refusal),
        }
    }
}

impl From<product::Denied> for Error {
    fn from(denied: product::Denied) -> Self {
        use crate::domain::product::Refusal;
        match denied {
            product::Denied::Product(Refusal::UnknownProduct) => Error::NotFound("product"),
            product::Denied::Product(refusal) => Error::Product(refusal),
            product::Denied::SkuTaken(sku) => Error::SkuTaken(sku.to_string()),
        }
    }
}

impl Error {
    /// A field that is not what it must be.
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Invalid { field: field.into(), why: why.into() }
    }
}
