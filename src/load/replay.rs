//! Recorded sales bought again: one cart per invoice, a return for what a cancelling invoice takes
//! back of an earlier one, then units and money compared per SKU.
//!
//! Every SKU gets exactly the stock that the trace sells, so a shop that sells one unit twice or
//! loses one can't end with no difference. The money is summed from what the orders themselves
//! say, the units from both the orders and the stock.

mod compare;
mod resell;

pub use compare::Money;

use super::{
    client::{Client, bearer},
    contract::{Inventory, NewProduct, NewVariant},
    desk,
    pace::{Bounds, Pace},
    progress::Shown,
    report::Report,
    run::{Plan, run},
    rush::{confirmed_orders, run_id},
    shopper,
    target::Target,
    trace::{self, Deed, LeftOut, Sold, Trace},
    unjudged::Unjudged,
};
use crate::domain::{Currency, Sku};
use compare::{compare, counts, expected_stock};
use resell::{Resell, Terms};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// How often the stock of a SKU is read until what came back is in it, and how far apart.
const STOCK_READS: u32 = 20;
const STOCK_PAUSE: Duration = Duration::from_millis(100);

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
    /// As fast as the connections go, or turns at a fixed rate.
    pub pace: Pace,
    /// The file's own time instead, so many times as fast.
    pub times: Option<NonZeroU32>,
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
    /// Returns of what was bought before.
    pub returns: usize,
    /// Lines of the file that they are made of.
    pub return_lines: u64,
    /// Lines put into carts per second.
    pub lines_per_second: f64,
    /// Baskets bought per second.
    pub baskets_per_second: f64,
    /// What the orders say was taken and given back, in minor units.
    pub money: Money,
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
    let terms = Terms {
        target: target.clone(),
        run_id,
        payment_token: replay.payment_token.clone(),
        admin: bearer(&replay.admin_token).ok_or(desk::Error::Token)?,
    };
    let script = Resell::new(terms, &trace);
    let turns = u64::try_from(trace.deeds.len()).unwrap_or(u64::MAX);
    let pace = replay.times.map(|times| by_the_files_time(&trace, times));
    let plan = Plan {
        workers: (*connections).min(trace.deeds.len()),
        pace: pace.unwrap_or_else(|| replay.pace.clone()),
        bounds: Bounds::turns(turns),
    };
    let shown = Shown::new("invoices", turns);
    let (report, sellers) = run(&Arc::new(script), &plan, shown.progress()).await;
    drop(shown);

    let orders = confirmed_orders(sellers.into_iter().flat_map(|seller| seller.orders));
    let stock = match stock_of(replay, &trace.sold).await {
        Ok(stock) => stock,
        Err(why) => return Err(Unjudged::error(&why, orders.len(), report).into()),
    };
    let orders = desk::read_back(target, *connections, orders).await;
    let mut differences = Vec::new();
    if orders.len() != baskets {
        differences.push(format!("{baskets} baskets, {} confirmed orders", orders.len()));
    }
    let returned = report.count("return", "ok");
    if u64::try_from(trace.returns.len()).ok() != Some(returned) {
        differences.push(format!("{} returns, {returned} refunded", trace.returns.len()));
    }
    let money = compare(&trace.sold, &orders, &stock, &mut differences);
    Ok(Verdict {
        baskets,
        lines,
        returns: trace.returns.len(),
        return_lines: trace.return_lines,
        lines_per_second: report.per_second(report.count("add", "ok")),
        baskets_per_second: report.per_second(report.count("checkout", "ok")),
        money,
        skus: trace.sold.len(),
        left_out: trace.left_out,
        differences,
        report,
    })
}

/// Reads the stock, and once more what a return that was just answered has not reached yet.
async fn stock_of(
    replay: &Replay,
    sold: &BTreeMap<Sku, Sold>,
) -> Result<HashMap<Sku, Inventory>, desk::Error> {
    let Replay { target, connections, .. } = replay;
    let mut stock = HashMap::new();
    let mut wanted: Vec<Sku> = sold.keys().cloned().collect();
    for reads in 0..STOCK_READS {
        if reads > 0 {
            shopper::wait(STOCK_PAUSE).await;
        }
        stock.extend(desk::inventories(target, *connections, wanted).await?);
        let differs = sold.iter().filter(|(sku, sold)| {
            sold.returned > 0 && stock.get(*sku).map(counts) != expected_stock(sold)
        });
        wanted = differs.map(|(sku, _)| sku.clone()).collect();
        if wanted.is_empty() {
            break;
        }
    }
    Ok(stock)
}

/// When each deed is due if the file's time passes `times` as fast.
fn by_the_files_time(trace: &Trace, times: NonZeroU32) -> Pace {
    let first = trace.deeds.first().map_or(0, |(_, at_s)| *at_s);
    let due = |(_, at_s): &(Deed, i64)| {
        let seconds = u64::try_from(at_s.saturating_sub(first)).unwrap_or(0);
        Duration::from_secs(seconds) / times.get()
    };
    Pace::Listed(trace.deeds.iter().map(due).collect())
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

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { baskets, lines, returns, return_lines, skus, left_out, report, .. } = self;
        writeln!(f, "{report}\n")?;
        writeln!(
            f,
            "{baskets} baskets, {lines} lines, {skus} SKUs: {:.1} baskets/s, {:.0} lines/s",
            self.baskets_per_second, self.lines_per_second
        )?;
        writeln!(f, "{returns} returns of {return_lines} lines")?;
        let Money { captured, refunded } = self.money;
        writeln!(f, "minor units: {captured} captured, {refunded} refunded")?;
        writeln!(
            f,
            "left out: {} lines of cancellations (in all {} units) that nobody known had bought \
             before, {} lines without a positive quantity, {} without a price in whole cents, {} \
             unsellable; {} invoices had nothing left",
            left_out.cancellation_lines,
            left_out.cancellation_units,
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
mod tests;
