//! The JSON shapes of the contract that a shopper reads and writes.
//!
//! Written from the contract, not from the server's code: what a shopper does not need is not
//! read, so a server may add to its answers. Counts that a broken shop could drive below zero
//! are signed, for it is here that one would find out.

use crate::domain::{Money, Sku};
use serde::{Deserialize, Serialize};

/// `problem+json`: why not, and what helps next.
#[derive(Debug, Default, Deserialize)]
pub struct Problem {
    /// The machine-readable reason.
    pub code: String,
    /// When to ask again.
    pub retry_after_ms: Option<u64>,
}

/// Units of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Owned, reserved ones included.
    pub on_hand: i64,
    /// In carts and open orders.
    pub reserved: i64,
    /// Since the SKU was made.
    pub sold: i64,
    /// What may still be reserved.
    pub free: i64,
    /// Present while terms of a sale are set.
    pub sale: Option<Sale>,
}

/// The terms of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// What a unit costs.
    pub price: Money,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A product as the catalogue lists it.
#[derive(Debug, Deserialize)]
pub struct Product {
    /// What it is sold as.
    pub variants: Vec<Listed>,
}

/// A variant as the catalogue lists it.
#[derive(Debug, Deserialize)]
pub struct Listed {
    /// Its code.
    pub sku: Sku,
    /// What a unit costs outside of a sale.
    pub price: Money,
}

/// A product to make.
#[derive(Clone, Debug, Serialize)]
pub struct NewProduct {
    /// What shoppers read.
    pub title: String,
    /// More of it.
    pub description: String,
    /// Where it is listed.
    pub category: String,
    /// What finds it.
    pub tags: Vec<String>,
    /// Addresses of pictures.
    pub images: Vec<String>,
    /// What it is sold as.
    pub variants: Vec<NewVariant>,
}

/// A variant to make, with its first stock.
#[derive(Clone, Debug, Serialize)]
pub struct NewVariant {
    /// Its code.
    pub sku: Sku,
    /// What sets it apart from the others.
    pub title: String,
    /// What a unit costs.
    pub price: Money,
    /// What a unit weighs.
    pub weight_g: u32,
    /// The first receipt.
    pub units: u64,
}

/// Units of a SKU, as added to a cart or sent back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which.
    pub sku: Sku,
    /// How many.
    pub units: u32,
}

/// What a checkout asks for.
#[derive(Debug, Serialize)]
pub struct Checkout<'a> {
    /// Who buys; a limit per buyer goes by it.
    pub email: &'a str,
    /// Where to.
    pub address: Address,
    /// By what.
    pub payment: Payment<'a>,
}

/// Where every rehearsal's orders go.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "an address has no surprises")]
pub struct Address {
    pub name: &'static str,
    pub line1: &'static str,
    pub city: &'static str,
    pub postal_code: &'static str,
    pub country: &'static str,
}

/// A payment method of the built-in simulator.
#[derive(Debug, Serialize)]
pub struct Payment<'a> {
    method: &'static str,
    token: &'a str,
}

impl<'a> Checkout<'a> {
    /// A card order to the rehearsal's address.
    pub fn new(email: &'a str, token: &'a str) -> Checkout<'a> {
        let address = Address {
            name: "Rehearsal",
            line1: "1 Market Square",
            city: "Springfield",
            postal_code: "12345",
            country: "US",
        };
        Checkout { email, address, payment: Payment { method: "card", token } }
    }
}

/// An order as its buyer reads it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// How far it got.
    pub status: String,
    /// How far its money got.
    pub payment_status: String,
    /// What was bought.
    pub items: Vec<Item>,
    /// What it costs.
    pub total: Money,
    /// What came back of it.
    #[serde(default)]
    pub returns: Vec<Returned>,
    /// The key to read it again; given at checkout.
    pub access_token: Option<String>,
}

impl Order {
    /// Whether it is bought and paid.
    pub fn is_settled_well(&self) -> bool {
        self.status == "confirmed" && self.payment_status == "captured"
    }

    /// Whether it was bought and paid, and all of it came back.
    pub fn is_returned_well(&self) -> bool {
        self.status == "returned" && self.payment_status == "refunded"
    }
}

/// Units of an order that came back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Returned {
    /// Which, and how many of each.
    pub items: Vec<Line>,
    /// What they cost.
    pub amount: Money,
    /// Whether that was given back.
    pub refunded: bool,
}

/// Units to take back.
#[derive(Debug, Serialize)]
pub struct Parcel<'a> {
    /// Which, and how many of each.
    pub items: &'a [Line],
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Item {
    /// Which.
    pub sku: Sku,
    /// How many.
    pub units: u32,
    /// What a unit cost.
    pub price: Money,
}
