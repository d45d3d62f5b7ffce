//! The server as a process of its own, as it runs in production: what a start takes, what it keeps
//! in memory. Killed when dropped.

use doorbuster::load::Target;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// What proves an admin.
pub const ADMIN: &str = "the-admin-of-the-bench";

/// A running server.
pub struct Server {
    child: Child,
    /// Open as long as the process, so that its last words have a reader.
    _stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub target: Target,
    /// From its start until it answered requests.
    pub ready_after: Duration,
}

impl Server {
    /// Starts the built program on a store and waits until it answers.
    pub fn start(store: &Path, flags: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--demo", "false", "--log", "warn"]);
        command.args(["--admin-token", ADMIN, "--store"]).arg(store).args(flags);
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its first words");
        let ready_after = begun.elapsed();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let target = Target::parse(url.expect("it says where it listens")).expect("an address");
        Server { child, _stdout: stdout, target, ready_after }
    }

    /// Its memory, see [`resident`].
    pub fn resident(&self) -> u64 {
        resident(&self.child.id().to_string())
    }

    /// Files and sockets that it has open.
    pub fn files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// Processor time that it has used.
    pub fn cpu(&self) -> Duration {
        super::cpu_of(&self.child.id().to_string())
    }

    /// SIGTERM, and its orderly end.
    pub fn end(mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("its id");
        kill_process(pid, Signal::TERM).expect("a signal");
        self.child.wait().expect("its end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes of a process that stand in memory; `self` names this one.
pub fn resident(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}
