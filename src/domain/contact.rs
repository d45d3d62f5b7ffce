//! What a checkout says about people, as it is sealed in the order.
//!
//! Machines carry it as [`Sealed`](super::Sealed) only; whoever may see it opens it with the
//! journal's keyring. Invariant: a field's number never changes, since it makes the nonce.

use serde::{Deserialize, Serialize};

/// Which value under an order's key: a [`Contact`].
pub const CONTACT: u8 = 0;
/// Which value under an order's key: a [`Gift`].
pub const GIFT: u8 = 1;
/// Which value under an order's key: the payment token.
pub const PAYMENT: u8 = 2;

/// Where to send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Who lives there.
    pub name: String,
    /// Street and number.
    pub line1: String,
    /// Floor, flat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// Town.
    pub city: String,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: String,
    /// ISO 3166 alpha-2 code.
    pub country: String,
}

/// For somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gift {
    /// Whom it is for; with an e-mail address, who is written to.
    pub to: String,
    /// What to write on the card.
    pub message: String,
}

/// Who bought and where to send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Where to write to.
    pub email: String,
    /// Where to send it.
    pub address: Address,
}
