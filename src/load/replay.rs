//! Recorded sales bought again: one cart per invoice, then units and money compared per SKU.
//!
//! Every SKU gets exactly the stock that the trace sells, so a shop that sells one unit twice or
//! loses one can't end with no difference. The money is summed from what the orders themselves
//! say, the units from both the orders and the stock.

use super::{
    client::Client,
    contract::{Inventory, Line, NewProduct, NewVariant},
    desk::{self, ReadBack},
    pace::{Bounds, Pace},
    progress::Shown,
    report::Report,
    run::{Plan, run},
    rush::{confirmed, run_id},
    scripts::{Baskets, Buy},
    target::Target,
    trace::{self, LeftOut, Sold, Trace},
    unjudged::Unjudged,
};
use crate::domain::{Currency, Sku};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::PathBuf,
    sync::Arc,
};

/// Variants of one product at most, so that its request stays far below the body limit.
const VARIANTS_MAX: usize = 50;

/// Why a replay can't be run or judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error(transparent)]
    Trace(#[from] trace::Error),
    /// The shop.
    #[error(transparent)]
    Desk(#[from] desk::Error),
    /// Every line was left out.
    #[error("nothing to buy in {path}: no invoice has a line that can be sold", path = .0.display())]
    Empty(PathBuf),
}

/// A replay to run.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Where.
    pub target: Target,
    /// The gzip CSV file.
    pub file: PathBuf,
    /// How many invoices; 0 is all.
    pub invoices: usize,
    /// Connections, the most baskets at once.
    pub connections: usize,
    /// As fast as the connections go, or baskets at a fixed rate.
    pub pace: Pace,
    /// What makes the products.
    pub admin_token: String,
    /// The payment simulator's token that every basket is paid with.
    pub payment_token: String,
}

/// How a replay went. `Display` is for people, `Serialize` the same for machines.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Invoices bought as baskets.
    pub baskets: usize,
    /// Their lines.
    pub lines: usize,
    /// SKUs made for them.
    pub skus: usize,
    /// What was not replayed, by reason.
    pub left_out: LeftOut,
    /// Where shop and file disagree; empty when they don't.
    pub differences: Vec<String>,
    /// Latencies, outcomes, throughput.
    pub report: Report,
}

impl Verdict {
    /// Whether units and money of every SKU are the file's.
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Makes the SKUs, buys every invoice, compares.
pub async fn replay(replay: &Replay) -> Result<Verdict, Error> {
    let run_id = run_id();
    let gbp = Currency::parse("GBP").unwrap_or_else(|| unreachable!("ISO 4217 lists GBP"));
    let rows = trace::rows(&replay.file)?;
    let trace = Trace::take(rows, replay.invoices, &format!("t{run_id}-"), gbp)?;
    if trace.invoices.is_empty() {
        return Err(Error::Empty(replay.file.clone()));
    }
    let Replay { target, connections, .. } = replay;
    desk::greet(&mut Client::new(target)).await?;
    let products = products(&trace.sold);
    desk::create_products(target, *connections, products, &replay.admin_token, &run_id).await?;

    let (baskets, lines) = (trace.invoices.len(), trace.lines());
    let script = Buy::new(target, baskets_of(&trace), &run_id, &replay.payment_token);
    let turns = u64::try_from(baskets).unwrap_or(u64::MAX);
    let plan = Plan {
        workers: (*connections).min(baskets),
        pace: replay.pace,
        bounds: Bounds::turns(turns),
    };
    let shown = Shown::new("baskets", turns);
    let (report, buyers) = run(&Arc::new(script), &plan, shown.progress()).await;
    drop(shown);

    let orders = confirmed(buyers);
    let skus = trace.sold.keys().cloned().collect();
    let stock = match desk::inventories(target, *connections, skus).await {
        Ok(stock) => stock,
        Err(why) => return Err(Unjudged::error(&why, orders.len(), report).into()),
    };
    let orders = desk::read_back(target, *connections, orders).await;
    let mut differences = Vec::new();
    if orders.len() != baskets {
        differences.push(format!("{baskets} baskets, {} confirmed orders", orders.len()));
    }
    compare(&trace.sold, &orders, &stock.into_iter().collect(), &mut differences);
    let (skus, left_out) = (trace.sold.len(), trace.left_out);
    Ok(Verdict { baskets, lines, skus, left_out, differences, report })
}

fn baskets_of(trace: &Trace) -> Baskets {
    let line = |(sku, units): &(Sku, u32)| Line { sku: sku.clone(), units: *units };
    let invoices = trace.invoices.iter();
    Baskets::Each(invoices.map(|invoice| invoice.lines.iter().map(line).collect()).collect())
}

/// A product for each stock code, its prices as variants; several when there are too many.
fn products(sold: &BTreeMap<Sku, Sold>) -> Vec<NewProduct> {
    let mut by_code: BTreeMap<&str, Vec<(&Sku, &Sold)>> = BTreeMap::new();
    for (sku, sold) in sold {
        by_code.entry(&sold.stock_code).or_default().push((sku, sold));
    }
    let split = by_code
        .iter()
        .flat_map(|(code, all)| all.chunks(VARIANTS_MAX).map(move |variants| (*code, variants)));
    split.map(|(code, variants)| product(code, variants)).collect()
}

fn product(stock_code: &str, variants: &[(&Sku, &Sold)]) -> NewProduct {
    let described = variants.iter().map(|(_, sold)| sold.description.trim());
    let variant = |(sku, sold): &(&Sku, &Sold)| NewVariant {
        sku: (*sku).clone(),
        title: sold.price.to_string(),
        price: sold.price,
        weight_g: 100,
        units: sold.units,
    };
    NewProduct {
        title: described
            .max_by_key(|title| title.len())
            .filter(|title| !title.is_empty())
            .unwrap_or(stock_code)
            .to_owned(),
        description: format!("Stock code {stock_code} of a replayed trace."),
        category: "trace".into(),
        tags: vec!["trace".into()],
        images: Vec::new(),
        variants: variants.iter().map(variant).collect(),
    }
}

/// Units and money per SKU: the file's against the orders' and the stock's.
fn compare(
    sold: &BTreeMap<Sku, Sold>,
    orders: &[ReadBack],
    stock: &HashMap<Sku, Inventory>,
    differences: &mut Vec<String>,
) {
    let mut bought: HashMap<&Sku, (u64, i128)> = HashMap::new();
    for ReadBack { told, read } in orders {
        match read {
            Ok(read) if read.is_settled_well() => {
                for item in &read.items {
                    let (units, amount_minor) = bought.entry(&item.sku).or_default();
                    *units += u64::from(item.units);
                    *amount_minor += i128::from(item.units) * i128::from(item.price.amount_minor);
                }
                let total: i128 = read
                    .items
                    .iter()
                    .map(|item| i128::from(item.units) * i128::from(item.price.amount_minor))
                    .sum();
                if total != i128::from(read.total.amount_minor) {
                    let said = read.total;
                    differences.push(format!("{}: items make {total}, total {said}", read.id));
                }
            }
            Ok(read) => differences.push(format!(
                "{}: told confirmed, reads {}/{}",
                read.id, read.status, read.payment_status
            )),
            Err(reason) => {
                differences.push(format!("{}: told confirmed, can't be read: {reason}", told.id));
            }
        }
    }
    for (sku, sold) in sold {
        let file = (sold.units, sold.amount_minor());
        let shop = bought.remove(sku).unwrap_or_default();
        if shop != file {
            differences.push(format!(
                "{sku}: the file sells {} units for {}, orders hold {} for {}",
                file.0, file.1, shop.0, shop.1
            ));
        }
        let left = stock.get(sku).map(|s| (s.sold, s.on_hand, s.reserved, s.free));
        if left != i64::try_from(sold.units).ok().map(|units| (units, 0, 0, 0)) {
            differences.push(format!(
                "{sku}: the file sells all of {} units, the shop's stock says {left:?} \
                 (sold, on hand, reserved, free)",
                sold.units
            ));
        }
    }
    for (sku, (units, _)) in bought {
        differences.push(format!("{sku}: {units} units ordered that nobody put into a cart"));
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { baskets, lines, skus, left_out, report, .. } = self;
        writeln!(f, "{report}\n")?;
        writeln!(
            f,
            "{baskets} baskets, {lines} lines, {skus} SKUs: {:.1} baskets/s, {:.0} lines/s",
            report.ok_per_second(),
            report.per_second(report.count("add", "ok"))
        )?;
        writeln!(
            f,
            "left out: {} lines of cancellations, {} without a positive quantity, {} without a \
             price in whole cents, {} unsellable; {} invoices had nothing left to buy",
            left_out.cancellation_lines,
            left_out.no_quantity_lines,
            left_out.no_price_lines,
            left_out.unsellable_lines,
            left_out.empty_invoices
        )?;
        for difference in &self.differences {
            writeln!(f, "wrong: {difference}")?;
        }
        write!(f, "differences: {}", self.differences.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{ADMIN, Fake, Flaw, behind_a_line_that_ends};
    use super::super::trace::tests::{SALES, gzipped};
    use super::*;

    fn settings(fake: &Fake, file: PathBuf, invoices: usize) -> Replay {
        Replay {
            target: fake.target.clone(),
            file,
            invoices,
            connections: 4,
            pace: Pace::Closed,
            admin_token: ADMIN.into(),
            payment_token: "tok_approve".into(),
        }
    }

    async fn replay_in(flaw: Flaw, times: usize) -> Verdict {
        let fake = Fake::start(flaw).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sales.csv.gz");
        std::fs::write(&file, gzipped(SALES)).unwrap();
        let settings = settings(&fake, file, 0);
        for _ in 1..times {
            replay(&settings).await.unwrap();
        }
        replay(&settings).await.unwrap()
    }

    #[tokio::test]
    async fn units_and_money_equal_the_files_also_when_bought_again() {
        let verdict = replay_in(Flaw::None, 2).await;
        assert!(verdict.to_string().ends_with("differences: 0"), "{verdict}");
        assert_eq!((verdict.baskets, verdict.lines, verdict.skus), (3, 6, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shop_that_goes_away_leaves_what_was_seen() {
        let fake = Fake::start(Flaw::None).await;
        let fake = Fake { target: behind_a_line_that_ends(&fake, 9).await };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sales.csv.gz");
        std::fs::write(&file, gzipped(SALES)).unwrap();
        let error = replay(&settings(&fake, file, 0)).await.unwrap_err();
        let Error::Desk(desk::Error::Unjudged(seen)) = error else { panic!("{error}") };
        assert_eq!(seen.report.turns, 3, "{seen}");
        assert!(seen.unjudged.contains("the shop went away"), "{seen}");
    }

    #[tokio::test]
    async fn a_busy_shop_changes_nothing() {
        let verdict = replay_in(Flaw::Busy, 1).await;
        assert!(verdict.holds(), "{verdict}");
    }

    #[tokio::test]
    async fn the_real_trace_is_bought_without_a_difference() {
        let Some(file) = std::env::var_os("DOORBUSTER_TRACE").map(PathBuf::from) else {
            eprintln!("skipped: set DOORBUSTER_TRACE to the online-retail file to run it");
            return;
        };
        let fake = Fake::start(Flaw::None).await;
        let verdict = replay(&settings(&fake, file, 200)).await.unwrap();
        assert!(verdict.holds(), "{verdict}");
        assert!(verdict.lines > 2_000 && verdict.left_out.cancellation_lines > 0, "{verdict}");
    }

    #[tokio::test]
    async fn every_broken_shop_differs() {
        for flaw in [
            Flaw::SellsTwice,
            Flaw::ForgetsOrders,
            Flaw::Overcharges,
            Flaw::Leaks,
            Flaw::Crashes,
            Flaw::TurnsAway,
        ] {
            let verdict = replay_in(flaw, 1).await;
            assert!(!verdict.holds(), "{flaw:?}\n{verdict}");
        }
    }

    #[test]
    fn a_stock_code_with_many_prices_is_split_into_products() {
        let gbp = Currency::parse("GBP").unwrap();
        let sold = (1..=120).map(|minor| {
            let sold = Sold {
                stock_code: "DOT".into(),
                description: "POSTAGE".into(),
                price: crate::domain::Money { amount_minor: minor, currency: gbp },
                units: 1,
            };
            (Sku::parse(&format!("DOT-{minor}")).unwrap(), sold)
        });
        let products = products(&sold.collect());
        let sizes: Vec<_> = products.iter().map(|product| product.variants.len()).collect();
        assert_eq!(sizes, [50, 50, 20]);
        assert!(products.iter().all(|product| product.title == "POSTAGE"));
    }
}
