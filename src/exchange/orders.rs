//! `doorbuster export orders`: orders as a table for bookkeeping, or as JSON lines.
//!
//! Newest first, with who bought, unless the buyer was erased. Invariant: a server and a stopped
//! store give the same lines.

mod order;
mod table;

use self::{order::Order, table::Table};
use super::{
    Error,
    api::{Client, OnServer, Page},
    output::{To, unwritten},
    stopped,
};
use crate::{domain::Time, journal};
use chrono::NaiveDate;
use std::{
    io::{self, Write},
    path::Path,
};

const EXAMPLES: &str = "\
Examples:
  doorbuster export orders --from 2026-11-01 --until 2026-11-30 -o november.csv
      one line per item, both days included, of a stopped store
  doorbuster export orders --format jsonl --url http://127.0.0.1:8080
      one JSON object per order, of a running server

Columns: order_id, placed_at, status, payment_status, email, name, address, sku, title, units, price,
line_total, order_total, currency, gift. Amounts are decimals of the currency. A cell that begins
with = + - or @ gets an apostrophe before it, so that no spreadsheet takes it for a formula.";

/// Which orders, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A line per item, or a JSON object per order
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// Placed on this day or later, or at this instant or later; days begin in UTC
    #[arg(long, value_name = "DATE", value_parser = from)]
    pub from: Option<Time>,
    /// Placed on this day or earlier, or before this instant
    #[arg(long, value_name = "DATE", value_parser = until)]
    pub until: Option<Time>,
    #[command(flatten)]
    pub server: OnServer,
    #[command(flatten)]
    pub to: To,
}

/// How orders are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table with a line per item.
    Csv,
    /// A JSON object per line and order.
    Jsonl,
}

const A_DATE: &str =
    "must be a date such as 2026-11-27, or an instant such as 2026-11-27T09:00:00Z";

fn day(text: &str) -> Option<Time> {
    let midnight = text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?;
    Some(Time(midnight.and_utc().timestamp_millis()))
}

fn from(text: &str) -> Result<Time, String> {
    day(text).or_else(|| Time::parse(text)).ok_or_else(|| A_DATE.to_owned())
}

fn until(text: &str) -> Result<Time, String> {
    const DAY_MS: u64 = 86_400_000;
    let end = day(text).map(|day| day.plus_ms(DAY_MS));
    end.or_else(|| Time::parse(text)).ok_or_else(|| A_DATE.to_owned())
}

/// Writes them.
///
/// # Errors
/// No answer, no store, or nowhere to write.
pub(super) async fn write(args: &Args, store: &Path, token: Option<String>) -> Result<(), Error> {
    let client = args.server.client(token, store)?;
    let (from, until) = (args.from.unwrap_or(Time(i64::MIN)), args.until.unwrap_or(Time::MAX));
    args.to
        .write(async |out| {
            let mut lines = Lines::new(args.format, out)?;
            match client {
                Some(client) => served(&client, from, until, &mut lines).await?,
                None => stored(store, from, until, &mut lines)?,
            }
            lines.end()
        })
        .await
}

async fn served(
    client: &Client,
    from: Time,
    until: Time,
    lines: &mut Lines<'_>,
) -> Result<(), Error> {
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "200")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = client.read::<Page<order::Served>>(&["api", "orders"], &query).await;
        let page = page.map_err(Error::from)?.unwrap_or_else(|| Page { items: vec![], next: None });
        for served in page.items {
            let order = Order::from(served);
            if order.placed_at < from {
                return Ok(());
            }
            if order.placed_at < until {
                lines.write(&order)?;
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn stored(store: &Path, from: Time, until: Time, lines: &mut Lines<'_>) -> Result<(), Error> {
    let orders = stopped::orders(store, from, until)?;
    let layout = journal::Layout(store.to_owned());
    let keys = journal::keyring::Opener::open(&layout.keys());
    let keys = keys.map_err(|error| Error(error.to_string()))?;
    for (id, at, state) in orders {
        if let Some(order) = Order::of(id, at, &state, &keys)? {
            lines.write(&order)?;
        }
    }
    Ok(())
}

/// Writes one order after the other.
enum Lines<'o> {
    Csv(Box<Table<'o>>),
    Jsonl(&'o mut dyn Write),
}

impl<'o> Lines<'o> {
    fn new(format: Format, out: &'o mut dyn Write) -> Result<Lines<'o>, Error> {
        Ok(match format {
            Format::Csv => Lines::Csv(Box::new(Table::new(out)?)),
            Format::Jsonl => Lines::Jsonl(out),
        })
    }

    fn write(&mut self, order: &Order) -> Result<(), Error> {
        match self {
            Lines::Csv(table) => table.write(order),
            Lines::Jsonl(out) => {
                let line = serde_json::to_writer(&mut **out, order).map_err(io::Error::from);
                line.and_then(|()| out.write_all(b"\n")).map_err(|error| unwritten(&error))
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        match self {
            Lines::Csv(table) => table.end(),
            Lines::Jsonl(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
