//! Golden logs: a store of each format that was released, and what it must still say.
//!
//! A shop keeps its history for years, so the program of today reads what that of yesterday wrote.
//! Invariant: a golden store and what is expected of it never change; `README.md` beside this file
//! says what to do when a test here fails, and how to add the next one.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "what is not so fails the test"
)]

mod expected;
mod history;
mod names;
mod scribe;
mod shopping;

use doorbuster::{
    domain::{Kind, cart, machine::Event, order, post, product, sku},
    journal::{EntryRef, codec},
    verify::{self, Store},
};
use expected::Expected;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A store of a released format, and what it says.
struct Golden(PathBuf);

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

impl Golden {
    /// All of them, the oldest first.
    fn all() -> Vec<Golden> {
        let items = fs::read_dir(home()).unwrap().map(|item| item.unwrap().path());
        let mut all: Vec<Golden> = items.filter(|path| path.is_dir()).map(Golden).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        assert!(all.iter().any(|golden| golden.0.ends_with("v1")), "the first one is missing");
        all
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    fn expected(&self) -> PathBuf {
        self.0.join("expected.json")
    }

    /// The store, to do with as one likes.
    fn copy(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy_into(&self.store(), folder.path());
        folder
    }

    /// Shows every entry of its logs.
    fn entries(&self, mut visit: impl FnMut(&EntryRef<'_>)) {
        let folder = self.copy();
        let store = Store::open(folder.path()).unwrap();
        for shard in 0..store.shards {
            let inspected = store.inspect(shard, &mut |batch| {
                batch.entries().for_each(|entry| visit(&entry));
                Ok(())
            });
            inspected.unwrap();
        }
    }
}

fn copy_into(from: &Path, to: &Path) {
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&item.path(), &target);
        } else {
            fs::copy(item.path(), &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_golden_store_opens_and_says_what_it_always_said() {
    for golden in Golden::all() {
        let expected = Expected::read(&golden.expected());
        let folder = golden.copy();
        let said = expected.ask_again(folder.path()).await;
        for (then, now) in expected.answers.iter().zip(&said.answers) {
            let [then, now] =
                [then, now].map(|answer| serde_json::to_string_pretty(answer).unwrap());
            assert!(then == now, "{}\nsaid then {then}\nand now {now}", golden.0.display());
        }
        assert_eq!(expected.contacts, said.contacts, "{}", golden.0.display());
        assert_eq!(verify_told(folder.path()), [""; 0], "after it was opened and closed");
    }
}

#[test]
fn the_books_of_every_golden_store_balance() {
    for golden in Golden::all() {
        assert_eq!(verify_told(golden.copy().path()), [""; 0], "{}", golden.0.display());
    }
}

fn verify_told(folder: &Path) -> Vec<String> {
    let report = verify::check(folder, &|_, _| ()).unwrap();
    assert!(report.orders > 0, "it has no orders");
    report.findings().iter().map(|finding| format!("{finding:?}")).collect()
}

#[test]
fn no_field_of_an_event_of_todays_shape_is_lost_or_made_up() {
    for golden in Golden::all() {
        golden.entries(|entry| match entry.kind {
            Kind::Sku => reads_as_written::<sku::Event>(entry),
            Kind::Cart => reads_as_written::<cart::Event>(entry),
            Kind::Order => reads_as_written::<order::Event>(entry),
            Kind::Product => reads_as_written::<product::Event>(entry),
            Kind::Post => reads_as_written::<post::Event>(entry),
        });
    }
}

/// An optional field that is renamed would read as absent, and nobody would complain.
fn reads_as_written<E: Event>(entry: &EntryRef<'_>) {
    let event: E = codec::decode(entry).unwrap();
    let mut bytes = vec![];
    codec::encode(&event, &mut bytes).unwrap();
    let written = codec::to_json(entry).unwrap();
    let now = codec::to_json(&EntryRef { payload: &bytes, ..*entry }).unwrap();
    let raise = "a changed shape needs a new version and an upcaster, see src/journal/codec.rs";
    assert!(entry.version < E::VERSION || written == now, "{raise}:\n{written}\n{now}");
}

#[test]
fn every_event_that_can_be_written_today_is_in_a_golden_log() {
    let mut written = BTreeSet::new();
    for golden in Golden::all() {
        golden.entries(|entry| {
            let name = codec::name(entry).unwrap().to_owned();
            written.insert((entry.kind, name, entry.version));
        });
    }
    let known = [
        known::<sku::Event>(Kind::Sku),
        known::<cart::Event>(Kind::Cart),
        known::<order::Event>(Kind::Order),
        known::<product::Event>(Kind::Product),
        known::<post::Event>(Kind::Post),
    ];
    let missing: Vec<_> =
        known.into_iter().flatten().filter(|one| !written.contains(one)).collect();
    assert!(missing.is_empty(), "in no golden log, see tests/golden/README.md: {missing:?}");
}

fn known<E: Event>(kind: Kind) -> Vec<(Kind, String, u8)> {
    names::names::<E>().iter().map(|name| (kind, (*name).to_owned(), E::VERSION)).collect()
}

/// For a new format only: makes the folder that `DOORBUSTER_GOLDEN` names, and refuses to touch
/// one that is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes the golden log of a new format; see tests/golden/README.md"]
async fn make_the_golden_log_of_a_new_format() {
    let name = std::env::var("DOORBUSTER_GOLDEN").expect("DOORBUSTER_GOLDEN=v2, or what is next");
    let golden = Golden(home().join(name));
    fs::create_dir(&golden.0).expect("a released golden log is never made again");
    fs::create_dir(golden.store()).unwrap();
    let story = history::write(&golden.store());
    let expected = Expected::of(&story).ask_again(golden.copy().path()).await;
    expected.write(&golden.expected());
}
