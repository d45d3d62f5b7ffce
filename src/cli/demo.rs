//! The demo catalogue of a first start: compiled in, so the binary brings it wherever it is.

use crate::{
    domain::product::Spec,
    shop::{Error, Key, Shop},
};
use std::collections::BTreeSet;

const CATALOGUE: &str = include_str!("../../data/demo.json");

/// Makes the demo's products in a store that has nothing else. A start that was cut short goes on
/// where it ended: each product has a key of its own.
///
/// # Errors
/// The shop refused.
pub async fn bring(shop: &Shop) -> Result<usize, Error> {
    let specs: Vec<Spec> = serde_json::from_str(CATALOGUE)
        .map_err(|error| Error::Store(format!("data/demo.json: {error}")))?;
    let variants = specs.iter().flat_map(|spec| &spec.variants);
    let demo: BTreeSet<&str> = variants.map(|variant| variant.sku.as_str()).collect();
    let slots = shop.system().board.all();
    let known: BTreeSet<&str> = slots.iter().map(|slot| slot.sku().as_str()).collect();
    if known == demo || !known.is_subset(&demo) {
        return Ok(0);
    }
    let count = specs.len();
    for spec in specs {
        let title = spec.title.clone();
        let key = Key { text: &title, route: "demo", body: b"" };
        shop.create_product(spec, Some(key)).await?;
    }
    Ok(count)
}
