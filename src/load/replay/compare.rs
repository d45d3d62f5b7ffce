//! The file against the shop: units and money of every SKU, from the orders and from the stock.
//!
//! Pure: what the file says and what the shop says in, differences out.

use super::super::{contract::Inventory, desk::ReadBack, trace::Sold};
use crate::domain::Sku;
use std::collections::{BTreeMap, HashMap};

/// Money over all orders, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Money {
    /// Taken.
    pub captured: i64,
    /// Given back for what came back.
    pub refunded: i64,
}

/// What one SKU moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Net {
    units: i64,
    amount_minor: i128,
}

/// What the shop has of a SKU when the file is through: sold, on hand, reserved, free.
pub(super) fn expected_stock(sold: &Sold) -> Option<(i64, i64, i64, i64)> {
    let back = i64::try_from(sold.returned).ok()?;
    let kept = i64::try_from(sold.units).ok()?.checked_sub(back)?;
    Some((kept, back, 0, back))
}

pub(super) fn counts(stock: &Inventory) -> (i64, i64, i64, i64) {
    (stock.sold, stock.on_hand, stock.reserved, stock.free)
}

/// Units and money per SKU and over all: the file's against the orders' and the stock's.
pub(super) fn compare(
    sold: &BTreeMap<Sku, Sold>,
    orders: &[ReadBack],
    stock: &HashMap<Sku, Inventory>,
    differences: &mut Vec<String>,
) -> Money {
    let mut money = Money::default();
    let mut held: HashMap<&Sku, Net> = HashMap::new();
    for order in orders {
        add_order(order, &mut held, &mut money, differences);
    }
    let (mut captured, mut refunded) = (0, 0);
    for (sku, sold) in sold {
        captured += sold.amount_minor(sold.units);
        refunded += sold.amount_minor(sold.returned);
        let kept = sold.units.saturating_sub(sold.returned);
        let file = Net {
            units: i64::try_from(kept).unwrap_or(i64::MAX),
            amount_minor: sold.amount_minor(kept),
        };
        let shop = held.remove(sku).unwrap_or_default();
        if shop != file {
            differences.push(format!(
                "{sku}: the file sells {} units for {} and keeps them sold, orders hold {} for {}",
                file.units, file.amount_minor, shop.units, shop.amount_minor
            ));
        }
        let left = stock.get(sku).map(counts);
        if left.is_none() || left != expected_stock(sold) {
            differences.push(format!(
                "{sku}: of {} units that the file sells {} come back, the shop's stock says \
                 {left:?} (sold, on hand, reserved, free)",
                sold.units, sold.returned
            ));
        }
    }
    for (sku, Net { units, .. }) in held {
        differences.push(format!("{sku}: {units} units ordered that nobody put into a cart"));
    }
    let shop = (i128::from(money.captured), i128::from(money.refunded));
    if shop != (captured, refunded) {
        differences.push(format!(
            "the file takes {captured} and gives {refunded} back, the orders say {} and {}",
            shop.0, shop.1
        ));
    }
    money
}

/// Adds what an order says of itself now, and names what does not add up in it.
fn add_order<'o>(
    ReadBack { told, read }: &'o ReadBack,
    held: &mut HashMap<&'o Sku, Net>,
    money: &mut Money,
    differences: &mut Vec<String>,
) {
    let read = match read {
        Ok(read) if read.is_settled_well() || read.is_returned_well() => read,
        Ok(read) => {
            let (id, status, payment) = (&read.id, &read.status, &read.payment_status);
            return differences.push(format!("{id}: told confirmed, reads {status}/{payment}"));
        }
        Err(reason) => {
            return differences
                .push(format!("{}: told confirmed, can't be read: {reason}", told.id));
        }
    };
    let mut prices = HashMap::new();
    let mut total = 0;
    for item in &read.items {
        let amount_minor = i128::from(item.units) * i128::from(item.price.amount_minor);
        let net = held.entry(&item.sku).or_default();
        net.units += i64::from(item.units);
        net.amount_minor += amount_minor;
        total += amount_minor;
        prices.insert(&item.sku, item.price.amount_minor);
    }
    if total != i128::from(read.total.amount_minor) {
        differences.push(format!("{}: items make {total}, total {}", read.id, read.total));
    }
    money.captured += read.total.amount_minor;
    for back in &read.returns {
        let mut part = 0;
        for line in &back.items {
            let price = prices.get(&line.sku).copied().unwrap_or_default();
            let amount_minor = i128::from(line.units) * i128::from(price);
            let net = held.entry(&line.sku).or_default();
            net.units -= i64::from(line.units);
            net.amount_minor -= amount_minor;
            part += amount_minor;
        }
        if !back.refunded {
            differences.push(format!("{}: {} came back and is not refunded", read.id, back.amount));
            continue;
        }
        money.refunded += back.amount.amount_minor;
        if part != i128::from(back.amount.amount_minor) {
            let said = back.amount;
            differences.push(format!("{}: what came back cost {part}, refunded {said}", read.id));
        }
    }
}
