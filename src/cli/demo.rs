//! The demo catalogue of a first start: compiled in, so the binary brings it wherever it is.

use crate::{
    domain::{
        Money, Sku, Time,
        product::Spec,
        sku::{Command, Sale},
    },
    shop::{Error, Key, Shop, catalogue::Product},
};
use serde::Deserialize;
use std::collections::BTreeSet;

const CATALOGUE: &str = include_str!("../../data/demo.json");

/// One product, and the terms of its sale if it has one.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    #[serde(flatten)]
    spec: Spec,
    #[serde(default)]
    drop: Option<Terms>,
}

/// A sale that begins with the shop.
#[derive(Clone, Debug, Deserialize)]
struct Terms {
    /// Seconds from the first start.
    opens_in_s: u64,
    lasts_s: u64,
    price: Money,
    units_per_buyer: Option<u32>,
}

/// What a first start has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// How many products.
    pub products: usize,
    /// SKUs whose sale is to come, and when it opens.
    pub drops: Vec<(Sku, Time)>,
}

/// Makes the demo's products in a store that has nothing else. A start that was cut short goes on
/// where it ended: each product and each sale has a key of its own.
///
/// # Errors
/// The shop refused.
pub async fn bring(shop: &Shop) -> Result<Brought, Error> {
    let entries = entries()?;
    let variants = entries.iter().flat_map(|entry| &entry.spec.variants);
    let demo: BTreeSet<&str> = variants.map(|variant| variant.sku.as_str()).collect();
    let slots = shop.system().board.all();
    let known: BTreeSet<&str> = slots.iter().map(|slot| slot.sku().as_str()).collect();
    // All is there with the last product, since each sale is set before the next product is made.
    if known == demo || !known.is_subset(&demo) {
        return Ok(Brought::default());
    }
    let mut brought = Brought { products: entries.len(), drops: vec![] };
    for Entry { spec, drop } in entries {
        let product = make(shop, spec).await?;
        if let Some(terms) = drop {
            brought.drops.extend(open(shop, &product, &terms).await?);
        }
    }
    Ok(brought)
}

fn entries() -> Result<Vec<Entry>, Error> {
    serde_json::from_str(CATALOGUE)
        .map_err(|error| Error::Store(format!("data/demo.json: {error}")))
}

async fn make(shop: &Shop, spec: Spec) -> Result<Product, Error> {
    let handle = spec.handle.clone();
    let key = Key { text: &handle, route: "demo", body: b"" };
    match shop.create_product(spec, Some(key)).await {
        // A start that was cut short so long ago that its keys are forgotten.
        Err(Error::HandleTaken(id)) => shop.product(id).await,
        made => made,
    }
}

/// Sets the sale of every SKU of a product, counted from when that was made: a second try sets
/// the same.
async fn open(shop: &Shop, product: &Product, terms: &Terms) -> Result<Vec<(Sku, Time)>, Error> {
    let mut drops = vec![];
    let made_at = product.state.created_at().unwrap_or_else(|| shop.now());
    let opens_at = made_at.plus_ms(terms.opens_in_s.saturating_mul(1_000));
    let closes_at = opens_at.plus_ms(terms.lasts_s.saturating_mul(1_000));
    let (price, units_per_buyer) = (terms.price, terms.units_per_buyer);
    for variant in product.state.spec().iter().flat_map(|spec| &spec.variants) {
        let sale = Sale { opens_at, closes_at, price, units_per_buyer };
        let key = Key { text: variant.sku.as_str(), route: "demo/sale", body: b"" };
        shop.manage_stock(&variant.sku, Command::SetSale(sale), Some(key)).await?;
        drops.push((variant.sku.clone(), opens_at));
    }
    Ok(drops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{
        Opened, Options,
        lists::{Query, Sort},
        open,
    };
    use tempfile::TempDir;

    async fn shop_in(folder: &TempDir) -> Opened {
        let options = Options { cache_bytes: 4 << 20, ..Options::default() };
        open::open(folder.path(), options).await.unwrap()
    }

    /// All that is listed, and the drop's sale.
    async fn read(shop: &Shop) -> (Vec<Spec>, Option<Sale>) {
        let (mut specs, mut cursor) = (Vec::<Spec>::new(), None);
        loop {
            let query = Query { sort: Sort::Oldest, ..Query::default() };
            let page = shop.products(query, cursor.as_deref(), 50).await.unwrap();
            specs.extend(page.items.into_iter().map(|product| product.spec));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        // Several are made in one millisecond.
        specs.sort_by(|one, other| one.handle.cmp(&other.handle));
        let stock = shop.stock(&Sku::parse("DROP-1").unwrap()).await.unwrap();
        (specs, stock.sale)
    }

    #[test]
    fn the_last_product_has_no_sale() {
        let entries = entries().unwrap();
        assert!(entries.last().unwrap().drop.is_none(), "a start cut short would miss it");
        assert_eq!(entries.iter().filter(|entry| entry.drop.is_some()).count(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_new_store_gets_it_once_and_the_drop_opens_in_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let opened = shop_in(&folder).await;
        let shop = opened.shop.clone();
        let brought = bring(&shop).await.unwrap();
        let (specs, sale) = read(&shop).await;
        let mut demo: Vec<Spec> = entries().unwrap().into_iter().map(|entry| entry.spec).collect();
        demo.sort_by(|one, other| one.handle.cmp(&other.handle));
        assert_eq!(specs, demo, "the demo's texts are tidy, and nothing else is there");
        assert_eq!(brought.products, demo.len());
        let product = shop.product(crate::domain::ProductId::of_handle("foghorn-speaker-drop-one"));
        let made_at = product.await.unwrap().state.created_at().unwrap();
        let opens_at = made_at.plus_ms(60_000);
        assert_eq!(brought.drops, [(Sku::parse("DROP-1").unwrap(), opens_at)]);
        let sale = sale.unwrap();
        assert_eq!((sale.opens_at, sale.units_per_buyer), (opens_at, Some(2)));
        // An admin's word counts for more than a second start's.
        shop.manage_stock(&Sku::parse("DROP-1").unwrap(), Command::EndSale, None).await.unwrap();
        assert_eq!(bring(&shop).await.unwrap(), Brought::default());
        assert_eq!(read(&shop).await, (specs, None));
        drop(shop);
        opened.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_first_start_that_was_cut_short_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let opened = shop_in(&folder).await;
        let mut first = entries().unwrap();
        let place = first.iter().position(|entry| entry.drop.is_some()).unwrap();
        // The drop is made, its sale is not set.
        let entry = first.swap_remove(place);
        let made = make(&opened.shop, entry.spec).await.unwrap();
        opened.close().await;
        let opened = shop_in(&folder).await;
        let brought = bring(&opened.shop).await.unwrap();
        let opens_at = made.state.created_at().unwrap().plus_ms(60_000);
        assert_eq!(brought.drops, [(Sku::parse("DROP-1").unwrap(), opens_at)]);
        let (specs, sale) = read(&opened.shop).await;
        assert_eq!((specs.len(), sale.unwrap().opens_at), (brought.products, opens_at));
        opened.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_shop_that_sells_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let opened = shop_in(&folder).await;
        let mut own = entries().unwrap().remove(0).spec;
        own.variants.truncate(1);
        own.variants[0].sku = Sku::parse("OWN").unwrap();
        opened.shop.create_product(own, None).await.unwrap();
        assert_eq!(bring(&opened.shop).await.unwrap(), Brought::default());
        opened.close().await;
    }
}
