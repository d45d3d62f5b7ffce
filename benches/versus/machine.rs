//! Where and when figures were measured, as far as they depend on it.

use super::{postgres, process, redis, support::raw};
use std::{path::Path, process::Command, time::Duration};

/// What stands beside the figures.
pub struct Machine {
    /// Processor, cores, memory, kernel.
    pub hardware: String,
    /// How long one sync of 4 KiB takes on the disk of all contenders.
    pub sync: Duration,
    /// Day, in UTC.
    pub date: String,
    /// What others did with the machine when the bench began: below 0.5 on a quiet one.
    pub load: String,
    /// Of the project.
    pub commit: String,
    /// Whose figures these are, by version.
    pub rivals: Vec<String>,
}

impl Machine {
    /// This one.
    pub fn look() -> Machine {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let processor = field("/proc/cpuinfo", "model name");
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let gibibytes = kilobytes as f64 / f64::from(1 << 20);
        // Redis goes on with details of its build.
        let version = |program: &Path| {
            let said = output(Command::new(program).arg("--version"));
            said.split(" sha=").next().unwrap_or_default().to_owned()
        };
        let installed = [redis::installed(), postgres::installed()];
        Machine {
            hardware: format!(
                "{processor}, {cores} cores, {gibibytes:.0} GiB of memory, Linux {}",
                kernel.trim()
            ),
            sync: raw::appends(4_096, Duration::from_secs(1)).1,
            date: today(),
            load: load(),
            commit: commit(),
            rivals: installed.into_iter().flatten().map(|program| version(&program)).collect(),
        }
    }

    /// Whether others used it so much that no figure means anything.
    pub fn is_busy(&self) -> bool {
        self.load.parse().is_ok_and(|load: f64| load > 1.0)
    }
}

/// What a file of the kernel says behind a name.
fn field(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
}

/// Of the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a figure is dated by the machine's own clock")]
fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

fn commit() -> String {
    let Some(git) = process::find("git", &[]) else { return "unknown".to_owned() };
    let ask = |arguments: &[&str]| {
        output(Command::new(&git).current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments))
    };
    let commit = ask(&["rev-parse", "--short=12", "HEAD"]);
    let changed = !ask(&["status", "--porcelain", "--", "src", "Cargo.lock"]).is_empty();
    if changed { format!("{commit}, with changes") } else { commit }
}

/// The first line that a program says.
fn output(command: &mut Command) -> String {
    let said = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}
