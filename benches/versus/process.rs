//! Rivals and doors as processes of their own, which end with the bench however it ends.

use rustix::process::{Pid, Signal, getuid, kill_process};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Who runs what refuses to be run by root: `nobody`, everywhere.
pub const NOBODY: u32 = 65_534;

/// Longest orderly end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Ends with its holder.
pub struct Process {
    child: Child,
    end: Signal,
}

impl Process {
    /// Starts it; `end` is what it takes for a wish to end at once and leave nothing behind.
    pub fn start(command: &mut Command, end: Signal) -> Process {
        let child = command.spawn();
        Process { child: child.unwrap_or_else(|e| panic!("{command:?}: {e}")), end }
    }

    /// How it ended, if it has.
    pub fn over(&mut self) -> Option<String> {
        self.child.try_wait().expect("its state").map(|status| status.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, self.end);
        }
        let begun = Instant::now();
        while begun.elapsed() < END_WITHIN {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program in the folders that the shell looks in, or in these.
pub fn find(program: &str, elsewhere: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(elsewhere.iter().cloned());
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    getuid().is_root()
}

/// How to run it so that it gets `end` even when the bench is killed; as `NOBODY` on demand.
/// `None` where that takes a tool that is not there.
pub fn command(program: &Path, as_nobody: bool, end: &str) -> Option<Command> {
    let Some(setpriv) = find("setpriv", &[]) else {
        return (!as_nobody).then(|| Command::new(program));
    };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", end]);
    if as_nobody {
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
    }
    command.arg("--").arg(program);
    Some(command)
}
