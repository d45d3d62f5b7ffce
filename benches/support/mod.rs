//! What every bench shares: a shop in a temporary folder, the machine's own limits, and tables.
//!
//! The limits are measured in the same run as the figures, on the same disk: machines drift, so
//! only ratios within one run are compared.

// Each bench uses its own part of this.
#![allow(dead_code, reason = "every bench includes this module and none uses all of it")]

pub mod bare;
pub mod chart;
pub mod gateway;
pub mod guests;
pub mod listening;
pub mod raw;
pub mod server;
pub mod watchers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use doorbuster::{
    actors::Settings,
    domain::{
        Currency, Money, Sku,
        product::{Spec, Variant},
    },
    load::{Bounds, Pace, Plan, Report, Script, run},
    shop::{
        Opened, Options, Shop, open,
        orders::{Address, Details, Payment},
    },
};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// How long each figure is measured.
#[derive(Clone, Copy)]
pub struct Length {
    /// Of one measurement.
    pub each: Duration,
    /// How often a pair of measurements is repeated; the median is quoted.
    pub rounds: usize,
}

/// Short with `--smoke`, which only shows that a bench still runs; `--seconds N` for one round of
/// another length, to look at with a profiler.
pub fn length() -> Length {
    let arguments: Vec<String> = std::env::args().collect();
    if smoke() {
        return Length { each: Duration::from_millis(300), rounds: 1 };
    }
    let seconds = arguments.iter().position(|argument| argument == "--seconds");
    let seconds = seconds.and_then(|at| arguments.get(at + 1)).and_then(|n| n.parse().ok());
    match seconds {
        Some(seconds) => Length { each: Duration::from_secs(seconds), rounds: 1 },
        None => Length { each: Duration::from_secs(4), rounds: 3 },
    }
}

/// Whether it is only to be shown that the bench runs.
pub fn smoke() -> bool {
    std::env::args().any(|argument| argument == "--smoke")
}

/// How large what is measured is: as asked, or a tenth of it with `--tenth`, to look at.
pub fn size(full: u64, smoke_size: u64) -> u64 {
    if smoke() {
        return smoke_size;
    }
    let tenth = std::env::args().any(|argument| argument == "--tenth");
    if tenth { full / 10 } else { full }
}

/// A runtime as the server has it.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// A shop in a folder.
pub struct House {
    /// The shop.
    pub shop: Shop,
    opened: Opened,
    /// Goes with it, unless it is somebody else's.
    folder: Option<TempDir>,
}

impl House {
    /// With so many SKUs `SKU-0` ... of plenty of stock each, in a folder of its own.
    pub async fn with_skus(count: usize) -> House {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut house = House::open(folder.path(), Settings::default()).await;
        house.stock(count).await;
        house.folder = Some(folder);
        house
    }

    /// Over a store that stays.
    pub async fn open(folder: &Path, settings: Settings) -> House {
        let options = Options { settings, most_commands: 8_192, ..Options::default() };
        let opened = open::open(folder, options).await.expect("a shop");
        House { shop: opened.shop.clone(), opened, folder: None }
    }

    /// Makes the SKUs.
    pub async fn stock(&self, count: usize) {
        for first in (0..count).step_by(100) {
            let skus = (first..count.min(first + 100)).map(|n| format!("SKU-{n}"));
            self.shop.create_product(spec(skus), None).await.expect("a product");
        }
    }

    /// Lists so many more products of three variants each, for readers.
    pub async fn list_products(&self, count: usize) {
        for n in 0..count {
            let skus = ["S", "M", "L"].map(|size| format!("SHIRT-{n}-{size}"));
            let title = format!("Shirt {n}, washed, of heavy cotton");
            let description = "A shirt for the days on which nothing else will do. ".repeat(4);
            let spec = Spec { title, description, ..spec(skus.into_iter()) };
            self.shop.create_product(spec, None).await.expect("a product");
        }
    }

    /// Ends it.
    pub async fn close(self) {
        let House { shop, opened, folder } = self;
        drop(shop);
        opened.close().await;
        drop(folder);
    }
}

fn spec(skus: impl Iterator<Item = String>) -> Spec {
    let currency = Currency::parse("USD").expect("a currency");
    let price = Money { amount_minor: 1_999, currency };
    let variant = |code: String| Variant {
        weight_g: 200,
        units: 100_000_000_000,
        ..Variant::new(sku(&code), code, price)
    };
    Spec {
        title: "Tee".into(),
        category: "shirts".into(),
        variants: skus.map(variant).collect(),
        ..Spec::default()
    }
}

/// A SKU's code.
pub fn sku(code: &str) -> Sku {
    Sku::parse(code).expect("a SKU")
}

/// A buyer's details.
pub fn details() -> Details {
    Details {
        email: "ana@example.com".into(),
        address: Address {
            name: "Ana Bell".into(),
            line1: "1 Main Street".into(),
            line2: None,
            city: "Springfield".into(),
            region: None,
            postal_code: "12345".into(),
            country: "US".into(),
        },
        gift: None,
        payment: Payment { method: "card".into(), token: "tok_approve".into() },
        locale: doorbuster::domain::Locale::En,
    }
}

/// Processor time that this process has used. On a shared machine it says more than the clock.
pub fn cpu() -> Duration {
    cpu_of("self")
}

/// The same of another process.
pub fn cpu_of(process: &str) -> Duration {
    let usage = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = usage.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// What was measured.
#[derive(Clone, Copy)]
pub struct Figure {
    /// How many in a second.
    pub per_second: f64,
    /// Processor time of one, in microseconds; the generator's included.
    pub cpu_us: f64,
}

impl Figure {
    /// Of a script that so many callers perform as fast as they can.
    pub async fn of(script: impl Script, callers: usize, time: Duration) -> Figure {
        let plan = Plan { workers: callers, pace: Pace::Closed, bounds: Bounds::time(time) };
        let before = cpu();
        let (report, _) = run(&Arc::new(script), &plan, &Arc::default()).await;
        let used = cpu().saturating_sub(before);
        if report.step(Report::WHOLE).is_some_and(|whole| whole.failed() > 0) {
            println!("{report}");
        }
        let per_second = report.ok_per_second();
        let done = per_second * report.elapsed.as_secs_f64();
        Figure { per_second, cpu_us: used.as_secs_f64() * 1e6 / done }
    }

    /// The middle one in each respect.
    pub fn median(figures: &[Figure]) -> Figure {
        let middle = |of: fn(&Figure) -> f64| median(figures.iter().map(of).collect());
        Figure { per_second: middle(|one| one.per_second), cpu_us: middle(|one| one.cpu_us) }
    }
}

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Prints a table with right-aligned columns.
pub fn table(title: &str, header: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    println!("\n{title}");
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    line(header.to_vec());
    println!("|{}|", widths.iter().map(|w| "-".repeat(w + 2)).collect::<Vec<_>>().join("|"));
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

/// A figure with thousands apart.
pub fn count(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|g| String::from_utf8_lossy(g).into_owned()).collect::<Vec<_>>().join(",")
}

/// A ratio and whether it reaches what is asked.
pub fn ratio(figure: f64, limit: f64, least: f64) -> String {
    let ratio = figure / limit;
    format!("{ratio:.2}x (at least {least}: {})", if ratio >= least { "yes" } else { "NO" })
}
