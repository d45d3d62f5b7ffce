//! The shop beside what a team would build instead, in one run on one disk, taking turns.
//!
//! `cargo bench --bench versus` prints it, with `-- --write` it also renews `docs/benchmarks/`.
//! Everything that answers runs in a process of its own, apart from what has no door; the load
//! comes from this one, and all share the machine. A row that did not do what it was told it had
//! done ends the bench: the books of each rival are compared with what its clients were told.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a bench prints rounded figures and may end where it can't go on"
)]

mod asked;
mod document;
mod doors;
mod figures;
mod machine;
mod postgres;
mod process;
mod redis;
mod rows;
mod shop;
#[path = "../support/mod.rs"]
mod support;

use doorbuster::load::{Bounds, Pace, Plan, Report, Script, run};
use figures::Figures;
use rows::{Rivals, Row};
use std::{path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// What everybody wants, in every contender's words.
const SKU: &str = "SKU-0";
/// Of it: nobody is ever told that it is sold out.
const STOCK: u64 = 1_000_000_000;

/// The same spread of ids as that of the clients over HTTP: each turn's own, as good as random.
fn reservation_id(turn: u64) -> Uuid {
    Uuid::from_u64_pair(turn.wrapping_mul(0x9E37_79B9_7F4A_7C15), turn)
}

/// What one measurement gave.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Answered in a second.
    per_second: f64,
    /// Entries of the log that one sync made durable, where that can be known.
    entries_per_sync: Option<f64>,
}

impl Sample {
    fn rate(per_second: f64) -> Sample {
        Sample { per_second, entries_per_sync: None }
    }
}

/// So many clients, each with its next turn as soon as the last is answered: per second, and how
/// many were answered in all. A single no ends the bench.
async fn drive(script: impl Script, clients: usize, time: Duration) -> (f64, u64) {
    let plan = Plan { workers: clients, pace: Pace::Closed, bounds: Bounds::time(time) };
    let (report, _) = run(&Arc::new(script), &plan, &Arc::default()).await;
    let done = report.count(Report::WHOLE, "ok");
    assert_eq!(done, report.turns, "somebody was told no\n{report}");
    (report.ok_per_second(), done)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == doors::ARGUMENT) {
        return doors::serve(&arguments[at + 1..]);
    }
    let length = support::length();
    // Before the figures: the project's folder may have moved on when they are there.
    let machine = machine::Machine::look();
    // Rivals are started from this thread, which lasts as long as the bench: their kernel ends
    // them with the thread that started them.
    let figures = support::runtime().block_on(async {
        let rivals = Rivals::start().await;
        let mut figures = Figures::default();
        for round in 1..=length.rounds {
            for clients in rows::levels() {
                for row in Row::ALL.into_iter().filter(|row| row.has(clients)) {
                    let Some(sample) = rivals.measure(row, clients, length.each).await else {
                        continue;
                    };
                    let rate = support::count(sample.per_second);
                    eprintln!("round {round}: {}, {clients} clients: {rate}/s", row.name());
                    figures.note(row, clients, sample);
                }
            }
        }
        figures
    });
    document::print(&figures, &machine);
    if arguments.iter().any(|argument| argument == "--write") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks");
        document::write(&figures, &machine, length, &folder);
    }
}
