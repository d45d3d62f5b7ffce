//! The catalogue shows what is adopted, for sale or archived, across restarts; its index finds and
//! sorts it.

use super::*;
use crate::{
    domain::{Currency, product::Variant},
    journal::{MemoryLog, handmade::Pen, state::MemoryStateStore},
    views::{self, Follower},
};

fn id(number: u128) -> ProductId {
    ProductId(Uuid::from_u128(number))
}

fn sku(code: &str) -> Sku {
    Sku::parse(code).unwrap()
}

fn money(amount_minor: i64, currency: &str) -> Money {
    Money { amount_minor, currency: Currency::parse(currency).unwrap() }
}

fn spec(title: &str) -> Spec {
    let variants = vec![Variant::new(sku(&title.to_uppercase()), "", money(500, "USD"))];
    Spec { title: title.into(), variants, ..Spec::default() }
}

fn proposed(revision: u64, title: &str) -> Event {
    Event::Proposed { revision, spec: Box::new(spec(title)) }
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

    fn sells(&mut self, product: u128, spec: Spec) -> &mut Self {
        self.hears(product, Event::Proposed { revision: 1, spec: Box::new(spec) });
        self.hears(product, Event::Adopted { revision: 1 })
    }

    /// The index of a follower that lives from here on, made once by loading and once by folding.
    fn index(&mut self) -> Arc<Index> {
        let readers = self.0.commit().readers();
        let kept = Arc::new(Index::default());
        let follower = Follower::open(
            self.1.clone(),
            readers.clone(),
            views::keeping(kept.clone(), Arc::default()),
        );
        let follower = follower.unwrap();
        kept.load(&*self.1).unwrap();
        follower.pass().unwrap();
        let loaded = Index::default();
        loaded.load(&*self.1).unwrap();
        for sort in Sort::ALL.map(|(_, sort)| sort) {
            for archived in [false, true] {
                let query = Query { archived, sort, ..Query::default() };
                assert_eq!(ids(&kept, &query), ids(&loaded, &query), "{query:?}");
            }
        }
        assert_eq!(kept.categories(), loaded.categories());
        kept
    }

    fn titles(&mut self) -> Vec<String> {
        let index = self.index();
        let (ids, _) = index.page(&Query::default(), None, 50, &|_| true);
        let products = products(&*self.1, &ids).unwrap();
        products.into_iter().map(|product| product.spec.title).collect()
    }
}

/// All that a query finds, a page of two after the other.
fn ids(index: &Index, query: &Query) -> Vec<u128> {
    let (mut found, mut after) = (vec![], None);
    loop {
        let (page, next) = index.page(query, after.as_deref(), 2, &|sku| sku.as_str() < "B");
        found.extend(page.iter().map(|id| id.0.as_u128()));
        let Some(next) = next else { return found };
        assert_eq!(page.len(), 2);
        after = Some(query.key_in(&next).unwrap());
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
    let taken = sku("A");
    shop.hears(1, Event::Rejected { revision: 2, taken });
    assert_eq!(shop.hears(1, Event::Unclaimed { revision: 2 }).titles(), ["tee"]);
    shop.hears(1, proposed(3, "shirt")).hears(1, Event::Adopted { revision: 3 });
    assert_eq!(shop.titles(), ["shirt"]);
}

#[test]
fn what_is_archived_is_listed_apart_until_it_is_restored() {
    let mut shop = Shop::new();
    for (number, title) in [(1, "one"), (2, "two"), (3, "three")] {
        shop.sells(number, spec(title));
    }
    assert_eq!(shop.hears(2, Event::Archived { revision: 2 }).titles(), ["three", "one"]);
    let archived = Query { archived: true, ..Query::default() };
    assert_eq!(ids(&shop.index(), &archived), [2]);
    shop.hears(2, Event::Restored { revision: 3 });
    assert_eq!(shop.titles(), ["three", "two", "one"], "where it was");
    assert_eq!(ids(&shop.index(), &archived), [] as [u128; 0]);
    let restored = &products(&*shop.1, &[id(2), id(9)]).unwrap()[..];
    assert_eq!((restored.len(), restored[0].revision, restored[0].archived), (1, 3, false));
}

/// Four products of different kinds.
fn fair() -> Shop {
    let mut shop = Shop::new();
    let kinds = [
        ("apron", "Home > Kitchen", "North", ["new", "red"], money(900, "USD")),
        ("Bowl", "Home", "North", ["new", "blue"], money(300, "USD")),
        ("cap", "Apparel > Hats", "South", ["red", "wool"], money(900, "EUR")),
        ("Dress", "Apparel", "South", ["red", "new"], money(4_000, "USD")),
    ];
    for (number, (title, category, vendor, tags, price)) in (1..).zip(kinds) {
        let mut spec = spec(title);
        let dear = Variant { price: money(9_999, "USD"), ..spec.variants[0].clone() };
        spec.variants[0].price = price;
        spec.variants.push(Variant { sku: sku(&format!("X{number}")), ..dear });
        (spec.category, spec.vendor) = (category.into(), vendor.into());
        spec.tags = tags.map(str::to_owned).to_vec();
        shop.sells(number, spec);
    }
    shop
}

#[test]
fn each_order_is_total_and_its_own_reverse() {
    let index = fair().index();
    let sorted = |sort| ids(&index, &Query { sort, ..Query::default() });
    for (up, down, expected) in [
        (Sort::Oldest, Sort::Newest, [1, 2, 3, 4]),
        (Sort::Price, Sort::PriceDown, [2, 3, 1, 4]),
        (Sort::Title, Sort::TitleDown, [1, 2, 3, 4]),
    ] {
        assert_eq!(sorted(up), expected, "{up:?}");
        assert_eq!(sorted(down), expected.iter().rev().copied().collect::<Vec<_>>(), "{down:?}");
    }
}

#[test]
fn a_filter_keeps_what_it_says() {
    let index = fair().index();
    let all = || Query { sort: Sort::Oldest, ..Query::default() };
    let text = |text: &str| Some(text.to_owned());
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    for (query, expected) in [
        (all(), &[1, 2, 3, 4][..]),
        (Query { category: text("Home"), ..all() }, &[1, 2]),
        (Query { category: text("Home > Kitchen"), ..all() }, &[1]),
        (Query { category: text("Hom"), ..all() }, &[]),
        (Query { vendor: text("South"), ..all() }, &[3, 4]),
        (Query { tags: tags(&["red"]), ..all() }, &[1, 3, 4]),
        (Query { tags: tags(&["new", "red"]), ..all() }, &[1, 4]),
        (Query { price_min: Some(900), ..all() }, &[1, 3, 4]),
        (Query { price_max: Some(900), ..all() }, &[1, 2, 3]),
        (Query { price_min: Some(301), price_max: Some(3_999), ..all() }, &[1, 3]),
        (Query { currency: Currency::parse("EUR"), ..all() }, &[3]),
        // Only `APRON` has stock.
        (Query { in_stock: Some(true), ..all() }, &[1]),
        (Query { in_stock: Some(false), ..all() }, &[2, 3, 4]),
        (Query { archived: true, ..all() }, &[]),
    ] {
        assert_eq!(ids(&index, &query), expected, "{query:?}");
    }
}

#[test]
fn a_cursor_belongs_to_its_query() {
    let index = fair().index();
    let query = Query { tags: vec!["red".into(), "new".into()], ..Query::default() };
    let (_, next) = index.page(&query, None, 1, &|_| true);
    let next = next.unwrap();
    let turned = Query { tags: vec!["new".into(), "red".into()], ..query.clone() };
    assert!(turned.key_in(&next).is_some(), "the same tags");
    for other in [
        Query::default(),
        Query { sort: Sort::Oldest, ..query.clone() },
        Query { archived: true, ..query.clone() },
        Query { price_min: Some(0), ..query.clone() },
    ] {
        assert_eq!(other.key_in(&next), None, "{other:?}");
    }
    for foreign in ["", "x", "00", &next[2..], &next[..20], &format!("{next}0")] {
        assert_eq!(query.key_in(foreign), None, "{foreign}");
    }
}

#[test]
fn pages_stay_what_they_are_while_products_come_and_go() {
    let mut shop = fair();
    let query = Query { sort: Sort::Newest, ..Query::default() };
    let (first, next) = shop.index().page(&query, None, 2, &|_| true);
    let after = query.key_in(&next.unwrap()).unwrap();
    shop.sells(9, spec("new")).hears(4, Event::Archived { revision: 2 });
    let (second, end) = shop.index().page(&query, Some(&after), 2, &|_| true);
    let seen: Vec<_> = first.iter().chain(&second).map(|id| id.0.as_u128()).collect();
    assert_eq!((seen, end), (vec![4, 3, 2, 1], None), "none twice and none left out");
}

#[test]
fn categories_are_those_of_what_is_for_sale() {
    let mut shop = fair();
    let names = |shop: &mut Shop| {
        let tree = shop.index().categories();
        tree.iter().map(|node| (node.name.clone(), node.products)).collect::<Vec<_>>()
    };
    let both = [("Apparel".to_owned(), 2), ("Home".to_owned(), 2)];
    assert_eq!(names(&mut shop), both);
    shop.hears(3, Event::Archived { revision: 2 }).hears(4, Event::Archived { revision: 2 });
    assert_eq!(names(&mut shop), both[1..]);
    shop.hears(3, Event::Restored { revision: 3 });
    let mut moved = spec("apron");
    moved.category = "Apparel".into();
    shop.hears(1, Event::Proposed { revision: 2, spec: Box::new(moved) });
    shop.hears(1, Event::Adopted { revision: 2 });
    assert_eq!(names(&mut shop), [("Apparel".to_owned(), 2), ("Home".to_owned(), 1)]);
}

#[test]
fn a_view_that_is_made_again_forgets_what_it_held() {
    let mut shop = fair();
    let readers = shop.0.commit().readers();
    let index = Arc::new(Index::default());
    let follower =
        Follower::open(shop.1.clone(), readers, views::keeping(index.clone(), Arc::default()))
            .unwrap();
    follower.pass().unwrap();
    let before = ids(&index, &Query::default());
    index.clear();
    assert!(follower.rebuild(NAME));
    follower.pass().unwrap();
    assert_eq!(ids(&index, &Query::default()), before);
    let other: Arc<dyn StateStore> = Arc::new(MemoryStateStore::default());
    views::follower::clear(&*other, &Catalogue::keeping(index.clone()), 1).unwrap();
    assert_eq!(ids(&index, &Query::default()), [] as [u128; 0]);
}
