//! Which earlier invoice a cancellation takes units back from.
//!
//! The file does not say. So a unit comes back from the newest invoice, earlier in the file, on
//! which the same customer bought the same stock code at the same price and still has one.
//! Invariant: no unit comes back twice, and none that was not bought before.

use crate::domain::Sku;
use std::collections::HashMap;

/// What each customer has bought so far and kept.
#[derive(Default)]
pub(super) struct Purchases(HashMap<(String, Sku), Vec<Purchase>>);

/// Units of one line of an invoice that have not come back.
struct Purchase {
    invoice: usize,
    units: u32,
}

impl Purchases {
    /// Somebody known bought so many units on an invoice.
    pub(super) fn note(&mut self, customer: &str, sku: &Sku, invoice: usize, units: u32) {
        let bought = self.0.entry((customer.to_owned(), sku.clone())).or_default();
        match bought.iter_mut().find(|purchase| purchase.invoice == invoice) {
            Some(purchase) => purchase.units = purchase.units.saturating_add(units),
            None => bought.push(Purchase { invoice, units }),
        }
    }

    /// The invoices from which `units` come back, the newest first, and how many from each: fewer
    /// in all where the customer has fewer.
    pub(super) fn take_back(
        &mut self,
        customer: &str,
        sku: &Sku,
        mut units: u64,
    ) -> Vec<(usize, u32)> {
        let mut back = vec![];
        let Some(bought) = self.0.get_mut(&(customer.to_owned(), sku.clone())) else { return back };
        for purchase in bought.iter_mut().rev() {
            let part = purchase.units.min(u32::try_from(units).unwrap_or(u32::MAX));
            if part > 0 {
                purchase.units -= part;
                units -= u64::from(part);
                back.push((purchase.invoice, part));
            }
        }
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_purchase_comes_back_first_and_nothing_twice() {
        let sku = Sku::parse("A-1.00").unwrap();
        let mut purchases = Purchases::default();
        for (invoice, units) in [(1, 5), (2, 2), (3, 4), (3, 1)] {
            purchases.note("ana", &sku, invoice, units);
        }
        assert_eq!(purchases.take_back("ana", &sku, 6), [(3, 5), (2, 1)]);
        assert_eq!(purchases.take_back("ana", &sku, 1), [(2, 1)]);
        assert_eq!(purchases.take_back("ana", &sku, 9), [(1, 5)], "no more than was bought");
        assert_eq!(purchases.take_back("ana", &sku, 1), []);
        assert_eq!(purchases.take_back("ben", &sku, 1), []);
        let other = Sku::parse("A-2.00").unwrap();
        assert_eq!(purchases.take_back("ana", &other, 1), [], "another price");
    }
}
