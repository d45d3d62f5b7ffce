//! `doorbuster export products` and `doorbuster export orders`: where the lines come from.
//!
//! Invariant: a running server, or a stopped store, is read and not changed.

use super::{
    Error,
    api::{Client, Failed, OnServer, Page},
    orders,
    output::{To, unwritten},
    products::write::{self, Held},
    shelf,
    stopped::Stopped,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use std::{collections::HashMap, path::Path, process::ExitCode};

/// Questions under way at once.
const AT_ONCE: usize = 16;

const PRODUCTS: &str = "\
Examples:
  doorbuster export products -o products.csv
      of the stopped store that a server with the same settings would open
  doorbuster export products --url http://127.0.0.1:8080 > products.csv
      of a running server

The columns are those that `import products` reads; the units are those on hand. Cells are written
as they are: a spreadsheet may take one that begins with `=` for a formula.";

/// Where the products are.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = PRODUCTS)]
pub struct Products {
    #[command(flatten)]
    pub server: OnServer,
    #[command(flatten)]
    pub to: To,
}

/// What the command ends with.
pub(super) fn ended(name: &str, done: Result<(), Error>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error == Error::default() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorbuster export {name}: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs `export products`.
pub async fn products(args: &Products, store: &Path, token: Option<String>) -> ExitCode {
    ended("products", write_products(args, store, token).await)
}

async fn write_products(args: &Products, store: &Path, token: Option<String>) -> Result<(), Error> {
    let mut held = match args.server.client(token, store)? {
        Some(client) => served(&client).await.map_err(Error::from)?,
        None => Stopped::read(store)?.held(),
    };
    args.to
        .write(async |out| write::write(&mut held, out).map_err(|error| unwritten(&error.into())))
        .await
}

/// Runs `export orders`.
pub async fn orders(args: &orders::Args, store: &Path, token: Option<String>) -> ExitCode {
    ended("orders", orders::write(args, store, token).await)
}

/// Units of one SKU.
#[derive(Deserialize)]
struct Stock {
    on_hand: u64,
}

/// All products of a server, with the units that are on hand.
async fn served(client: &Client) -> Result<Vec<Held>, Failed> {
    let mut all: Vec<shelf::Held> = vec![];
    for archived in ["false", "true"] {
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", "200"), ("archived", archived)];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = client.read(&["api", "products"], &query).await?;
            let page: Page<shelf::Held> =
                page.unwrap_or_else(|| Page { items: vec![], next: None });
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    all.sort_by_key(|product| product.id);
    all.dedup_by_key(|product| product.id);
    let skus = all.iter().flat_map(|product| &product.spec.variants).map(|one| one.sku.clone());
    let asked = stream::iter(skus.collect::<Vec<_>>()).map(|sku| async {
        let stock = client.read::<Stock>(&["api", "inventory", sku.as_str()], &[]).await?;
        Ok::<_, Failed>((sku, stock.map_or(0, |stock| stock.on_hand)))
    });
    let on_hand: HashMap<_, _> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let held = all.into_iter().map(|shelf::Held { id, spec, archived }| {
        let units = |sku: &_| on_hand.get(sku).copied().unwrap_or(0);
        Held { id, spec, archived }.with_units(units)
    });
    Ok(held.collect())
}
