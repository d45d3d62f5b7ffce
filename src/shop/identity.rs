//! Who a token belongs to, and which command a key means.
//!
//! A token is an id and a MAC by the store's secret: nothing is looked up to check one, and the id
//! alone opens nothing. A key names the same command only for the same caller and route.

use super::Shop;
use crate::{
    domain::{By, CartId, CommandId, Fingerprint, OrderId, sku::Buyer},
    journal::Secret,
};
use std::fmt::Write as _;
use uuid::Uuid;

/// An Idempotency-Key and what came with it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// What the client sent, 1 to 255 bytes.
    pub text: &'a str,
    /// Where to: the method and the route with its ids.
    pub route: &'a str,
    /// The body as it came.
    pub body: &'a [u8],
}

impl Key<'_> {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 255;

    pub(super) fn identify(&self, secret: &Secret, by: By) -> (CommandId, Fingerprint) {
        let mut scope = format!("{by}\n{}\n", self.route);
        scope.push_str(self.text);
        let command = Uuid::from_bytes(secret.mac("command", scope.as_bytes()));
        (CommandId(command), Fingerprint(secret.fingerprint("body", self.body)))
    }
}

/// What lets somebody see an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The admin token.
    Admin,
    /// The order's own token.
    Order(OrderId),
}

impl Shop {
    /// The only key to a guest's cart.
    pub fn cart_token(&self, cart: CartId) -> String {
        token(cart, &self.0.secret.mac("cart-token", cart.0.as_bytes()))
    }

    /// Whose cart a token opens.
    pub fn cart_of(&self, token: &str) -> Option<CartId> {
        let (id, mac) = token.split_once('.')?;
        let cart = CartId::parse(id)?;
        let good = self.0.secret.verify_mac("cart-token", cart.0.as_bytes(), &mac_bytes(mac)?);
        good.then_some(cart)
    }

    /// The only key to a guest's order.
    pub fn order_token(&self, order: OrderId) -> String {
        token(order, &self.0.secret.mac("order-token", order.0.as_bytes()))
    }

    /// Whose order a token opens.
    pub fn order_of(&self, token: &str) -> Option<OrderId> {
        let (id, mac) = token.split_once('.')?;
        let order = OrderId::parse(id)?;
        let good = self.0.secret.verify_mac("order-token", order.0.as_bytes(), &mac_bytes(mac)?);
        good.then_some(order)
    }

    /// Whom limits count for an e-mail: the same for every way to write it.
    pub fn buyer_of(&self, email: &str) -> Buyer {
        let normalised = email.trim().to_lowercase();
        Buyer(u128::from_be_bytes(self.0.secret.mac("email", normalised.as_bytes())))
    }
}

fn token(id: impl std::fmt::Display, mac: &[u8; 16]) -> String {
    let mut token = String::with_capacity(72);
    let _ = write!(token, "{id}.");
    let mut buffer = [0; 32];
    token.push_str(Uuid::from_bytes(*mac).simple().encode_lower(&mut buffer));
    token
}

fn mac_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = (text.len() == 32).then_some(text)?;
    Uuid::try_parse(digits).ok().map(Uuid::into_bytes)
}
