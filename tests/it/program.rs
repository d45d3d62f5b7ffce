//! The program as it runs in production, for tests of what a process is: its files, its memory, its
//! end. Killed when dropped.

use crate::app::{ADMIN, SOON};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A process that ends with its test.
pub(crate) struct Killed(pub(crate) Child);

/// A running shop with the demo catalogue.
pub(crate) struct Program {
    child: Killed,
    pub(crate) authority: String,
    /// Connections and sockets that fit.
    pub(crate) room: (usize, usize),
    _store: TempDir,
}

impl Program {
    /// With these flags, and as many files as it may have.
    pub(crate) fn start(flags: &[&str]) -> Program {
        Program::within("-n $(ulimit -Hn)", flags)
    }

    /// With so many files.
    pub(crate) fn with_files(files: usize, flags: &[&str]) -> Program {
        Program::within(&format!("-n {files}"), flags)
    }

    fn within(limit: &str, flags: &[&str]) -> Program {
        let store = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_doorbuster");
        let line = format!("ulimit {limit} && exec {program} serve \"$@\"");
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
            command.env_remove(name);
        }
        command.args(["-c", &line, "sh", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.args(["--admin-token", ADMIN, "--store"]).arg(store.path()).args(flags);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = said.find_map(|line| Some(line.split_once("http://")?.1.to_owned())).unwrap();
        let authority = url.split_whitespace().next().unwrap().to_owned();
        let fit = said.find(|line| line.starts_with("up to ")).unwrap();
        let numbers = fit.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
        let numbers: Vec<usize> = numbers.collect();
        let [all, connections, sockets, ..] = numbers[..] else { panic!("{fit}") };
        assert_eq!(connections + sockets, all, "{fit}");
        Program { child: Killed(child), authority, room: (connections, sockets), _store: store }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends bytes and reads until the connection ends, however it does.
    pub(crate) fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // It may be cut off before all is said.
        let _ = stream.write_all(bytes);
        read_all(&mut stream)
    }

    /// Status and body of one request on a connection of its own.
    pub(crate) fn ask(&self, method_and_path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let length = body.len();
        let request = format!(
            "{method_and_path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let said = read_all(&mut stream);
        (status(&said), said.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
    }

    /// Files that it has open.
    pub(crate) fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.0.id())).unwrap().count()
    }

    /// Bytes that it has in memory.
    pub(crate) fn memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
    }

    /// Waits until it has at most so many files open.
    pub(crate) fn wait_for_files(&self, most: usize) {
        let begun = std::time::Instant::now();
        while self.files() > most {
            assert!(begun.elapsed() < SOON * 6, "{} files are still open", self.files());
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    }

    /// Fails unless it answers and sells.
    pub(crate) fn is_well(&self) {
        assert_eq!(self.ask("GET /healthz", "", "").0, 200);
        let add = r#"{"sku": "TEE-RED-M", "units": 1}"#;
        let (status, said) = self.ask("POST /api/cart", "", add);
        assert_eq!(status, 200, "{said}");
    }

    /// Ends it and returns what it wrote to standard error.
    pub(crate) fn end(mut self) -> String {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
        let mut said = String::new();
        self.child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What comes until the other side ends it.
pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let (mut all, mut some) = (vec![], [0; 4_096]);
    loop {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&some[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// The status of an answer; 0 when there is none.
pub(crate) fn status(answer: &str) -> u16 {
    let first = answer.strip_prefix("HTTP/1.1 ").unwrap_or_default();
    first.split(' ').next().and_then(|status| status.parse().ok()).unwrap_or_default()
}
