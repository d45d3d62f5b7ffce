//! The tables and the chart, for people.

use super::{
    asked,
    figures::Figures,
    machine::Machine,
    rows::{self, Row},
    support::{
        Length,
        chart::{self, Bar, Bars},
        count, table,
    },
};
use std::{fmt::Write as _, path::Path};

/// What others do that can't be started by a bench; see [`SOURCE`].
const ELSEWHERE: [[&str; 2]; 3] = [
    [
        "TigerBeetle 0.16.78, ledger inserts without a stock check, in batches of 1 / 64 / 1,024 / 8,189",
        "2.0-2.6k / 43-72k / 171k / 236-393k per s",
    ],
    [
        "Vendure 3.7.3 on PostgreSQL, complete guest checkouts at 1 / 16 / 64 shoppers",
        "6 / 11 / 12 per s, p99 6 s at 64; 1,000 paid orders of 500 units",
    ],
    [
        "Medusa 2.21.2 on PostgreSQL, the same",
        "1.1 / 1.4 / 1.3 per s, 15 % HTTP 500 at 64; two processes sold 49 of 30 units",
    ],
];

const SOURCE: &str = "Fixed figures, each from a run of its own before, on another machine of this class \
                      (2 cores shared with the load generator, one fdatasync of 4 KiB in 0.22 ms)";

type Table = (Vec<String>, Vec<Vec<String>>);

fn rates(figures: &Figures) -> Table {
    let levels = rows::levels();
    let mut header = vec!["per second, by clients at once".to_owned()];
    header.extend(levels.iter().map(|clients| count(*clients as f64)));
    let line = |row: Row| {
        let cell = |clients| figures.rate(row, clients).map_or_else(String::new, count);
        let mut line = vec![row.name().to_owned()];
        line.extend(levels.iter().map(|clients| cell(*clients)));
        line
    };
    (header, Row::ALL.into_iter().map(line).collect())
}

fn ratios(figures: &Figures) -> Table {
    let header = ["ratio", "figure", "asked"].map(str::to_owned).to_vec();
    let asked = asked::all(figures);
    (header, asked.iter().map(|one| vec![one.what.clone(), one.said(), one.verdict()]).collect())
}

fn elsewhere() -> Table {
    let header = ["elsewhere", "figure"].map(str::to_owned).to_vec();
    (header, ELSEWHERE.map(|line| line.map(str::to_owned).to_vec()).to_vec())
}

/// Everything, for a terminal.
pub fn print(figures: &Figures, machine: &Machine) {
    println!("\n{}; one fdatasync of 4 KiB takes {:.0?}", machine.hardware, machine.sync);
    let show = |title: &str, (header, rows): Table| {
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        table(title, &header, &rows);
    };
    show("versus: durable reservations beside rivals", rates(figures));
    show("versus: what is asked", ratios(figures));
    show(SOURCE, elsewhere());
}

/// The same for readers, with a chart: `versus.md` and `versus.svg`.
pub fn write(figures: &Figures, machine: &Machine, length: Length, folder: &Path) {
    let Machine { hardware, date, commit, .. } = machine;
    let busy = if machine.is_busy() { "; others used it meanwhile" } else { "" };
    let note = format!("{hardware}{busy}; {date}; commit {commit}");
    chart::write(&folder.join("versus.svg"), &drawn(figures, &note));
    let mut text = String::from(
        "# Beside rivals\n\n\
         Written by `cargo bench --bench versus -- --write`; the figures are of one run, in which all\n\
         rows take turns on one disk.\n\n\
         ![Reservations per second beside rivals](versus.svg)\n\n",
    );
    let rivals = machine.rivals.join("; ");
    let Length { each, rounds } = length;
    let seconds = each.as_secs();
    let quoted = match rounds {
        1 => format!("one round of {seconds} s"),
        _ => format!("the median of {rounds} rounds of {seconds} s"),
    };
    let _ = write!(
        text,
        "| | |\n|---|---|\n\
         | machine | {}, shared with the load generator |\n\
         | one fdatasync of 4 KiB | {:.0?} |\n\
         | date | {} |\n\
         | load average before the run | {} |\n\
         | commit | {} |\n\
         | rivals | {rivals} |\n\
         | each figure | {quoted}, on a fresh store |\n\n",
        machine.hardware, machine.sync, machine.date, machine.load, machine.commit
    );
    if machine.is_busy() {
        let _ = write!(text, "{BUSY}\n\n");
    }
    for (header, rows) in [rates(figures), ratios(figures)] {
        marked(&mut text, &header, &rows);
    }
    let _ = write!(text, "{FAIRNESS}\n{SOURCE}:\n\n");
    let (header, rows) = elsewhere();
    marked(&mut text, &header, &rows);
    std::fs::write(folder.join("versus.md"), text.trim_end().to_owned() + "\n").expect("a table");
}

const BUSY: &str =
    "**Others used the machine meanwhile: these figures show that it runs, and no more.**";

/// How each row is set up.
const FAIRNESS: &str = "\
How each is set up:

- One unit of one SKU is reserved by each call, under an id of its own; who asks is answered once it
  is on the disk. The bench compares what clients were told with the books of each contender.
- Redis: a script by its hash checks the stock, notes the reservation under its id and takes the
  unit; `appendonly yes`, `appendfsync always`, no rewrite and no snapshot meanwhile, over a Unix
  socket. Without a door each client has a connection; the door has one multiplexed connection for
  all.
- PostgreSQL: one prepared statement updates the stock's row and inserts the reservation under its
  id; `fsync` and `synchronous_commit` on, over a Unix socket. Without a door each client has a
  connection; the door has a pool of 16.
- The plain doors are axum with JSON in and out and nothing else: no ledger, no cart, no end of a
  reservation, no metrics. Doorbuster has all of them, and its door is the program with its usual
  settings. All doors that reserve take the same request. Every door is a process of its own, and all
  get their load from the same generator.
";

fn marked(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    let _ = writeln!(text, "| {} |", header.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(header.len() - 1));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
}

/// Without a door at 512 clients, and behind doors at 256.
fn drawn(figures: &Figures, note: &str) -> String {
    let bars = [
        (Row::Shop, 512, "Doorbuster", 0),
        (Row::Redis, 512, "Redis, synced always", 1),
        (Row::Postgres, 512, "PostgreSQL, hot row", 1),
        (Row::Noop, 256, "HTTP: nothing done", 2),
        (Row::DoorReserves, 256, "HTTP: Doorbuster, reserve", 0),
        (Row::DoorAdds, 256, "HTTP: Doorbuster, add to cart", 0),
        (Row::DoorBuys, 256, "HTTP: Doorbuster, whole checkout", 0),
        (Row::DoorOverRedis, 256, "HTTP: door over Redis", 1),
        (Row::DoorOverPostgres, 256, "HTTP: door over PostgreSQL", 1),
    ];
    let bars = bars.into_iter().filter_map(|(row, clients, name, group)| {
        let figure = figures.rate(row, clients)?;
        Some(Bar { name: name.to_owned(), figure, group })
    });
    let bars: Vec<Bar> = bars.collect();
    let title = "Durable reservations of one SKU beside rivals";
    let unit = "per second; 512 clients without a door, 256 connections over HTTP";
    Bars { title, unit, note, all: &bars }.svg()
}
