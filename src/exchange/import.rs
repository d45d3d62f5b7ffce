//! `doorbuster import products`: a file's products into a store, each once.
//!
//! A product that the store has as the file says it is left alone, so a second run changes nothing,
//! also after sales. Exit codes: 0 all rows went in, 1 some are reported, 2 it could not be done.

mod check;
mod plan;

use self::{check::checked, plan::Plan};
use super::{
    Error,
    api::{Failed, OnServer},
    products::parse::{Parsed, Places, Product, parse},
    report::{Counts, Issue, Summary},
    sheet::Sheet,
    shelf::{Look, Server, Store},
    stopped::Stopped,
};
use crate::{
    domain::{Currency, product::Spec},
    shop::Options,
};
use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Products under way at once: enough that one sync carries several.
const AT_ONCE: usize = 16;

/// Bring things in from a file.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to bring in.
    #[command(subcommand)]
    pub what: What,
}

/// What can be brought in.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// Products, from the CSV of the largest hosted platform.
    ///
    /// Goes into a stopped store, made if it is missing, or with --url into a running server. A
    /// product is known by its handle, a variant by its SKU; one without gets it from handle and
    /// options. Units are received once, when their SKU is new.
    Products(Products),
}

const EXAMPLES: &str = "\
Examples:
  doorbuster import products apparel.csv --dry-run
      what would come of it; changes nothing
  doorbuster import products apparel.csv --store /var/lib/doorbuster
      into a stopped store
  doorbuster import products apparel.csv --url http://127.0.0.1:8080 --currency EUR
      into a running server, with prices in euro

Each complaint is FILE:LINE:COLUMN (name): what is wrong; the column is counted in cells. Exit
codes: 0 all rows went in, 1 some are reported, 2 it could not be done.";

/// Which products, and where to.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Products {
    /// The file
    pub file: PathBuf,
    /// Say what would come of it, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What prices are counted in, where the file has no column for it
    #[arg(long, value_name = "CODE", default_value = "USD", value_parser = currency)]
    pub currency: Currency,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: OnServer,
}

fn currency(code: &str) -> Result<Currency, String> {
    let upper = code.to_uppercase();
    Currency::parse(&upper).ok_or_else(|| "must be an ISO 4217 code such as USD".to_owned())
}

/// Runs the command; `token` and `options` are what a server's settings say.
pub async fn run(
    products: &Products,
    store: &Path,
    token: Option<String>,
    options: Options,
) -> ExitCode {
    let mut summary = Summary {
        file: products.file.display().to_string(),
        dry_run: products.dry_run,
        ..Summary::default()
    };
    let done = into(products, store, token, options, &mut summary).await;
    if !products.json {
        let file = &summary.file;
        summary.notices.iter().for_each(|notice| eprintln!("{file}:{notice} (a note)"));
        summary.errors.iter().for_each(|error| eprintln!("{file}:{error}"));
    }
    if let Err(error) = done {
        // What went in before is worth knowing.
        if summary.products != Counts::default() {
            eprintln!("{summary}");
        }
        eprintln!("doorbuster import products: {error}");
        return ExitCode::from(2);
    }
    if products.json {
        println!("{}", serde_json::to_string_pretty(&summary).unwrap_or_default());
    } else {
        println!("{summary}");
    }
    ExitCode::from(u8::from(!summary.errors.is_empty()))
}

async fn into(
    products: &Products,
    store: &Path,
    token: Option<String>,
    options: Options,
    summary: &mut Summary,
) -> Result<(), Error> {
    let file = &products.file;
    let wrong = |error: &dyn std::fmt::Display| Error(format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| wrong(&error))?;
    let sheet = Sheet::read(&bytes).map_err(|error| wrong(&error))?;
    // The products are all that is wanted from here on, and a file may be large.
    drop(bytes);
    let parsed = parse(&sheet, products.currency).map_err(|error| wrong(&error))?;
    summary.rows = sheet.rows.len() as u64;
    drop(sheet);
    let client = products.server.client(token, store)?;
    if let Some(client) = &client {
        client.check().await.map_err(Error::from)?;
    }
    let look_only = async |_: &Plan, _: &Spec| Ok(());
    match (client, products.dry_run) {
        (Some(client), true) => fill(&Server(client), parsed, look_only, summary).await,
        (Some(client), false) => {
            let shelf = Server(client);
            fill(&shelf, parsed, async |plan, spec| plan.carry_out(&shelf, spec).await, summary)
                .await
        }
        (None, true) => fill(&Stopped::read_if_any(store)?, parsed, look_only, summary).await,
        (None, false) => {
            let (shelf, opened) = Store::open(store, options).await?;
            let carry_out = async |plan: &Plan, spec: &Spec| plan.carry_out(&shelf, spec).await;
            let done = fill(&shelf, parsed, carry_out, summary).await;
            drop(shelf);
            opened.close().await;
            done
        }
    }
}

/// Brings every product in, as far as `carry_out` does something.
async fn fill<L: Look>(
    look: &L,
    parsed: Parsed,
    carry_out: impl AsyncFn(&Plan, &Spec) -> Result<(), Failed>,
    summary: &mut Summary,
) -> Result<(), Error> {
    let Parsed { products, skipped, errors, notices, places } = parsed;
    (summary.errors, summary.notices) = (errors, notices);
    summary.products.skipped = skipped;
    let bar = bar(products.len() as u64);
    let (dry, places, carry_out) = (summary.dry_run, &places, &carry_out);
    let all = products.into_iter().map(|product| one(look, product, places, dry, carry_out));
    let mut done = stream::iter(all).buffer_unordered(AT_ONCE);
    let mut ended = Ok(());
    while let Some(outcome) = done.next().await {
        bar.inc(1);
        match outcome {
            Ok(outcome) => count(outcome, summary),
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    // What is said next begins on a line of its own.
    bar.finish_and_clear();
    summary.errors.sort();
    ended
}

/// What became of one product.
struct Outcome {
    /// `None` when it was skipped.
    plan: Option<Plan>,
    variants: usize,
    issues: Vec<Issue>,
}

async fn one<L: Look>(
    look: &L,
    product: Product,
    places: &Places,
    dry: bool,
    carry_out: &impl AsyncFn(&Plan, &Spec) -> Result<(), Failed>,
) -> Result<Outcome, Error> {
    let line = product.line;
    let mut issues = vec![];
    let skipped = |issues| Ok(Outcome { plan: None, variants: 0, issues });
    let refused = |field: Option<String>, why: String| {
        let column = field.and_then(|field| check::column(&field));
        match column {
            Some(column) => places.issue(line, column, why),
            None => Issue::row(line, why),
        }
    };
    let done = async {
        let (handle, held) = plan::named(look, &product.handle).await?;
        let Some(spec) = checked(product.clone(), handle, places, &mut issues) else {
            return Ok(None);
        };
        let plan = Plan::of(look, &spec, held, product.archived, dry).await?;
        carry_out(&plan, &spec).await?;
        Ok(Some((plan, spec.variants.len())))
    };
    let done: Result<_, Failed> = done.await;
    match done {
        Ok(Some((plan, variants))) => Ok(Outcome { plan: Some(plan), variants, issues }),
        Ok(None) => skipped(issues),
        Err(Failed::Refused(field, why)) => {
            issues.push(refused(field, why));
            skipped(issues)
        }
        Err(Failed::Stopped(error)) => Err(error),
    }
}

fn count(outcome: Outcome, summary: &mut Summary) {
    summary.errors.extend(outcome.issues);
    let Counts { made, changed, unchanged, skipped } = &mut summary.products;
    let counter = match &outcome.plan {
        None => skipped,
        Some(Plan::Make { .. }) => made,
        Some(Plan::Change { .. }) => changed,
        Some(Plan::Leave) => unchanged,
    };
    *counter += 1;
    summary.variants += outcome.variants as u64;
    summary.units_received += outcome.plan.map_or(0, |plan| plan.units());
}

fn bar(products: u64) -> ProgressBar {
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(products) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} products {per_sec} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
