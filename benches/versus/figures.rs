//! What all rounds measured.

use super::{Sample, rows::Row, support::median};

/// Samples by row and number of clients.
#[derive(Default)]
pub struct Figures(Vec<(Row, usize, Sample)>);

impl Figures {
    /// Keeps one more.
    pub fn note(&mut self, row: Row, clients: usize, sample: Sample) {
        self.0.push((row, clients, sample));
    }

    /// The median per second; `None` for what was not measured.
    pub fn rate(&self, row: Row, clients: usize) -> Option<f64> {
        middle(self.of(row, clients).map(|sample| sample.per_second).collect())
    }

    /// The median number of entries that one sync made durable.
    pub fn entries_per_sync(&self, row: Row, clients: usize) -> Option<f64> {
        middle(self.of(row, clients).filter_map(|sample| sample.entries_per_sync).collect())
    }

    /// The median rate of one as a multiple of the other's.
    pub fn ratio(&self, row: Row, of: Row, clients: usize) -> Option<f64> {
        Some(self.rate(row, clients)? / self.rate(of, clients)?)
    }

    fn of(&self, row: Row, clients: usize) -> impl Iterator<Item = Sample> {
        let wanted =
            move |(other, level, _): &&(Row, usize, Sample)| (*other, *level) == (row, clients);
        self.0.iter().filter(wanted).map(|(.., sample)| *sample)
    }
}

fn middle(figures: Vec<f64>) -> Option<f64> {
    (!figures.is_empty()).then(|| median(figures))
}
