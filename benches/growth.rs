//! Whether a shop slows down as its store grows: 10 and 100 times the SKUs, carts and history.
//!
//! Each round measures every size once, one after the other, so that a machine that drifts drifts
//! for all of them. A store is filled by guests, every second of whom buys; it lies in a checkpoint
//! and its letters are written when it is measured.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a bench prints rounded figures and may end where it can't go on"
)]

mod support;

use doorbuster::{actors::Settings, journal::Layout, ports::clock::pause};
use std::{fs, path::Path, time::Duration};
use support::{Figure, House, count, guests::Guests, ratio, table};
use tempfile::TempDir;

const CALLERS: usize = 64;
const SIZES: [u64; 3] = [1, 10, 100];

/// A stopped store of one size.
struct Store {
    folder: TempDir,
    skus: u64,
    carts: u64,
}

impl Store {
    async fn make(skus: u64, carts: u64) -> Store {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let house = House::open(folder.path(), Settings::default()).await;
        house.stock(skus as usize).await;
        let shop = house.shop.clone();
        Guests { shop, skus, buyers: 2, run: "fill".into() }.come(carts, 512).await;
        written(&Layout(folder.path().to_owned()).mail(), carts.div_ceil(2)).await;
        house.close().await;
        Store { folder, skus, carts }
    }

    /// Guests who only add, then guests who all buy.
    async fn measure(&self, round: usize, time: Duration) -> [Figure; 2] {
        let house = House::open(self.folder.path(), Settings::default()).await;
        let rush = |buyers, run: &str| Guests {
            shop: house.shop.clone(),
            skus: self.skus,
            buyers,
            run: format!("{run}-{round}"),
        };
        // What a start leaves to do is not what is measured.
        Figure::of(rush(1, "warm"), CALLERS, time / 4).await;
        let adds = Figure::of(rush(0, "add"), CALLERS, time).await;
        let buys = Figure::of(rush(1, "buy"), CALLERS, time).await;
        house.close().await;
        [adds, buys]
    }
}

/// Waits until so many letters lie there: what is still to be written is no part of history.
async fn written(mail: &Path, letters: u64) {
    let count = || fs::read_dir(mail).map_or(0, |files| files.flatten().filter(is_letter).count());
    while (count() as u64) < letters {
        pause(Duration::from_millis(500)).await;
    }
}

fn is_letter(file: &fs::DirEntry) -> bool {
    file.path().extension().is_some_and(|extension| extension == "eml")
}

fn main() {
    let length = support::length();
    let (skus, carts) = (support::size(100, 10), support::size(4_000, 20));
    let runtime = support::runtime();
    let mut stores = vec![];
    for size in SIZES {
        stores.push(runtime.block_on(Store::make(skus * size, carts * size)));
    }
    let mut figures = vec![[vec![], vec![]]; SIZES.len()];
    for round in 0..length.rounds {
        for (store, figures) in stores.iter().zip(&mut figures) {
            let [adds, buys] = runtime.block_on(store.measure(round, length.each));
            figures[0].push(adds);
            figures[1].push(buys);
        }
    }
    let mut rows = vec![];
    for (number, what) in ["add to a new cart", "complete checkout"].into_iter().enumerate() {
        let base = Figure::median(&figures[0][number]);
        for (store, figures) in stores.iter().zip(&figures) {
            let figure = Figure::median(&figures[number]);
            rows.push(vec![
                format!(
                    "{what}, {} SKUs, {} carts",
                    count(store.skus as f64),
                    count(store.carts as f64)
                ),
                count(figure.per_second),
                ratio(figure.per_second, base.per_second, 0.9),
                format!("{:.1} us", figure.cpu_us),
                format!("{:.2}x", figure.cpu_us / base.cpu_us),
            ]);
        }
    }
    let header = ["what", "per second", "of the smallest", "cpu each", "of the smallest"];
    table(&format!("growth: per second, {CALLERS} callers"), &header, &rows);
}
