//! What a run measured: latencies and outcomes by step.
//!
//! Each worker writes a tally of its own and the tallies are merged at the end, so measuring
//! shares nothing between workers. Latencies are microseconds in HDR histograms of two
//! significant digits; served and refused are kept apart, since a refusal is cheaper and would
//! flatter the rest.

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{collections::BTreeMap, fmt, time::Duration};

/// How a step or a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// A clear no: the problem's code, or the status an order ended in.
    Refused(String),
    /// Neither: no answer, or one that a client can do nothing with.
    Failed(String),
}

impl Outcome {
    /// The name it is counted under.
    pub fn name(&self) -> &str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Refused(name) | Outcome::Failed(name) => name,
        }
    }
}

/// One step's figures.
#[derive(Clone, Debug)]
pub struct Step {
    ok: Histogram<u64>,
    refused: Histogram<u64>,
    counts: BTreeMap<String, u64>,
    failed: u64,
}

impl Step {
    fn new() -> Step {
        let empty = || {
            Histogram::new(2)
                .unwrap_or_else(|error| unreachable!("two digits are allowed: {error}"))
        };
        Step { ok: empty(), refused: empty(), counts: BTreeMap::new(), failed: 0 }
    }

    /// The latency in microseconds below which this share of the served lies.
    pub fn ok_latency_us(&self, quantile: f64) -> u64 {
        self.ok.value_at_quantile(quantile)
    }

    /// Outcomes by name, `ok` among them.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// How many ended neither served nor clearly refused.
    pub fn failed(&self) -> u64 {
        self.failed
    }
}

/// Figures by step.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    steps: Vec<(&'static str, Step)>,
    retries: BTreeMap<String, u64>,
}

impl Tally {
    /// Records how a step ended and how long it took.
    pub fn note(&mut self, step: &'static str, latency: Duration, outcome: &Outcome) {
        let step = self.step_mut(step);
        match outcome {
            Outcome::Ok => record(&mut step.ok, latency),
            Outcome::Refused(_) => record(&mut step.refused, latency),
            Outcome::Failed(_) => step.failed += 1,
        }
        add(&mut step.counts, outcome.name(), 1);
    }

    /// Records that a call was repeated, and why.
    pub fn retry(&mut self, why: &str) {
        add(&mut self.retries, why, 1);
    }

    fn step_mut(&mut self, name: &'static str) -> &mut Step {
        let at = self.steps.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or_else(|| {
            self.steps.push((name, Step::new()));
            self.steps.len() - 1
        });
        match self.steps.get_mut(at) {
            Some((_, step)) => step,
            None => unreachable!("the step was found or made above"),
        }
    }

    fn merge(&mut self, other: &Tally) {
        for (name, from) in &other.steps {
            let step = self.step_mut(name);
            let fits = step.ok.add(&from.ok).and_then(|()| step.refused.add(&from.refused));
            assert!(fits.is_ok(), "histograms that grow take each other in");
            step.failed += from.failed;
            for (outcome, count) in &from.counts {
                add(&mut step.counts, outcome, *count);
            }
        }
        for (why, count) in &other.retries {
            add(&mut self.retries, why, *count);
        }
    }
}

/// An hour and more count as an hour.
fn record(latencies: &mut Histogram<u64>, latency: Duration) {
    let hour_us = 3_600_000_000;
    let us = u64::try_from(latency.as_micros()).unwrap_or(hour_us).min(hour_us);
    assert!(latencies.record(us).is_ok(), "a histogram grows to an hour");
}

/// Allocates a name only when it is new.
fn add(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => drop(counts.insert(name.to_owned(), more)),
    }
}

/// What a whole run measured. `Display` is a table, `Serialize` the same for machines.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// From the start to the last worker's end.
    pub elapsed: Duration,
    /// Turns performed.
    pub turns: u64,
    /// Turns that began noticeably after they were due: too few workers, or a slow server.
    pub late: u64,
    /// Turns that were due but never began before the run's time was up.
    pub unstarted: u64,
    /// By step.
    pub tally: Tally,
}

impl Report {
    /// The step that every run has: the whole turn.
    pub const WHOLE: &'static str = "whole";

    /// One step's figures.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.tally.steps.iter().find(|(known, _)| *known == name).map(|(_, step)| step)
    }

    /// How often a step ended so.
    pub fn count(&self, step: &str, outcome: &str) -> u64 {
        self.step(step).and_then(|step| step.counts.get(outcome)).copied().unwrap_or(0)
    }

    /// `count` over the run's time.
    pub fn per_second(&self, count: u64) -> f64 {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        f64::from(count) / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Served turns per second.
    pub fn ok_per_second(&self) -> f64 {
        self.per_second(self.count(Report::WHOLE, "ok"))
    }

    /// Takes in what another worker measured.
    pub fn merge(&mut self, other: &Report) {
        self.elapsed = self.elapsed.max(other.elapsed);
        self.turns += other.turns;
        self.late += other.late;
        self.unstarted += other.unstarted;
        self.tally.merge(&other.tally);
    }
}

/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Microseconds as milliseconds with two digits behind the point, without floats.
struct Ms(u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 1000, self.0 % 1000 / 10))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10} {:<8} {:>9} {:>9}", "step", "", "count", "per s")?;
        for (name, _) in QUANTILES {
            write!(f, " {:>9}", format!("{name} ms"))?;
        }
        writeln!(f)?;
        for (name, step) in &self.tally.steps {
            for (kind, latencies) in [("served", &step.ok), ("refused", &step.refused)] {
                if latencies.is_empty() {
                    continue;
                }
                let count = latencies.len();
                write!(f, "{name:<10} {kind:<8} {count:>9} {:>9.0}", self.per_second(count))?;
                for (_, quantile) in QUANTILES {
                    write!(f, " {:>9}", Ms(latencies.value_at_quantile(quantile)))?;
                }
                writeln!(f)?;
            }
            for (outcome, count) in step.counts.iter().filter(|(outcome, _)| *outcome != "ok") {
                writeln!(f, "{name:<10} {outcome}: {count}")?;
            }
        }
        for (why, count) in &self.tally.retries {
            writeln!(f, "repeated   {why}: {count}")?;
        }
        if self.late + self.unstarted > 0 {
            writeln!(f, "begun late {}, never begun {}", self.late, self.unstarted)?;
        }
        write!(f, "{} turns in {:.2} s", self.turns, self.elapsed.as_secs_f64())
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let steps: BTreeMap<_, _> = self.tally.steps.iter().map(|(name, s)| (name, s)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("elapsed_ms", &u64::try_from(self.elapsed.as_millis()).ok())?;
        map.serialize_entry("turns", &self.turns)?;
        map.serialize_entry("late", &self.late)?;
        map.serialize_entry("unstarted", &self.unstarted)?;
        map.serialize_entry("ok_per_second", &self.ok_per_second())?;
        map.serialize_entry("retries", &self.tally.retries)?;
        map.serialize_entry("steps", &steps)?;
        map.end()
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let us = |latencies: &Histogram<u64>| -> BTreeMap<&str, u64> {
            QUANTILES.map(|(name, q)| (name, latencies.value_at_quantile(q))).into()
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("outcomes", &self.counts)?;
        map.serialize_entry("failed", &self.failed)?;
        map.serialize_entry("served_us", &us(&self.ok))?;
        map.serialize_entry("refused_us", &us(&self.refused))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ms: u64, outcome: &Outcome) -> Report {
        let mut report = Report { turns: 1, ..Report::default() };
        report.tally.note("add", Duration::from_millis(ms), outcome);
        report
    }

    #[test]
    fn merged_tallies_keep_every_count_and_the_slowest() {
        let mut all = Report { elapsed: Duration::from_secs(2), ..Report::default() };
        all.merge(&sample(2, &Outcome::Ok));
        all.merge(&sample(9_000, &Outcome::Ok));
        all.merge(&sample(1, &Outcome::Refused("sold-out".into())));
        all.merge(&sample(1, &Outcome::Failed("http 500 internal".into())));
        let add = all.step("add").unwrap();
        assert_eq!(all.turns, 4);
        assert_eq!((all.count("add", "ok"), all.count("add", "sold-out"), add.failed()), (2, 1, 1));
        assert!((8_900_000..9_100_000).contains(&add.ok_latency_us(1.0)));
        assert!((1_980..2_020).contains(&add.ok_latency_us(0.5)), "a refusal is kept apart");
        assert!((all.per_second(3) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn the_table_and_the_json_say_the_same() {
        let mut report = sample(12, &Outcome::Ok);
        report.merge(&sample(3, &Outcome::Refused("sold-out".into())));
        report.tally.retry("overloaded");
        let table = report.to_string();
        for part in ["add        served", "add        sold-out: 1", "repeated   overloaded: 1"] {
            assert!(table.contains(part), "no `{part}` in\n{table}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["steps"]["add"]["outcomes"]["sold-out"], 1);
        assert_eq!(json["retries"]["overloaded"], 1);
        assert_eq!(json["turns"], 2);
    }
}
