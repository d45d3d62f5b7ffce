//! The catalogue shows what is adopted and not archived, across restarts.

use super::*;
use crate::{
    domain::Sku,
    journal::{MemoryLog, handmade::Pen, state::MemoryStateStore},
    views::Follower,
};
use std::sync::Arc;

fn id(number: u128) -> ProductId {
    ProductId(Uuid::from_u128(number))
}

fn proposed(revision: u64, title: &str) -> Event {
    let spec = Spec { title: title.into(), ..Spec::default() };
    Event::Proposed { revision, spec: Box::new(spec) }
}

/// A shop whose follower is started anew for every look at the list.
struct Shop(Pen<MemoryLog>, Arc<MemoryStateStore>);

impl Shop {
    fn new() -> Shop {
        Shop(Pen::memory(1), Arc::new(MemoryStateStore::default()))
    }

    fn hears(&mut self, product: u128, event: Event) -> &mut Self {
        self.0.now = self.0.now.plus_ms(1000);
        self.0.write(id(product), event);
        self
    }

    fn titles(&mut self) -> Vec<String> {
        let readers = self.0.commit().readers();
        let views: Vec<Box<dyn View>> = vec![Box::new(Catalogue)];
        Follower::open(self.1.clone(), readers, views).unwrap().pass().unwrap();
        let (products, _) = page(&*self.1, None, 50).unwrap();
        products.into_iter().map(|product| product.spec.title).collect()
    }
}

#[test]
fn a_product_is_listed_once_it_is_adopted_even_if_a_restart_lies_between() {
    let mut shop = Shop::new();
    assert_eq!(shop.hears(1, proposed(1, "tee")).titles(), [""; 0]);
    assert_eq!(shop.hears(1, Event::Adopted { revision: 1 }).titles(), ["tee"]);
    assert_eq!(shop.hears(1, proposed(2, "shirt")).titles(), ["tee"]);
    assert_eq!(shop.hears(1, Event::Adopted { revision: 2 }).titles(), ["shirt"]);
}

#[test]
fn a_rejected_proposal_changes_nothing() {
    let mut shop = Shop::new();
    shop.hears(1, proposed(1, "tee")).hears(1, Event::Adopted { revision: 1 });
    shop.hears(1, proposed(2, "taken"));
    let taken = Sku::parse("A").unwrap();
    shop.hears(1, Event::Rejected { revision: 2, taken });
    assert_eq!(shop.hears(1, Event::Unclaimed { revision: 2 }).titles(), ["tee"]);
    shop.hears(1, proposed(3, "shirt")).hears(1, Event::Adopted { revision: 3 });
    assert_eq!(shop.titles(), ["shirt"]);
}

#[test]
fn what_is_archived_is_not_listed_and_the_newest_comes_first() {
    let mut shop = Shop::new();
    for (number, title) in [(1, "one"), (2, "two"), (3, "three")] {
        shop.hears(number, proposed(1, title)).hears(number, Event::Adopted { revision: 1 });
    }
    assert_eq!(shop.hears(2, Event::Archived { revision: 2 }).titles(), ["three", "one"]);
    let (first, cursor) = page(&*shop.1, None, 1).unwrap();
    let (second, end) =
        page(&*shop.1, cursor.as_deref().and_then(Cursor::parse).as_ref(), 1).unwrap();
    assert_eq!((first[0].id, second[0].id, end), (id(3), id(1), None));
}
