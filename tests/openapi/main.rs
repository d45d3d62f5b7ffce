//! The document before judges that others wrote: schemathesis asks the running program whatever the
//! document allows and forbids, and a client that a generator made of the document buys something.
//!
//! Both are Python; `./test` provides it. Each serves a store of its own, on a free port of the
//! loopback. Invariant: what a judge is told to pass over has its reason beside it, in
//! `schemathesis.toml`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets what it does not expect should fail there"
)]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};
use tempfile::TempDir;

const ADMIN: &str = "the-admin-token-of-the-judges";

/// The Python that has the packages of `tests/requirements.txt`.
fn python(test: &str) -> Option<Command> {
    let python = std::env::var_os("DOORBUSTER_PYTHON");
    if python.is_none() {
        eprintln!("skipped: {test} needs DOORBUSTER_PYTHON, which ./test provides");
    }
    python.map(Command::new)
}

/// A shop with the demo catalogue; killed when dropped.
struct Server {
    child: Child,
    /// Open as long as the process, so that its last words have a reader.
    _stdout: BufReader<ChildStdout>,
    folder: TempDir,
    url: String,
}

impl Server {
    fn start() -> Server {
        let built = || env!("CARGO_BIN_EXE_doorbuster").to_owned();
        let binary = std::env::var("DOORBUSTER_BIN").unwrap_or_else(|_| built());
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-token", ADMIN]);
        command.args(["--log", "error", "--store"]).arg(folder.path().join("store"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.expect("it says where it listens").to_owned();
        Server { child, _stdout: stdout, folder, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it where it may write what it likes; its words are shown when it fails.
fn must_succeed(mut command: Command, server: &Server) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi");
    command
        .current_dir(server.folder.path())
        .env("DOORBUSTER_ADMIN_TOKEN", ADMIN)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", here)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null());
    let output = command.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let warned = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{warned}");
    println!("{said}");
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(mut python) = python("schemathesis") else { return };
    let server = Server::start();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/schemathesis.toml");
    python.args(["-m", "schemathesis.cli", "--config-file"]).arg(config);
    python.arg("run").arg(format!("{}/openapi.json", server.url));
    must_succeed(python, &server);
}

#[test]
fn a_generated_client_buys_something() {
    let Some(mut python) = python("a generated client") else { return };
    let server = Server::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/buy.py");
    python.arg(script).arg(&server.url);
    must_succeed(python, &server);
}
