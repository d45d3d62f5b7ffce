//! Random admins: they receive, count, move and write off stock, put it on sale, take orders back
//! and edit products.

use super::{dice::Dice, history::Fact, process::Process};
use crate::{
    domain::{
        Currency, Money, Sku, Time,
        order::Back,
        product::{Spec, Variant},
        sku::{Command, Sale},
    },
    shop::{Key, orders::Returned},
};

/// Where stock stands.
const LOCATIONS: [&str; 3] = ["main", "north", "south"];

/// How long an admin waits.
const PATIENCE_MS: u64 = 20_000;

fn dollars(minor: i64) -> Option<Money> {
    Some(Money { amount_minor: minor, currency: Currency::parse("USD")? })
}

/// A product of these SKUs.
pub(super) fn spec(title: &str, skus: &[Sku], units: u64, minor: i64) -> Option<Spec> {
    let price = dollars(minor)?;
    let variant = |sku: &Sku| Variant { units, ..Variant::new(sku.clone(), sku.as_str(), price) };
    Some(Spec {
        title: title.to_owned(),
        category: "shirts".to_owned(),
        variants: skus.iter().map(variant).collect(),
        ..Spec::default()
    })
}

/// A sale that is on.
pub(super) fn sale(now: Time, units_per_buyer: Option<u32>) -> Option<Sale> {
    let (opens_at, closes_at) = (now, now.plus_ms(1_000_000_000));
    Some(Sale { opens_at, closes_at, price: dollars(900)?, units_per_buyer })
}

impl Process {
    fn one_sku(&self, dice: &mut Dice) -> Option<Sku> {
        dice.pick(&self.stage.record().history.skus).cloned()
    }

    /// A command to a SKU, under a key and asked twice at times.
    #[expect(clippy::needless_pass_by_value, reason = "each caller makes them for this call")]
    fn manage(&mut self, dice: &mut Dice, sku: Sku, command: Command, reference: Option<String>) {
        let times = if reference.is_some() && dice.chance(400) { 2 } else { 1 };
        for _ in 0..times {
            let (shop, code, command) = (self.shop.clone(), sku.clone(), command.clone());
            let what = format!("admin: {sku} {command:?}");
            let text = reference.clone();
            let asked = async move {
                let key = text.as_deref().map(|text| Key { text, route: "stock", body: b"{}" });
                shop.manage_stock(&code, command, key).await
            };
            let (sku, reference) = (sku.clone(), reference.clone());
            self.client(what, PATIENCE_MS, asked, move |record, _| {
                if let Some(reference) = reference {
                    record.history.learn(Fact::Stock { sku, reference });
                }
            });
        }
    }

    pub(super) fn receive(&mut self, dice: &mut Dice, number: u64) {
        let Some(sku) = self.one_sku(dice) else { return };
        let (units, location) = (1 + dice.below(8), place(dice));
        let reference = format!("delivery {number}");
        let command = Command::Receive { units, location, reference: Some(reference.clone()) };
        self.manage(dice, sku, command, Some(reference));
    }

    pub(super) fn adjust(&mut self, dice: &mut Dice, number: u64) {
        let Some(sku) = self.one_sku(dice) else { return };
        let delta = i64::try_from(dice.below(9)).unwrap_or(0) - 4;
        let reason = format!("count {number}");
        let command = Command::Adjust { delta, location: place(dice), reason: reason.clone() };
        self.manage(dice, sku, command, Some(reason));
    }

    pub(super) fn write_off(&mut self, dice: &mut Dice, number: u64) {
        let Some(sku) = self.one_sku(dice) else { return };
        let (units, reason) = (1 + dice.below(3), format!("broken {number}"));
        let command = Command::WriteOff { units, location: place(dice), reason: reason.clone() };
        self.manage(dice, sku, command, Some(reason));
    }

    pub(super) fn transfer(&mut self, dice: &mut Dice) {
        let Some(sku) = self.one_sku(dice) else { return };
        let command =
            Command::Transfer { units: 1 + dice.below(5), from: place(dice), to: place(dice) };
        self.manage(dice, sku, command, None);
    }

    /// The first SKU's sale has a limit and stays as it is.
    pub(super) fn sell(&mut self, dice: &mut Dice) {
        let others = self.stage.record().history.skus.get(1..).map(<[Sku]>::to_vec);
        let Some(sku) = others.and_then(|skus| dice.pick(&skus).cloned()) else { return };
        let command = match dice.below(3) {
            0 => Command::EndSale,
            1 => Command::SetLowStock { units: dice.below(6) },
            _ => match sale(self.shop.now(), None) {
                Some(sale) => Command::SetSale(sale),
                None => return,
            },
        };
        self.manage(dice, sku, command, None);
    }

    /// Some units of an order come back.
    pub(super) fn take_back(&mut self, dice: &mut Dice, number: u64) {
        let order = {
            let record = self.stage.record();
            let Some(order) = dice.pick(&record.history.orders).copied() else { return };
            let items = record.model.orders.get(&order).map(|book| book.items.clone());
            items.map(|items| (order, items))
        };
        let Some((order, items)) = order else { return };
        let mut back = vec![];
        for (sku, (units, _)) in items {
            if dice.chance(700) {
                let units = u32::try_from(1 + dice.below(units + 1)).unwrap_or(1);
                back.push(Back { sku, units });
            }
        }
        let (text, restock) = (format!("return-{number}"), dice.chance(600));
        for _ in 0..=dice.below(2) {
            let (shop, items, text) = (self.shop.clone(), back.clone(), text.clone());
            let what = format!("admin: {items:?} of {order} come back");
            let asked = async move {
                let key = Key { text: &text, route: "return", body: b"{}" };
                let returned = Returned { items, reason: None, restock };
                shop.return_units(order, returned, key).await
            };
            self.client(what, PATIENCE_MS, asked, |record, order| {
                record.history.told_order(&order);
            });
        }
    }

    /// A product gets another title and price.
    pub(super) fn edit(&mut self, dice: &mut Dice, number: u64) {
        let products = self.stage.record().history.products.clone();
        let Some((id, spec)) = dice.pick(&products).cloned() else { return };
        let mut spec = Spec { title: format!("Tee {number}"), ..spec };
        let Some(price) = dollars(1_000 + i64::try_from(dice.below(2_000)).unwrap_or(0)) else {
            return;
        };
        spec.variants.iter_mut().for_each(|variant| variant.price = price);
        let shop = self.shop.clone();
        let asked = async move { shop.update_product(id, spec, None, None).await };
        self.client(
            format!("admin: {id} is edited"),
            PATIENCE_MS,
            asked,
            move |record, product| {
                let revision = product.state.revision();
                record.history.learn(Fact::Product { product: id, revision });
            },
        );
    }

    /// A product is taken off the shelf, or put back.
    pub(super) fn shelve(&mut self, dice: &mut Dice) {
        let products = self.stage.record().history.products.clone();
        let Some((id, _)) = dice.pick(&products).cloned() else { return };
        let (shop, archive) = (self.shop.clone(), dice.chance(350));
        let asked = async move {
            if archive {
                shop.archive_product(id, None).await
            } else {
                shop.restore_product(id, None, None).await
            }
        };
        let what = format!("admin: {id} is {}", if archive { "archived" } else { "restored" });
        self.client(what, PATIENCE_MS, asked, |_, _| {});
    }
}

fn place(dice: &mut Dice) -> String {
    let often = if dice.chance(700) { LOCATIONS.first() } else { dice.pick(&LOCATIONS) };
    often.copied().unwrap_or("main").to_owned()
}
