//! One run of the program over a store; killed when dropped.

use doorbuster::load::{Client, Target};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub(crate) const ADMIN: &str = "admin-of-the-crash-test";

/// The program, with nothing of the surroundings' settings.
pub(crate) fn doorbuster<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let built = || env!("CARGO_BIN_EXE_doorbuster").to_owned();
    let binary = std::env::var("DOORBUSTER_BIN").unwrap_or_else(|_| built());
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// To be run by [`Server::run`], perhaps with more around it.
pub(crate) fn serve(store: &Path, flags: &[&str]) -> Command {
    let mut command = doorbuster(["serve", "--listen", "127.0.0.1:0", "--demo", "false"]);
    command.args(["--admin-token", ADMIN, "--log", "warn", "--store"]).arg(store).args(flags);
    command
}

pub(crate) struct Server {
    child: Child,
    /// Open as long as the process, so that its last words have a reader.
    _stdout: BufReader<ChildStdout>,
    /// What it has written to its standard error.
    words: Arc<Mutex<String>>,
    pub(crate) target: Target,
    /// From its start until it listened to requests.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts one and waits until it answers; what it wrote when it does not.
    pub(crate) fn start(store: &Path, flags: &[&str]) -> Result<Server, Output> {
        Server::run(serve(store, flags))
    }

    pub(crate) fn run(mut command: Command) -> Result<Server, Output> {
        let begun = Instant::now();
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) else {
            return Err(child.wait_with_output().unwrap());
        };
        let target = Target::parse(url).unwrap();
        // Warnings go by; a full pipe would stop the process.
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let words = Arc::<Mutex<String>>::default();
        let heard = words.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                eprintln!("{line}");
                heard.lock().unwrap().extend([&*line, "\n"]);
            }
        });
        Ok(Server { child, _stdout: stdout, words, target, ready_after: begun.elapsed() })
    }

    /// What it has written to its standard error, once that holds `wanted`; panics when it never
    /// does.
    pub(crate) fn says(&self, wanted: &str) -> String {
        let begun = Instant::now();
        loop {
            let words = self.words.lock().unwrap().clone();
            if words.contains(wanted) {
                return words;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no `{wanted}` in:\n{words}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// SIGSTOP: it stands still wherever it is.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn must_start(store: &Path, flags: &[&str]) -> Server {
        Server::start(store, flags).unwrap_or_else(|output| panic!("no start: {}", said(&output)))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.target)
    }

    /// SIGKILL: it has no last words.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// How it ended, at the latest after `most`.
    pub(crate) fn ended(&mut self, most: Duration) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < most {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// SIGTERM, and exit code 0 within the ten seconds it has, and a little for the machine.
    pub(crate) fn end(mut self) {
        self.ask_to_end();
        assert_eq!(
            self.ended(Duration::from_secs(12)),
            Some(0),
            "it drains and ends in good order"
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process and kills it before anybody heard of it.
pub(crate) fn start_and_kill(mut command: Command, after: Duration) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(crate) fn verify(store: &Path) -> Output {
    doorbuster(["verify", "--store"]).arg(store).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// `verify` finds nothing wrong.
pub(crate) fn balances(store: &Path) {
    let output = verify(store);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// A copy of a stopped store.
pub(crate) fn copy_of(store: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_into(store, folder.path());
    folder
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
