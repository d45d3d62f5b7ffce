//! The flags of `doorbuster rush`, and what they start.
//!
//! Standard output carries the report alone, standard error everything else. Exit codes: 0 all
//! holds, 1 something differs, 2 it could not be run or judged.

use super::{
    desk,
    pace::Pace,
    replay::{self, Replay, replay},
    rush::{Prize, Race, race},
    target::Target,
};
use crate::domain::Sku;
use clap::builder::{NonEmptyStringValueParser, TypedValueParser as _};
use serde::Serialize;
use std::{
    fmt,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    process::ExitCode,
};

/// Rehearse a sale against a running shop, then check its books.
///
/// Many shoppers race for one SKU: each adds it to a cart, checks out and waits until the order
/// is confirmed, over HTTP like any client. Then units, orders and money are checked against what
/// the shop says. Without --sku the rush makes a product of its own to race for.
///
/// With --trace, recorded sales are bought again instead: a SKU for each stock code and price, a
/// cart for each invoice, a return for what a cancelling invoice takes back of what the same
/// customer bought before, and units and money per SKU compared with the file's.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shop's address
    #[arg(long, default_value = "http://127.0.0.1:8080", value_parser = Target::parse)]
    url: Target,

    /// Connections: the most shoppers at once
    #[arg(long, value_name = "N", default_value = "256")]
    connections: NonZeroUsize,

    /// What everybody pays with: a token of the payment simulator, such as `tok_decline`
    #[arg(long, default_value = "tok_approve", value_parser = NonEmptyStringValueParser::new())]
    token: String,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    /// The shop's admin token, to make products with
    #[arg(long, value_name = "TOKEN")]
    admin_token: Option<String>,

    /// The shop's store, where its admin token lies when none is given [default: data/store]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// Race for this SKU instead of a new product
    #[arg(long, help_heading = "Race", value_parser = sku())]
    sku: Option<Sku>,

    /// How many shoppers take part
    #[arg(long, help_heading = "Race", value_name = "N", default_value = "1000")]
    shoppers: NonZeroU64,

    /// Units that each shopper wants
    #[arg(long, help_heading = "Race", value_name = "N", default_value = "1")]
    units_each: NonZeroU32,

    /// Stock of the product that is made when no --sku is given
    #[arg(long, help_heading = "Race", value_name = "N", default_value = "500")]
    #[arg(conflicts_with = "sku")]
    units: NonZeroU32,

    /// Let this many shoppers, or invoices of a trace, arrive each second, whether or not the shop
    /// keeps up; latencies count from their arrival. Without it each connection's next shopper
    /// comes when the last is done
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<NonZeroU32>,

    /// Buy recorded sales again: gzip CSV with the columns `InvoiceNo`, `StockCode`,
    /// `Description`, `Quantity`, `UnitPrice`; with `CustomerID`, what cancelling invoices take
    /// back comes back, and --pace needs `InvoiceDate`
    #[arg(long, help_heading = "Trace", value_name = "FILE.csv.gz")]
    #[arg(conflicts_with_all = ["sku", "shoppers", "units_each", "units"])]
    trace: Option<PathBuf>,

    /// How many invoices of the trace, from its start; 0 is all
    #[arg(long, help_heading = "Trace", value_name = "N", default_value = "0", requires = "trace")]
    invoices: usize,

    /// `as-fast`, or the file's own time sped up so many times
    #[arg(long, help_heading = "Trace", value_name = "TIMES", default_value = "as-fast")]
    #[arg(value_parser = tempo, requires = "trace", conflicts_with = "rate")]
    pace: Tempo,
}

/// How fast the time of a file passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tempo {
    /// As fast as the connections go.
    AsFast,
    /// So many times as fast as it did.
    Times(NonZeroU32),
}

const EXAMPLES: &str = "\
Examples:
  doorbuster rush
      1,000 shoppers race for 500 units of a new product; the admin token is read
      from data/store/admin_token
  doorbuster rush --sku TEE-RED-M --shoppers 5000 --units-each 2
      a race for a SKU that is for sale; needs no admin token
  doorbuster rush --sku TEE-RED-M --rate 2000 --json
      2,000 shoppers arrive each second, whatever the shop does
  doorbuster rush --trace sales.csv.gz --invoices 2000
      the first 2,000 invoices bought again: ends with `differences: 0`
  doorbuster rush --trace sales.csv.gz --pace 86400
      all of them, each day of the file in a second

Exit codes: 0 all holds, 1 something differs, 2 it could not be run or judged.";

fn sku() -> impl clap::builder::TypedValueParser<Value = Sku> {
    NonEmptyStringValueParser::new().try_map(|text| {
        Sku::parse(&text)
            .ok_or("a SKU has 1 to 64 bytes, no `@`, no control characters, no space at its ends")
    })
}

fn tempo(text: &str) -> Result<Tempo, &'static str> {
    if text == "as-fast" {
        return Ok(Tempo::AsFast);
    }
    text.parse().map(Tempo::Times).map_err(|_| "write `as-fast` or a whole number of times")
}

/// Why a rush could not be run or judged.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Desk(#[from] desk::Error),
    #[error(transparent)]
    Replay(#[from] replay::Error),
    #[error(
        "no admin token: pass --admin-token, set DOORBUSTER_ADMIN_TOKEN, or name the shop's folder \
         with --store (can't read {path})", path = path.display()
    )]
    NoToken { path: PathBuf, source: std::io::Error },
    #[error("the report can't be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Runs the rush that the flags ask for and prints its report.
pub async fn run(args: Args) -> ExitCode {
    let result = match &args.trace {
        Some(_) => run_trace(&args).await,
        None => run_race(&args).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            if let Error::Desk(desk::Error::Unjudged(seen))
            | Error::Replay(replay::Error::Desk(desk::Error::Unjudged(seen))) = &error
                && let Err(error) = print(seen, args.json)
            {
                eprintln!("rush: {}", chain(&error));
            }
            eprintln!("rush: {}", chain(&error));
            ExitCode::from(2)
        }
    }
}

async fn run_race(args: &Args) -> Result<bool, Error> {
    let prize = match &args.sku {
        Some(sku) => Prize::Existing(sku.clone()),
        None => Prize::Made { units: args.units.get().into(), admin_token: args.admin_token()? },
    };
    let verdict = race(&Race {
        target: args.url.clone(),
        prize,
        shoppers: args.shoppers.get(),
        units_each: args.units_each.get(),
        connections: args.connections.get(),
        pace: args.rate.map_or(Pace::Closed, Pace::Open),
        payment_token: args.token.clone(),
    })
    .await?;
    print(&verdict, args.json)?;
    Ok(verdict.holds())
}

async fn run_trace(args: &Args) -> Result<bool, Error> {
    let verdict = replay(&Replay {
        target: args.url.clone(),
        file: args.trace.clone().unwrap_or_default(),
        invoices: args.invoices,
        connections: args.connections.get(),
        pace: args.rate.map_or(Pace::Closed, Pace::Open),
        times: match args.pace {
            Tempo::AsFast => None,
            Tempo::Times(times) => Some(times),
        },
        admin_token: args.admin_token()?,
        payment_token: args.token.clone(),
    })
    .await?;
    print(&verdict, args.json)?;
    Ok(verdict.holds())
}

impl Args {
    /// With what is set for the shop, where the flags say nothing of its admin token.
    #[must_use]
    pub fn or(self, store: PathBuf, admin_token: Option<String>) -> Args {
        if self.admin_token.is_some() || self.store.is_some() {
            return self;
        }
        Args { store: Some(store), admin_token, ..self }
    }

    fn admin_token(&self) -> Result<String, Error> {
        if let Some(token) = &self.admin_token {
            return Ok(token.clone());
        }
        let path = self.store.clone().unwrap_or_default().join("admin_token");
        match std::fs::read_to_string(&path) {
            Ok(token) => Ok(token.trim().to_owned()),
            Err(source) => Err(Error::NoToken { path, source }),
        }
    }
}

fn print<T: fmt::Display + Serialize>(verdict: &T, json: bool) -> Result<(), Error> {
    if json {
        println!("{}", serde_json::to_string_pretty(verdict)?);
    } else {
        println!("{verdict}");
    }
    Ok(())
}

/// An error and what it came from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |mut line, source| {
        let source = source.to_string();
        // Some libraries repeat their source in their own words.
        if !line.ends_with(&source) {
            line.push_str(": ");
            line.push_str(&source);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::{ADMIN, Fake, Flaw, behind_a_line_that_ends};
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(flags: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("rush").chain(flags.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.args)
    }

    async fn exit_of(fake: &Fake, flags: &str) -> String {
        let flags = format!("--url {} --connections 8 {flags}", fake.target);
        format!("{:?}", run(parse(&flags).unwrap()).await)
    }

    fn code(code: u8) -> String {
        format!("{:?}", ExitCode::from(code))
    }

    #[tokio::test]
    async fn the_exit_code_tells_a_sound_shop_from_one_that_oversells() {
        let race = format!("--shoppers 30 --units 10 --admin-token {ADMIN}");
        assert_eq!(exit_of(&Fake::start(Flaw::None).await, &race).await, code(0));
        let json = format!("--json {race}");
        assert_eq!(exit_of(&Fake::start(Flaw::None).await, &json).await, code(0));
        assert_eq!(exit_of(&Fake::start(Flaw::Oversells).await, &race).await, code(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shop_that_goes_away_ends_with_exit_code_2() {
        let fake = Fake::start(Flaw::None).await;
        let target = behind_a_line_that_ends(&fake, 40).await;
        let fake = Fake { target };
        let race = format!("--shoppers 30 --units 30 --admin-token {ADMIN}");
        assert_eq!(exit_of(&fake, &race).await, code(2));
    }

    #[tokio::test]
    async fn what_is_missing_is_said_with_exit_code_2() {
        let fake = Fake::start(Flaw::None).await;
        assert_eq!(exit_of(&fake, "--sku NOBODY-KNOWS-IT").await, code(2));
        let nobody = parse("--url http://127.0.0.1:1 --sku TEE").unwrap();
        let error = run_race(&nobody).await.unwrap_err();
        assert!(
            error.to_string().starts_with("no server answers at http://127.0.0.1:1"),
            "{error}"
        );
        let no_store = parse("--store /nowhere").unwrap().admin_token().unwrap_err();
        assert!(no_store.to_string().contains("--admin-token"), "{no_store}");
        let trace = format!("--trace /nowhere.csv.gz --admin-token {ADMIN}");
        assert_eq!(exit_of(&fake, &trace).await, code(2));
    }

    #[tokio::test]
    async fn the_admin_token_is_found_in_the_store() {
        let fake = Fake::start(Flaw::None).await;
        let store = tempfile::tempdir().unwrap();
        std::fs::write(store.path().join("admin_token"), format!("{ADMIN}\n")).unwrap();
        let flags = format!("--shoppers 3 --units 10 --store {}", store.path().display());
        assert_eq!(exit_of(&fake, &flags).await, code(0));
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for wrong in [
            "--sku A --units 5",
            "--trace f --sku A",
            "--pace 5",
            "--trace f --pace 5 --rate 5",
            "--trace f --pace slow",
            "--shoppers 0",
            "--sku A@B",
            "--url https://127.0.0.1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let sped_up = parse("--trace f --pace 5").unwrap().pace;
        assert_eq!(sped_up, Tempo::Times(NonZeroU32::new(5).unwrap()));
        assert_eq!(parse("--trace f --rate 5").unwrap().pace, Tempo::AsFast);
    }
}
