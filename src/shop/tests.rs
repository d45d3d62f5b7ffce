//! Whole journeys through the in-process API, on real files.

use super::{
    Error, Key, Opened, Options, Shop,
    cart::Cart,
    open,
    orders::{Address, Details, Order, Payment, Returned},
};
use crate::{
    actors::Settings,
    domain::{
        Currency, Locale, Money, Sku,
        order::{self, Status},
        product::{Spec, Variant},
        sku::Refusal,
    },
};
use tempfile::TempDir;

mod admission;
mod broken;
mod durable;
mod faults;
mod journeys;
mod large;
mod mail;
mod memory;
mod owing;
mod repeats;
mod rest;
mod sold_out;
mod sweep;

fn sku(code: &str) -> Sku {
    Sku::parse(code).unwrap()
}

fn usd(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::parse("USD").unwrap() }
}

fn spec(skus: &[&str], units: u64) -> Spec {
    let variant = |code: &&str| Variant {
        weight_g: 200,
        units,
        ..Variant::new(sku(code), *code, usd(1_999))
    };
    Spec {
        title: "Tee".into(),
        category: "shirts".into(),
        variants: skus.iter().map(variant).collect(),
        ..Spec::default()
    }
}

fn details(token: &str) -> Details {
    let address = Address {
        name: "Ana".into(),
        line1: "1 Main St".into(),
        line2: None,
        city: "Springfield".into(),
        region: None,
        postal_code: "12345".into(),
        country: "US".into(),
    };
    let payment = Payment { method: "card".into(), token: token.into() };
    Details { email: "ana@example.com".into(), address, gift: None, payment, locale: Locale::En }
}

fn key(text: &str) -> Key<'_> {
    Key { text, route: "checkout", body: b"{}" }
}

/// A shop in a folder that can be closed and opened again.
struct House {
    folder: TempDir,
    options: Options,
    opened: Opened,
}

impl House {
    async fn new(shards: usize, settings: Settings) -> House {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { settings, shards, cache_bytes: 4 << 20, ..Options::default() };
        let opened = open::open(folder.path(), options.clone()).await.unwrap();
        House { folder, options, opened }
    }

    async fn reopen(self) -> House {
        let House { folder, options, opened } = self;
        opened.close().await;
        let opened = open::open(folder.path(), options.clone()).await.unwrap();
        House { folder, options, opened }
    }

    async fn close(self) {
        self.opened.close().await;
    }

    fn shop(&self) -> Shop {
        self.opened.shop.clone()
    }
}

async fn buy(shop: &Shop, code: &str, units: u32, token: &str, text: &str) -> Result<Order, Error> {
    let cart: Cart = shop.add_to_cart(None, &sku(code), units, None).await?;
    let order = shop.check_out(cart.id, &details(token), key(text), None).await?;
    shop.wait_settled(order.id).await
}
