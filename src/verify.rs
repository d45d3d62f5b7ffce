//! `doorbuster verify`: reads a stopped store from the first byte and says what does not balance.
//!
//! The log is the only witness; what is derived (snapshots, views) and what others keep (the
//! payment simulator) is compared with it. The sums are folded here from the events alone, not by
//! the machines that decided them. Invariant: nothing in the store is changed.
//!
//! Memory: about 200 bytes an order for the books, 100 bytes an entry of a SKU while there are
//! views to compare, and at most a gigabyte of replayed entities at a time: a larger log is read
//! in several rounds.

mod claims;
mod derived;
mod money;
mod orders;
mod people;
mod replay;
mod report;
mod returns;
mod stock;
mod store;

pub use report::{Finding, Report};
pub use store::{Error, Store};

use crate::journal::{BatchRef, Mark};
use derived::{State, Twin};
use orders::Books;
use replay::{Facts, Replay};
use report::Findings;
use std::{path::Path, process::ExitCode};

/// Reads a stopped store, changes nothing, and says whether all books balance.
///
/// Exit code 0 when they do, 1 with a list of what does not, 2 when the store can't be read: in
/// use by a server, missing, or damaged (the message names file and offset).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print the report as one JSON object.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  doorbuster verify
      ends with `all books balance`; a note is something still on its way, such as an
      order that a kill left half paid: the next start goes on with it
  doorbuster verify --store /backup/store --json
      the same on a copy, for a script";

/// Log bytes per round; their entities take about as much memory.
const ROUND_BYTES: u64 = 1 << 30;

/// Runs the command on the store in `folder`.
#[must_use]
pub fn run(folder: &Path, args: &Args) -> ExitCode {
    let bar = indicatif::ProgressBar::new(0); // hidden unless stderr is a terminal
    let result = check(folder, &|done, total| {
        bar.set_length(total);
        bar.inc(done);
    });
    bar.finish_and_clear();
    match result {
        Err(error) => {
            eprintln!("doorbuster verify: {error}");
            ExitCode::from(2)
        }
        Ok(report) => {
            if args.json {
                println!("{}", report.json());
            } else {
                print!("{report}");
            }
            ExitCode::from(u8::from(!report.balanced()))
        }
    }
}

/// Checks the store in `folder`; `progress` hears of bytes just read, and of how many in all.
///
/// # Errors
/// The store can't be read.
pub fn check(folder: &Path, progress: &dyn Fn(u64, u64)) -> Result<Report, Error> {
    let store = Store::open(folder)?;
    let bytes = store.log_bytes()?;
    let rounds = 1 + bytes / ROUND_BYTES;
    let mut report = Report::new(&store);
    let state = State::copy(&store, &mut report.notes)?;
    let mut twin = state.as_ref().map(|state| Twin::new(state, &store)).transpose()?;
    let (mut books, mut facts) = (Books::of(&store)?, Facts::default());
    let mut derived = Findings::default();
    for round in 0..rounds {
        let state_store = state.as_ref().map(State::store);
        let mut replay = Replay::new(state_store, store.shards, (round, rounds));
        for shard in 0..store.shards {
            let opened = store.inspect(shard, &mut |batch: &BatchRef<'_>| {
                progress(batch.bytes().len() as u64, bytes * rounds);
                replay.batch(shard, batch, &mut report.findings, &mut derived);
                if round > 0 {
                    return Ok(());
                }
                report.count(batch);
                books.batch(shard, batch, &mut report.findings);
                let folded = twin.as_mut().map_or(Ok(()), |twin| twin.batch(shard, batch));
                folded.map_err(|error| error.to_string())
            })?;
            if round == 0 && opened.mark == Mark::Unreadable {
                let why = "no slot of the mark can be read: rot in the last synced batch would pass as a torn write";
                report.findings.add("mark", store.layout().log(shard).join("mark").display(), why);
            }
        }
        replay.finish(&mut facts, &mut derived)?;
    }
    report.entities = facts.entities;
    books.finish(&facts, &mut report);
    money::compare(&store, &books, &facts, &mut report)?;
    if let Some(twin) = twin {
        twin.finish(derived, &mut report)?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
