//! Runs the simulator: many seeds, or one of them to be looked at.
//!
//! `cargo run --release --example simulate -- --seeds 1000` tries a thousand seeds on all cores. A
//! seed that fails is printed and made short; `--seed 7 --only 3,17` shows such a run as a trace.
//! The process ends with 1 when a seed fails.

use clap::Parser;
use doorbuster::{actors, domain, journal, ports, shop, views};
use indicatif::{ProgressBar, ProgressStyle};
use simulation::{Mode, Options, Report, run, shrink};
use std::{
    collections::BTreeSet,
    io,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

#[path = "../src/simulation/mod.rs"]
mod simulation;

/// Simulates the whole shop under faults, one run per seed, and checks every invariant.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds to try.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this seed, with its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Of that seed only these steps.
    #[arg(long, value_delimiter = ',', requires = "seed")]
    only: Option<Vec<u64>>,
    /// Steps of each run.
    #[arg(long, default_value_t = 300)]
    steps: u64,
    /// `safety`: faults for ever; `liveness`: they stop and everything must settle; by default the
    /// seeds take turns.
    #[arg(long, value_parser = mode)]
    mode: Option<Mode>,
    /// Threads; by default as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Go on after a seed that fails.
    #[arg(long)]
    keep_going: bool,
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "safety" => Ok(Mode::Safety),
        "liveness" => Ok(Mode::Liveness),
        _ => Err("say `safety` or `liveness`".to_owned()),
    }
}

impl Args {
    fn options(&self, seed: u64) -> Options {
        let by_turns = if seed.is_multiple_of(2) { Mode::Liveness } else { Mode::Safety };
        let only = self.only.as_ref().map(|only| only.iter().copied().collect::<BTreeSet<u64>>());
        let mode = self.mode.unwrap_or(by_turns);
        Options { seed, steps: self.steps, only, mode, trace: false }
    }
}

fn main() -> io::Result<ExitCode> {
    let args = Args::parse();
    match args.seed {
        Some(seed) => show(&args.options(seed)),
        None => all(&args),
    }
}

/// One run, line by line.
fn show(options: &Options) -> io::Result<ExitCode> {
    let report = run(&Options { trace: true, ..options.clone() })?;
    for line in &report.lines {
        println!("{line}");
    }
    println!("hash {}, {} steps, {}", report.hash, report.steps.len(), said(&report));
    Ok(if report.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn said(report: &Report) -> String {
    match &report.violation {
        Some(violation) => format!("BROKEN {violation}"),
        None => "every invariant held".to_owned(),
    }
}

#[derive(Default)]
struct Sums {
    orders: AtomicU64,
    stand: AtomicU64,
    crashes: AtomicU64,
    failed: Mutex<Vec<u64>>,
}

fn all(args: &Args) -> io::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let bar = ProgressBar::new(args.seeds);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    let (next, stop, sums) = (AtomicU64::new(args.from), AtomicBool::new(false), Sums::default());
    let (until, begun) = (args.from + args.seeds, Instant::now());
    std::thread::scope(|scope| {
        let work = || -> io::Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= until {
                    break;
                }
                let report = run(&args.options(seed))?;
                sums.add(seed, &report);
                if report.violation.is_some() {
                    bar.suspend(|| println!("seed {seed}: {}", said(&report)));
                    stop.store(!args.keep_going, Ordering::Relaxed);
                }
                bar.inc(1);
            }
            Ok(())
        };
        let threads = 0..args.threads.unwrap_or(cores);
        let threads: Vec<_> = threads.map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    bar.finish_and_clear();
    sums.say(next.into_inner().min(until) - args.from, begun.elapsed().as_secs_f64());
    let failed = sums.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some(seed) = failed.iter().min() else { return Ok(ExitCode::SUCCESS) };
    println!("seed {seed} is made short ...");
    if let Some((steps, report)) = shrink(&args.options(*seed), |_| {})? {
        let steps: Vec<String> = steps.iter().map(u64::to_string).collect();
        println!("{}", said(&report));
        let (count, only) = (args.steps, steps.join(","));
        println!(
            "look: simulate --seed {seed} --steps {count} --mode {} --only {only}",
            named(args, *seed)
        );
    }
    Ok(ExitCode::FAILURE)
}

fn named(args: &Args, seed: u64) -> &'static str {
    match args.options(seed).mode {
        Mode::Safety => "safety",
        Mode::Liveness => "liveness",
    }
}

impl Sums {
    fn add(&self, seed: u64, report: &Report) {
        self.orders.fetch_add(report.orders.0 as u64, Ordering::Relaxed);
        self.stand.fetch_add(report.orders.1 as u64, Ordering::Relaxed);
        self.crashes.fetch_add(u64::from(report.crashes), Ordering::Relaxed);
        if report.violation.is_some() {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    fn say(&self, seeds: u64, seconds: f64) {
        let [orders, stand, crashes] =
            [&self.orders, &self.stand, &self.crashes].map(|sum| sum.load(Ordering::Relaxed));
        println!(
            "{seeds} seeds in {seconds:.1} s, {:.0} an hour: {orders} orders, {stand} of them stand, \
             {crashes} crashes",
            seeds as f64 * 3_600.0 / seconds
        );
    }
}
