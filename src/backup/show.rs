//! What the two commands say: a bar on a terminal, and a summary at the end.

use crate::journal::backup::{Cut, Manifest, Source};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;

/// A bar of bytes on standard error, hidden unless that is a terminal; gone when dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(title: &'static str, bytes: u64) -> Bar {
        let bar = ProgressBar::new(bytes);
        let style = "{prefix:<12} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(style);
        bar.set_style(style.unwrap_or_else(|_| unreachable!("valid")));
        bar.set_prefix(title);
        Bar(bar)
    }

    pub(super) fn inc(&self, bytes: u64) {
        self.0.inc(bytes);
        // How long a stopped log is shows only at its end.
        if self.0.length().is_some_and(|length| length < self.0.position()) {
            self.0.set_length(self.0.position());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// How much there is to copy, where that is known ahead.
pub(super) fn bytes_of(source: &Source<'_>) -> u64 {
    match source {
        Source::Cut(Cut { shards, books, .. }) => {
            let logs: u64 = shards.iter().map(|end| end.position.0).sum();
            logs + books.iter().map(|book| book.bytes).sum::<u64>()
        }
        Source::Stopped { .. } => 0,
    }
}

pub(super) fn summary(folder: &Path, manifest: &Manifest) -> String {
    let ends: Vec<String> = manifest.shards.iter().map(|end| end.position.to_string()).collect();
    let (folder, bytes) = (folder.display(), manifest.bytes());
    format!(
        "{folder}: {bytes} bytes as of {}, {} log(s) up to {}\n\
         it holds the keys of all personal data and the admin token: keep it as secret as the \
         store\n\
         to prove it: doorbuster restore {folder} --store NEW",
        manifest.at,
        ends.len(),
        ends.join(", "),
    )
}
