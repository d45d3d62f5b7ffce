//! What a run shows while it goes: a bar on a terminal, a plain line a second elsewhere.
//!
//! Always on standard error, so that standard output is the report alone.

use super::report::Outcome;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::interval};

/// Counters that every worker shares.
#[derive(Debug, Default)]
pub struct Progress {
    ok: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Progress {
    /// One more turn ended.
    pub fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Ok => &self.ok,
            Outcome::Refused(_) => &self.refused,
            Outcome::Failed(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn line(&self) -> (u64, String) {
        let [ok, refused, failed] =
            [&self.ok, &self.refused, &self.failed].map(|count| count.load(Ordering::Relaxed));
        (ok + refused + failed, format!("{ok} served, {refused} refused, {failed} failed"))
    }
}

/// A display that ends when it is dropped.
pub struct Shown {
    progress: Arc<Progress>,
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Shown {
    /// Shows a new progress of `total` turns under this title.
    pub fn new(title: &'static str, total: u64) -> Shown {
        let progress = Arc::new(Progress::default());
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let style = "{prefix:<12} {wide_bar} {pos}/{len} {per_sec} {msg}";
        bar.set_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| unreachable!("valid")),
        );
        bar.set_prefix(title);
        let (counters, drawn) = (Arc::clone(&progress), bar.clone());
        let task = tokio::spawn(async move {
            let every = if terminal { Duration::from_millis(100) } else { Duration::from_secs(1) };
            let mut ticks = interval(every);
            ticks.tick().await; // the first comes at once
            loop {
                ticks.tick().await;
                let (done, line) = counters.line();
                if terminal {
                    drawn.set_message(line);
                    drawn.set_position(done);
                } else {
                    eprintln!("{title}: {done} of {total}: {line}");
                }
            }
        });
        Shown { progress, bar, task }
    }

    /// What the workers count on.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}
