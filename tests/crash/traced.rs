//! What the kernel saw: between a request and its answer lies a sync of the segment that its
//! change was written to, for every change; and nothing changes the store behind the shim's back.
//!
//! Each change carries a word of its own, which is in the request as it was read and in the batch
//! as it was written; its answer is the next one on the same connection. Lines are in the order in
//! which the tracer saw the calls begin and return.

use crate::{
    history::{SKUS, body, stock_up},
    server::{ADMIN, Server, serve},
};
use doorbuster::load::{Client, client::bearer};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// A system call: its name, what stands in its brackets, what it returned, and in which lines it
/// began and returned.
#[derive(Debug)]
struct Call {
    name: String,
    text: String,
    result: i64,
    began: usize,
    ended: usize,
}

/// All calls of a trace that returned.
fn calls(trace: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (String, usize)> = HashMap::new();
    let mut all = vec![];
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some((begun, _)) = rest.split_once(" <unfinished ...>") {
            open.insert(thread, (begun.to_owned(), number));
            continue;
        }
        let (whole, began) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let Some((begun, began)) = open.remove(thread) else { continue };
                let (_, more) = resumed.split_once(" resumed>").unwrap();
                (begun + more, began)
            }
            None => (rest.to_owned(), number),
        };
        let (Some((name, _)), Some((text, result))) =
            (whole.split_once('('), whole.rsplit_once(" = "))
        else {
            continue;
        };
        let result = result.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(-1);
        let (name, text) = (name.to_owned(), text.to_owned());
        all.push(Call { name, text, result, began, ended: number });
    }
    all
}

/// What stands in the first angle brackets: the file or connection that a call is about.
fn about(call: &Call) -> &str {
    let begin = call.text.find('<').map_or(0, |at| at + 1);
    let rest = &call.text[begin..];
    let end = if rest.starts_with("TCP") { rest.find("]>") } else { rest.find('>') };
    &rest[..end.unwrap_or(rest.len())]
}

/// Whether the change with this word was synced before it was answered; else what is wrong.
fn was_synced(word: &str, calls: &[Call]) -> Result<(), String> {
    let find = |what: &str, fits: &dyn Fn(&Call) -> bool| {
        calls.iter().find(|call| fits(call)).ok_or(format!("{word}: no {what}"))
    };
    let is_read = |call: &Call| matches!(&*call.name, "recvfrom" | "read" | "readv");
    let read = find("request", &|call| is_read(call) && call.text.contains(word))?;
    let written = find("write", &|call| call.name == "pwritev" && call.text.contains(word))?;
    let synced = find("sync", &|call| {
        let is_it = call.name == "fdatasync" && about(call) == about(written) && call.result == 0;
        is_it && call.began > written.ended
    })?;
    let answered = find("answer", &|call| {
        let is_it = matches!(&*call.name, "sendto" | "write" | "writev");
        is_it && about(call) == about(read) && call.began > read.ended
    })?;
    if !answered.text.contains("HTTP/1.1 201") {
        return Err(format!("{word}: answered by {}", answered.text));
    }
    let in_order = read.ended < written.began && synced.ended < answered.began;
    in_order.then_some(()).ok_or_else(|| {
        format!("{word}: read {read:?}, written {written:?}, synced {synced:?}, {answered:?}")
    })
}

/// Receives one unit after the other, each under a word of its own.
async fn receive(mut client: Client, visitor: usize, count: usize) -> Vec<String> {
    let mut words = vec![];
    for n in 0..count {
        let word = format!("word-{visitor}-{n}-end");
        let path = format!("/api/inventory/{}/receipts", SKUS[n % SKUS.len()]);
        let content = body(&json!({"units": 1, "reference": word}));
        let answer = client.post(&path, &[bearer(ADMIN).unwrap()], content).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        words.push(word);
    }
    words
}

/// The command in a tracer that is nobody's parent, so that the process is still ours to end.
fn traced(command: &Command, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-yy", "-s", "600000", "-e", "trace=file,desc,network", "-o"]);
    strace.arg(trace).arg(command.get_program()).args(command.get_args());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
        strace.env_remove(name);
    }
    strace.stdin(Stdio::null());
    strace
}

fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Calls that change nothing of a file but what its lock, its owner or its readers see.
const HARMLESS: [&str; 18] = [
    "openat",
    "open",
    "close",
    "read",
    "pread64",
    "flock",
    "statx",
    "newfstatat",
    "fstat",
    "lstat",
    "stat",
    "lseek",
    "getdents64",
    "fcntl",
    "chmod",
    "fchmod",
    "readlink",
    "sync_file_range",
];

/// Whatever changes the store's files goes by the shim.
fn the_shim_knows_all(calls: &[Call], store: &Path) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim");
    let read = |name: &str| fs::read_to_string(sources.join(name)).unwrap();
    let source = read("shim.c") + &read("names.c");
    let store = store.display().to_string();
    let of_store = calls.iter().filter(|call| call.text.contains(&store) && call.result >= 0);
    let names: BTreeSet<&str> = of_store.map(|call| &*call.name).collect();
    assert!(names.contains("pwritev") && names.contains("fdatasync"), "{names:?}");
    for name in names {
        let is_known = HARMLESS.contains(&name)
            || ["", "64"].iter().any(|wide| source.contains(&format!(" {name}{wide}(")));
        // The program itself, when it is started.
        assert!(is_known || name == "execve", "the shim does not know {name}");
    }
}

async fn every_change_is_synced(shards: &str) {
    if !can_trace() {
        println!("skipped: it takes strace, and the right to trace");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (store, trace) = (folder.path().join("store"), folder.path().join("trace"));
    let server = Server::run(traced(&serve(&store, &["--shards", shards]), &trace)).unwrap();
    stock_up(&mut server.client()).await.unwrap();
    let mut words = receive(server.client(), 0, 20).await;
    let all = (1..=8).map(|visitor| tokio::spawn(receive(server.client(), visitor, 20)));
    for visitor in all.collect::<Vec<_>>() {
        words.extend(visitor.await.unwrap());
    }
    server.end();
    // The tracer ends with what it traces, a moment later.
    let mut text = String::new();
    for _ in 0..200 {
        text = String::from_utf8_lossy(&fs::read(&trace).unwrap()).into_owned();
        if text.lines().last().is_some_and(|line| line.contains("+++ exited")) {
            break;
        }
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(50)))
            .await
            .unwrap();
    }
    let calls = calls(&text);
    let unsynced: Vec<String> =
        words.iter().filter_map(|word| was_synced(word, &calls).err()).collect();
    assert!(unsynced.is_empty(), "{unsynced:#?}");
    the_shim_knows_all(&calls, &store);
    let mut segments: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.name == "fdatasync" && about(call).contains(".seg"))
    {
        *segments.entry(about(call)).or_default() += 1;
    }
    println!("{} changes, each synced before its answer; syncs: {segments:?}", words.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_shard_syncs_every_change_before_its_answer() {
    every_change_is_synced("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_shards_sync_every_change_before_its_answer() {
    every_change_is_synced("3").await;
}

const FINE: &str = "\
7 recvfrom(17<TCP:[1:1->1:2]>, \"POST /api word-1\", 8192, 0, NULL, NULL) = 16
8 pwritev(15</s/log/0/0.seg>, [{iov_base=\"word-1\", iov_len=6}], 1, 0) = 6
8 fdatasync(15</s/log/0/0.seg> <unfinished ...>
7 recvfrom(18<TCP:[1:1->1:3]>, \"other\", 8192, 0, NULL, NULL) = 5
8 <... fdatasync resumed>) = 0
7 writev(17<TCP:[1:1->1:2]>, [{iov_base=\"HTTP/1.1 201 Created\", iov_len=20}], 1) = 20
";

#[test]
fn an_answer_before_its_sync_is_found() {
    was_synced("word-1", &calls(FINE)).unwrap();
    let line = |number: usize| FINE.lines().nth(number).unwrap();
    let order = |numbers: &[usize]| {
        let text: Vec<&str> = numbers.iter().map(|number| line(*number)).collect();
        was_synced("word-1", &calls(&text.join("\n")))
    };
    order(&[0, 1, 2, 3, 4, 5]).unwrap();
    order(&[0, 1, 2, 3, 5, 4]).unwrap_err(); // answered while it is synced
    order(&[0, 5, 1, 2, 3, 4]).unwrap_err(); // answered before it is written
    order(&[0, 2, 4, 1, 3, 5]).unwrap_err(); // synced before it is written
    order(&[0, 1, 3, 5]).unwrap_err(); // never synced
    let failed = FINE.replace("fdatasync resumed>) = 0", "fdatasync resumed>) = -1 EIO");
    was_synced("word-1", &calls(&failed)).unwrap_err();
    let elsewhere = FINE.replace("fdatasync(15</s/log/0/0.seg>", "fdatasync(16</s/keys>");
    was_synced("word-1", &calls(&elsewhere)).unwrap_err();
}
