//! What is derived from the log, held against a second derivation.
//!
//! The state folder is copied, since sled can't be opened without writing. Each view of the copy
//! is carried on to the log's end, as a start would do, and must then equal one folded from the
//! first event. Invariant: state that a start would throw away is noted, never judged.

use super::{
    Error, Store,
    report::{Findings, Notes, Report},
};
use crate::{
    journal::{
        BatchRef, Checkpoint, Hash, Position, StateStore, Tree,
        checkpoint::Point,
        state::{self, MemoryStateStore, Order, Pair, SledStore},
    },
    views::{self, View, follower, ledger, orders},
};
use std::{
    collections::{BTreeSet, btree_set},
    fs, io,
    ops::Bound,
    path::{Path, PathBuf},
};

const CACHE_BYTES: u64 = 64 << 20;
/// Differences that are named for each tree.
const NAMED: usize = 20;

/// A copy of the store's state folder, deleted when it is dropped.
pub(super) struct State {
    // Closed before the folder goes.
    store: SledStore,
    _folder: Folder,
    checkpoint: Checkpoint,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl State {
    /// `None`, and a note, when a start would throw the state away.
    pub(super) fn copy(store: &Store, notes: &mut Notes) -> Result<Option<State>, Error> {
        let from = store.layout().state();
        if !from.is_dir() {
            notes.add("there is no state folder; a start derives it again");
            return Ok(None);
        }
        let folder = scratch()?;
        copy_folder(&from, &folder.0).map_err(|source| Error::Io { path: from, source })?;
        let (copy, was_reset) = SledStore::open_or_reset(&folder.0, CACHE_BYTES)?;
        let in_file = Checkpoint::in_file(&store.layout().checkpoint());
        let in_file = in_file.map_err(state::Error::from)?;
        let usable = Checkpoint::usable(Checkpoint::in_store(&copy)?, in_file.as_ref());
        let usable = usable.filter(|at| !was_reset && at.shards.len() == store.shards);
        if usable.is_none() {
            notes.add("the state folder is not used; a start derives it again");
        }
        Ok(usable.map(|checkpoint| State { store: copy, _folder: folder, checkpoint }))
    }

    pub(super) fn store(&self) -> &dyn StateStore {
        &self.store
    }
}

/// Makes a folder that nobody else uses.
fn scratch() -> Result<Folder, Error> {
    let temporary = std::env::temp_dir();
    let mut number = 0_u32;
    loop {
        let path = temporary.join(format!("doorbuster-verify-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(Folder(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(Error::Io { path, source }),
        }
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let target = to.join(file.file_name());
        if file.file_type()?.is_dir() {
            copy_folder(&file.path(), &target)?;
        } else {
            fs::copy(file.path(), target)?;
        }
    }
    Ok(())
}

/// The views of the copy, and their twins folded from the first event.
pub(super) struct Twin<'s> {
    kept: &'s dyn StateStore,
    fresh: MemoryStateStore,
    views: Vec<Box<dyn View>>,
    /// The same views, which fold from the first event.
    twins: Vec<Box<dyn View>>,
    /// Where each view of the copy stands, by view and shard.
    positions: Vec<Vec<Position>>,
    points: Vec<Point>,
    /// Which points the log has passed through.
    met: Vec<bool>,
    ends: Vec<Position>,
}

impl<'s> Twin<'s> {
    pub(super) fn new(state: &'s State, store: &Store) -> Result<Twin<'s>, Error> {
        let (kept, views) = (state.store(), views::all());
        let read = views.iter().map(|view| follower::positions(kept, &**view, store.shards));
        let positions = read.collect::<Result<_, _>>()?;
        let points = state.checkpoint.shards.clone();
        let start = Point { position: Position(0), hash: Hash::default() };
        let met = points.iter().map(|point| *point == start).collect();
        let ends = vec![Position(0); store.shards];
        let (fresh, twins) = (MemoryStateStore::default(), views::all());
        Ok(Twin { kept, fresh, views, twins, positions, points, met, ends })
    }

    pub(super) fn batch(&mut self, shard: usize, batch: &BatchRef<'_>) -> Result<(), Error> {
        for twin in &self.twins {
            twin.fold(&self.fresh, std::slice::from_ref(batch))?;
        }
        for (view, positions) in self.views.iter().zip(&self.positions) {
            if positions.get(shard).is_some_and(|position| batch.position >= *position) {
                view.fold(self.kept, std::slice::from_ref(batch))?;
            }
        }
        let at_point = self.points.get(shard).filter(|point| point.position == batch.end());
        if let (Some(point), Some(met)) = (at_point, self.met.get_mut(shard)) {
            *met = point.hash == batch.hash();
        }
        if let Some(end) = self.ends.get_mut(shard) {
            *end = batch.end();
        }
        Ok(())
    }

    /// Compares; `snapshots` is what was found of those.
    pub(super) fn finish(self, snapshots: Findings, report: &mut Report) -> Result<(), Error> {
        if self.met.contains(&false) {
            report.notes.add("the state belongs to another log; a start derives it again");
            return Ok(());
        }
        report.findings.append(snapshots);
        self.twins.iter().try_for_each(|twin| twin.write(&self.fresh))?;
        self.views.iter().try_for_each(|view| view.write(self.kept))?;
        for (view, positions) in self.views.iter().zip(&self.positions) {
            for (shard, (position, end)) in positions.iter().zip(&self.ends).enumerate() {
                if position > end {
                    let what = format!("stands at {position} of shard {shard}, behind its end");
                    report.findings.add("view", view.name(), what);
                }
            }
            for tree in view.trees() {
                match tree {
                    Tree::Ledger => self.compare_ledgers(&mut report.findings)?,
                    Tree::Orders | Tree::OrdersByBuyer => {
                        let (mut kept, mut fresh) = self.walks(*tree);
                        let (mut kept, mut fresh) = (Lines::new(&mut kept), Lines::new(&mut fresh));
                        let (kept, fresh) = (|| kept.next(), || fresh.next());
                        compare(view.name(), kept, fresh, &mut report.findings)?;
                    }
                    Tree::Snapshots
                    | Tree::Due
                    | Tree::Catalogue
                    | Tree::Positions
                    | Tree::Checkpoint => {
                        let (mut kept, mut fresh) = self.walks(*tree);
                        let (kept, fresh) = (|| kept.next(), || fresh.next());
                        compare(view.name(), kept, fresh, &mut report.findings)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn walks(&self, tree: Tree) -> (Walk<'_>, Walk<'_>) {
        (Walk::new(self.kept, tree), Walk::new(&self.fresh, tree))
    }

    /// Chunks may be cut differently: the entries are compared.
    fn compare_ledgers(&self, findings: &mut Findings) -> Result<(), Error> {
        for store in [self.kept, &self.fresh as &dyn StateStore] {
            let mut from = Bound::Unbounded;
            loop {
                let range = (from.as_ref().map(Vec::as_slice), Bound::Unbounded);
                let page = store.scan(Tree::Ledger, range, Order::Ascending, 1)?;
                let Some((key, _)) = page.first() else { break };
                let sku = key.split_last_chunk::<9>().map_or(key.as_slice(), |(sku, _)| sku);
                self.compare_ledger(sku, findings)?;
                from = Bound::Included([sku, &[1]].concat());
            }
        }
        Ok(())
    }

    fn compare_ledger(&self, sku: &[u8], findings: &mut Findings) -> Result<(), Error> {
        let none = ledger::Recent::default();
        let mut kept = ledger::Entries::new(self.kept, &none, sku, None)?;
        let mut fresh = ledger::Entries::new(&self.fresh, &none, sku, None)?;
        loop {
            let (mine, right) = (kept.older()?, fresh.older()?);
            if mine != right {
                let show = |at: Option<Position>| at.map_or("none".into(), |at| at.to_string());
                let what = format!("has entry {} where the log has {}", show(mine), show(right));
                findings.add(
                    "view",
                    format!("ledger of sku:{}", String::from_utf8_lossy(sku)),
                    what,
                );
                return Ok(());
            }
            if mine.is_none() {
                return Ok(());
            }
        }
    }
}

/// Walks both in step.
fn compare(
    view: &str,
    mut kept: impl FnMut() -> Result<Option<Pair>, state::Error>,
    mut fresh: impl FnMut() -> Result<Option<Pair>, state::Error>,
    findings: &mut Findings,
) -> Result<(), Error> {
    let (mut mine, mut theirs) = (kept()?, fresh()?);
    let mut named = 0;
    while named < NAMED {
        let (key, what) = match (&mine, &theirs) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => {
                (mine, theirs) = (kept()?, fresh()?);
                continue;
            }
            (Some((a, _)), Some((b, _))) if a == b => (a.clone(), "says something else"),
            (Some((a, _)), Some((b, _))) if a < b => (a.clone(), "is not in the log"),
            (Some((a, _)), None) => (a.clone(), "is not in the log"),
            (_, Some((b, _))) => (b.clone(), "is missing"),
        };
        let hex = hex(&key);
        findings.add("view", format!("{view}, record {hex}"), what);
        named += 1;
        let (skip_mine, skip_theirs) = (
            mine.as_ref().is_some_and(|(a, _)| *a == key),
            theirs.as_ref().is_some_and(|(b, _)| *b == key),
        );
        if skip_mine {
            mine = kept()?;
        }
        if skip_theirs {
            theirs = fresh()?;
        }
    }
    Ok(())
}

/// The orders of a list, one by one: records may be cut differently.
struct Lines<'w, 's> {
    walk: &'w mut Walk<'s>,
    /// Not all of its records may have been read.
    stretch: Vec<u8>,
    gathered: BTreeSet<Vec<u8>>,
    ready: btree_set::IntoIter<Vec<u8>>,
}

impl<'w, 's> Lines<'w, 's> {
    fn new(walk: &'w mut Walk<'s>) -> Lines<'w, 's> {
        let ready = BTreeSet::new().into_iter();
        Lines { walk, stretch: vec![], gathered: BTreeSet::new(), ready }
    }

    fn next(&mut self) -> Result<Option<Pair>, state::Error> {
        loop {
            if let Some(line) = self.ready.next() {
                return Ok(Some((line, vec![])));
            }
            let Some((key, older)) = self.walk.next()? else {
                if self.gathered.is_empty() {
                    return Ok(None);
                }
                self.ready = std::mem::take(&mut self.gathered).into_iter();
                continue;
            };
            let (stretch, lines) = orders::unpack(&key, &older);
            if stretch != self.stretch {
                self.ready = std::mem::take(&mut self.gathered).into_iter();
                self.stretch = stretch;
            }
            self.gathered.extend(lines);
        }
    }
}

/// All pairs of a tree, page by page.
struct Walk<'s> {
    store: &'s dyn StateStore,
    tree: Tree,
    from: Bound<Vec<u8>>,
    page: std::vec::IntoIter<Pair>,
}

impl<'s> Walk<'s> {
    fn new(store: &'s dyn StateStore, tree: Tree) -> Walk<'s> {
        Walk { store, tree, from: Bound::Unbounded, page: vec![].into_iter() }
    }

    fn next(&mut self) -> Result<Option<Pair>, state::Error> {
        if let Some(pair) = self.page.next() {
            return Ok(Some(pair));
        }
        let range = (self.from.as_ref().map(Vec::as_slice), Bound::Unbounded);
        let page = self.store.scan(self.tree, range, Order::Ascending, 1_000)?;
        if let Some((last, _)) = page.last() {
            self.from = Bound::Excluded(last.clone());
        }
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice::from_ref;

    fn line(buyer: u8, at: u64, order: u8) -> Vec<u8> {
        [&[buyer; 16], at.to_be_bytes().as_slice(), &[order; 16]].concat()
    }

    fn store(records: &[&[Vec<u8>]]) -> MemoryStateStore {
        let store = MemoryStateStore::default();
        for record in records {
            let (newest, older) = record.split_last().unwrap();
            let older: Vec<u8> = older.iter().flat_map(|line| line[16..].to_vec()).collect();
            store.put(Tree::OrdersByBuyer, newest, &older).unwrap();
        }
        store
    }

    fn differences(one: &MemoryStateStore, other: &MemoryStateStore) -> usize {
        let mut findings = Findings::default();
        let (mut one, mut other) =
            (Walk::new(one, Tree::OrdersByBuyer), Walk::new(other, Tree::OrdersByBuyer));
        let (mut one, mut other) = (Lines::new(&mut one), Lines::new(&mut other));
        compare("orders", || one.next(), || other.next(), &mut findings).unwrap();
        findings.kept.len()
    }

    #[test]
    fn orders_are_the_same_however_their_records_are_cut() {
        let (a, b, c) = (line(1, 5, 1), line(1, 6, 2), line(1, 7, 3));
        let (later, other) = (line(1, 500, 4), line(2, 6, 5));
        let all = [a.clone(), b.clone(), c.clone()];
        let whole = store(&[&all, from_ref(&later), from_ref(&other)]);
        let overlapping = store(&[&[a.clone(), b], &all[1..], from_ref(&later), from_ref(&other)]);
        assert_eq!(differences(&whole, &overlapping), 0);
        assert_eq!(differences(&whole, &whole), 0);
        let short = store(&[&[a, c], &[later], &[other]]);
        assert_eq!(differences(&whole, &short), 1, "one order is missing");
        assert_eq!(differences(&short, &whole), 1);
    }
}
