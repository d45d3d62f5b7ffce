//! The machine's own limits: one sync, and a bare loop that appends and syncs for many writers.

use rustix::fs::{FallocateFlags, fallocate, fdatasync};
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// A preallocated file that is written round and round, as a log's segment is.
struct Disk {
    file: File,
    at: u64,
    bytes: u64,
}

impl Disk {
    fn new() -> Disk {
        let bytes = 64 << 20;
        let file = tempfile::tempfile().expect("a temporary file");
        fallocate(&file, FallocateFlags::empty(), 0, bytes).expect("space");
        file.write_all_at(&vec![0; 64 << 20], 0).expect("a write");
        file.sync_all().expect("a sync");
        Disk { file, at: 0, bytes }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.at + bytes.len() as u64 > self.bytes {
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at).expect("a write");
        fdatasync(&self.file).expect("a sync");
        self.at += bytes.len() as u64;
    }
}

/// Writes of `bytes` with a sync each, one after the other, round and round a file that is there:
/// (per second, median latency). No log can do that, since it keeps what it wrote: the disk's own
/// limit, not a log's.
pub fn appends(bytes: usize, time: Duration) -> (f64, Duration) {
    appends_to(Disk::new(), bytes, time)
}

/// The same, appended to a file that grows.
pub fn growing(bytes: usize, time: Duration) -> (f64, Duration) {
    let file = tempfile::tempfile().expect("a temporary file");
    appends_to(Disk { file, at: 0, bytes: u64::MAX }, bytes, time)
}

fn appends_to(mut disk: Disk, bytes: usize, time: Duration) -> (f64, Duration) {
    let buffer = vec![7; bytes];
    let mut taken = vec![];
    let begun = Instant::now();
    while begun.elapsed() < time {
        let before = Instant::now();
        disk.append(&buffer);
        taken.push(before.elapsed());
    }
    let rate = taken.len() as f64 / begun.elapsed().as_secs_f64();
    taken.sort();
    (rate, taken.get(taken.len() / 2).copied().unwrap_or_default())
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Bare group commit: each of `writers` appends `bytes` and waits for the sync; per second.
pub async fn group_commit(writers: usize, bytes: usize, time: Duration) -> f64 {
    let queue = Arc::new((Mutex::new(Queue::default()), Condvar::new()));
    let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let disk = Disk::new();
    let committer = std::thread::spawn({
        let (queue, ended) = (queue.clone(), ended.clone());
        move || commit(disk, &queue, &ended)
    });
    let begun = Instant::now();
    let tasks = (0..writers).map(|_| {
        let (queue, done) = (queue.clone(), done.clone());
        tokio::spawn(async move {
            let event = vec![7; bytes];
            while begun.elapsed() < time {
                let (sender, durable) = oneshot::channel();
                {
                    let mut queue = queue.0.lock().expect("a lock");
                    queue.bytes.extend_from_slice(&event);
                    queue.waiting.push(sender);
                }
                queue.1.notify_one();
                let _ = durable.await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let _ = task.await;
    }
    let rate = done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    ended.store(true, Ordering::Relaxed);
    queue.1.notify_one();
    let _ = committer.join();
    rate
}

fn commit(mut disk: Disk, queue: &(Mutex<Queue>, Condvar), ended: &AtomicBool) {
    loop {
        let mut batch = queue.0.lock().expect("a lock");
        while batch.waiting.is_empty() {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            let wait = queue.1.wait_timeout(batch, Duration::from_millis(50));
            batch = wait.expect("a lock").0;
        }
        let Queue { bytes, waiting } = std::mem::take(&mut *batch);
        drop(batch);
        disk.append(&bytes);
        for writer in waiting {
            let _ = writer.send(());
        }
    }
}
