//! The committer against the bare disk: events per second with 1,024 in flight.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a bench prints rounded figures and may end where it can't go on"
)]

mod support;

use doorbuster::{
    domain::{By, CommandId, Context, EntityId, Time, machine::Event as _, sku},
    journal::{
        Committer, Driver, FileLog, Outbox, Position, ShardLog as _, committer::TailIndex, file,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use support::{count, median, ratio, raw, table};
use tokio::sync::oneshot;

#[derive(Default)]
struct Answers(Vec<oneshot::Sender<()>>);

impl Outbox for Answers {
    fn release(&mut self, _: Position) {
        for answer in self.0.drain(..) {
            let _ = answer.send(());
        }
    }
}

const IN_FLIGHT: u64 = 1_024;

struct Figures {
    events_per_second: f64,
    batches_per_second: f64,
    batch_bytes: f64,
}

async fn through_the_committer(time: Duration) -> Figures {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = FileLog::open(folder.path(), file::SEGMENT_BYTES, Position(0), &mut |_| Ok(()));
    let (log, _) = opened.expect("a log");
    let start = log.tail().next;
    let committer = Committer::<Answers>::new(TailIndex::default());
    let driver = Driver::new(log, committer.clone());
    let batches = Arc::new(AtomicU64::new(0));
    let thread = std::thread::spawn({
        let (batches, mut driver) = (batches.clone(), driver);
        move || {
            use doorbuster::journal::committer::Step;
            loop {
                match driver.step().expect("a write") {
                    Step::Committed => {
                        batches.fetch_add(1, Ordering::Relaxed);
                    }
                    Step::Closed => break,
                    Step::Idle | Step::Unsure => driver.wait(),
                }
            }
            driver.tail().next
        }
    });
    let sequences = Arc::new(AtomicU64::new(1));
    let begun = Instant::now();
    let tasks = (0..IN_FLIGHT).map(|n| {
        let (committer, sequences) = (committer.clone(), sequences.clone());
        tokio::spawn(async move {
            let entity = EntityId::Sku(support::sku(&format!("SKU-{n}")));
            while begun.elapsed() < time {
                let (context, event) = an_event();
                let sequence = sequences.fetch_add(1, Ordering::Relaxed);
                let (sender, durable) = oneshot::channel();
                let ride = |outbox: &mut Answers, _| outbox.0.push(sender);
                committer.append(&entity, sequence, &[(context, event)], ride).expect("room");
                let _ = durable.await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let _ = task.await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    committer.close();
    let end = thread.join().expect("the driver");
    let (events, batches) =
        (sequences.load(Ordering::Relaxed) - 1, batches.load(Ordering::Relaxed));
    Figures {
        events_per_second: events as f64 / seconds,
        batches_per_second: batches as f64 / seconds,
        batch_bytes: end.bytes_since(start) as f64 / batches as f64,
    }
}

fn an_event() -> (Context, sku::Event) {
    let id = uuid::Uuid::from_u128(7);
    let cart = doorbuster::domain::CartId(id);
    let now = Time(1_700_000_000_000);
    let context = Context { now, by: By::Cart(cart), command: CommandId(id), fingerprint: None };
    let units = u32::from(sku::Event::VERSION);
    let event = sku::Event::TakenOver {
        cart,
        order: doorbuster::domain::OrderId(id),
        units,
        email: sku::Buyer(7),
        until: now,
    };
    (context, event)
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let (mut ours, mut bare, mut growing) = (vec![], vec![], vec![]);
    let (mut bytes, mut per_second) = (vec![], vec![]);
    for _ in 0..length.rounds {
        let figures = runtime.block_on(through_the_committer(length.each));
        let (appends, _) = raw::appends(figures.batch_bytes as usize, length.each);
        let (growths, _) = raw::growing(figures.batch_bytes as usize, length.each);
        let entries = figures.events_per_second / figures.batches_per_second;
        ours.push(figures.events_per_second);
        bare.push(appends * entries);
        growing.push(growths * entries);
        bytes.push(figures.batch_bytes);
        per_second.push(figures.batches_per_second);
    }
    let (_, sync) = raw::appends(4_096, length.each.min(Duration::from_secs(1)));
    let (ours, bare, growing) = (median(ours), median(bare), median(growing));
    let rows = vec![
        vec!["one write of 4 KiB and fdatasync".into(), format!("{sync:.0?}"), String::new()],
        vec!["bare overwriting of 64 MiB, same batches".into(), count(bare), String::new()],
        vec!["bare appending to a file, same batches".into(), count(growing), String::new()],
        vec![
            "through the committer, 1,024 in flight".into(),
            count(ours),
            format!("{:.2}x of overwriting, {}", ours / bare, ratio(ours, growing, 0.7)),
        ],
    ];
    table("log: events per second", &["what", "figure", "against the bare disk"], &rows);
    println!("{} batches a second of {} bytes", count(median(per_second)), count(median(bytes)));
}
