//! What a backup holds, and what is refused instead of being guessed at.

use super::*;
use crate::{
    domain::{EntityId, Sku, sku::Event},
    journal::{FileLog, Secret, ShardLog as _, Tail, handmade::Pen, shard_of},
};
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

const LINES: &str = "{\"one\":1}\n{\"two\":2}\n";

/// A store of two shards that is written to.
struct Shop {
    folder: TempDir,
    pen: Pen<FileLog>,
}

impl Shop {
    fn new() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout(folder.path().join("store"));
        let about = layout.make(2).unwrap();
        Secret::open(&layout.secret()).unwrap();
        fs::write(layout.keys(), [7; 4096]).unwrap();
        fs::write(layout.admin_token(), "adm\n").unwrap();
        fs::write(layout.payments(), format!("{LINES}{{\"th")).unwrap();
        fs::create_dir(layout.state()).unwrap();
        let mut pen = Pen::files(&layout.0.join("log"), 2);
        layout.note_opened(about).unwrap();
        sell(&mut pen);
        Shop { folder, pen }
    }

    fn layout(&self) -> Layout {
        Layout(self.folder.path().join("store"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As its server would.
    fn cut(&self) -> Cut {
        let ends = (0..2).map(|shard| End::of(&end(&self.layout(), shard)));
        let (id, at) = ("cut_1".to_owned(), Time(1_900_000_000_000));
        Cut { id, at, shards: ends.collect(), books: measure_books(&self.layout()) }
    }

    fn backed_up(&self, name: &str) -> PathBuf {
        let to = self.at(name);
        take(&self.layout(), Source::Cut(&self.cut()), &to, &|_| ()).unwrap();
        to
    }

    fn refusal(&self, cut: &Cut, to: &str) -> String {
        let refused = take(&self.layout(), Source::Cut(cut), &self.at(to), &|_| ());
        refused.unwrap_err().to_string()
    }
}

fn sell(pen: &mut Pen<FileLog>) {
    for sku in ["TEE", "MUG", "PEN", "HAT", "BAG"] {
        let event = Event::Received { units: 3, location: "main".into(), reference: None };
        pen.write(Sku::parse(sku).unwrap(), event).commit();
    }
}

/// Where a log ends, without its lock.
fn end(layout: &Layout, shard: usize) -> Tail {
    let to = tempfile::tempdir().unwrap();
    file::copy(&layout.log(shard), None, &to.path().join("log"), &|_| ()).unwrap().tail
}

fn restored(from: &Path, to: &Path) -> Result<Layout, Error> {
    let layout = Layout(to.to_owned());
    bring_back(from, &look(from)?, &layout, &|_| ())?;
    Ok(layout)
}

fn modes(folder: &Path, found: &mut Vec<u32>) {
    found.push(fs::metadata(folder).unwrap().permissions().mode() & 0o777);
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            modes(&path, found);
        } else {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_backup_is_the_store_as_of_the_cut() {
    let mut shop = Shop::new();
    let (layout, to) = (shop.layout(), shop.at("backup"));
    let cut = shop.cut();
    let ends = [0, 1].map(|shard| end(&layout, shard));
    sell(&mut shop.pen);
    fs::write(layout.payments(), format!("{LINES}{{\"three\":3}}\n")).unwrap();
    let made = take(&layout, Source::Cut(&cut), &to, &|_| ()).unwrap();
    assert_eq!((&made.id, &made.shards), (&cut.id, &cut.shards));
    assert_eq!(look(&to).unwrap(), Manifest::read(&to).unwrap());
    let back = restored(&to, &shop.at("back")).unwrap();
    for (shard, tail) in ends.iter().enumerate() {
        let log = FileLog::open(&back.log(shard), 1 << 22, Position(0), &mut |_| Ok(())).unwrap();
        assert_eq!((log.1.tail, log.1.mark), (*tail, Mark::At(tail.next)));
        assert!(log.0.tail().next > tail.next, "it goes on");
    }
    assert_eq!(fs::read_to_string(back.payments()).unwrap(), LINES, "whole lines of the cut");
    for of in [Layout::keys, Layout::secret, Layout::admin_token, Layout::about] {
        assert_eq!(fs::read(of(&back)).unwrap(), fs::read(of(&layout)).unwrap());
    }
    assert!(!back.state().exists() && !to.join("state").exists(), "what is derived stays");
    let mut folders = vec![];
    modes(&to, &mut folders);
    assert_eq!(folders, [0o700; 4], "the backup, log and two shards");
}

#[test]
fn a_stopped_store_is_copied_to_its_end_and_stays_stopped() {
    let Shop { folder, pen } = Shop::new();
    drop(pen);
    let layout = Layout(folder.path().join("store"));
    let still = Still::hold(&layout).unwrap().unwrap();
    let keys = disk::open_private(&layout.keys()).unwrap();
    assert!(!disk::lock(&keys, &layout.keys(), true).unwrap(), "nobody can start it");
    let source = Source::Stopped { still: &still, id: "stopped_1", at: Time(5) };
    let to = folder.path().join("backup");
    let made = take(&layout, source, &to, &|_| ()).unwrap();
    let ends: Vec<End> = (0..2).map(|shard| End::of(&end(&layout, shard))).collect();
    assert_eq!(made.shards, ends);
    assert_eq!(fs::read_to_string(to.join("payments.jsonl")).unwrap(), LINES);
    drop(still);
    assert!(disk::lock(&keys, &layout.keys(), true).unwrap());
    assert!(Still::hold(&layout).unwrap().is_none(), "a server has it");
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_no_store_is_made() {
    let shop = Shop::new();
    let backup = shop.backed_up("backup");
    let manifest = look(&backup).unwrap();
    let mut paths: Vec<PathBuf> =
        manifest.files.iter().map(|kept| kept.below(&backup).unwrap()).collect();
    assert_eq!(paths.len(), 9, "two segments, two marks, and what lies beside them");
    paths.push(backup.join(MANIFEST));
    for (number, path) in paths.iter().enumerate() {
        let whole = fs::read(path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(path, &flipped).unwrap();
            let to = shop.at(&format!("back-{number}-{at}"));
            let why = restored(&backup, &to).unwrap_err().to_string();
            assert!(why.starts_with(&format!("{} is damaged", path.display())), "{at}: {why}");
            assert!(!to.join("store.json").exists());
        }
        fs::write(path, &whole[1..]).unwrap();
        let to = shop.at(&format!("short-{number}"));
        let why = restored(&backup, &to).unwrap_err().to_string();
        assert!(why.starts_with(&format!("{} is damaged", path.display())), "{why}");
        assert!(!to.exists(), "found before anything is written");
        fs::write(path, &whole).unwrap();
    }
    fs::remove_file(backup.join("keys")).unwrap();
    let why = restored(&backup, &shop.at("back")).unwrap_err().to_string();
    assert!(why.contains("keys is damaged: it is missing"), "{why}");
}

#[test]
fn what_was_left_behind_is_said_to_be_of_no_use() {
    let shop = Shop::new();
    let backup = shop.backed_up("backup");
    let mut bytes = fs::read(backup.join("keys")).unwrap();
    bytes[9] ^= 1;
    fs::write(backup.join("keys"), bytes).unwrap();
    let why = restored(&backup, &shop.at("back")).unwrap_err().to_string();
    assert!(why.contains("back is unfinished and of no use: delete it"), "{why}");
}

#[test]
fn a_folder_without_a_manifest_is_no_backup() {
    let shop = Shop::new();
    let backup = shop.backed_up("backup");
    fs::remove_file(backup.join(MANIFEST)).unwrap();
    for folder in [backup, shop.at("nothing"), shop.layout().0] {
        let why = restored(&folder, &shop.at("back")).unwrap_err().to_string();
        assert!(why.contains("holds no finished backup"), "{why}");
    }
    assert!(!shop.at("back").exists());
}

#[test]
fn nothing_is_written_over() {
    let shop = Shop::new();
    let backup = shop.backed_up("backup");
    for used in [&backup, &shop.layout().0] {
        let before = fs::read_dir(used).unwrap().count();
        let cut = shop.cut();
        let why = take(&shop.layout(), Source::Cut(&cut), used, &|_| ()).unwrap_err().to_string();
        assert!(why.contains("is not empty") && !why.contains("delete"), "{why}");
        let why = restored(&backup, used).unwrap_err().to_string();
        assert!(why.contains("is not empty") && !why.contains("delete"), "{why}");
        assert_eq!(fs::read_dir(used).unwrap().count(), before);
    }
    let why = shop.refusal(&shop.cut(), "store/backup");
    assert!(why.contains("lies inside the store"), "{why}");
    assert!(!shop.at("store/backup").exists());
    std::os::unix::fs::symlink(shop.at("store"), shop.at("beside")).unwrap();
    for around in ["beside/backup", "beside/not/there/yet", "store/../store/backup"] {
        let why = shop.refusal(&shop.cut(), around);
        assert!(why.contains("lies inside the store"), "{around}: {why}");
    }
    fs::create_dir(shop.at("empty")).unwrap();
    restored(&backup, &shop.at("empty")).unwrap();
}

#[test]
fn a_cut_of_another_store_is_refused() {
    let (shop, mut other) = (Shop::new(), Shop::new());
    sell(&mut other.pen);
    let why = shop.refusal(&other.cut(), "one");
    assert!(why.contains("is corrupt at byte"), "{why}");
    let mut cut = shop.cut();
    cut.shards.pop();
    let why = shop.refusal(&cut, "two");
    assert!(why.contains("the server cut 1 logs, the store has 2"), "{why}");
    let nowhere = Layout(shop.at("nowhere"));
    let why = take(&nowhere, Source::Cut(&cut), &shop.at("three"), &|_| ()).unwrap_err();
    assert!(why.to_string().contains("nowhere holds no store"), "{why}");
    // A name that is none of a store's opens nothing.
    let stranger = Book { name: "../secret".to_owned(), bytes: 9 };
    let cut = Cut { books: vec![stranger], ..shop.cut() };
    let made = take(&shop.layout(), Source::Cut(&cut), &shop.at("four"), &|_| ()).unwrap();
    assert!(made.files.iter().all(|kept| !kept.path.contains("..")));
}

#[test]
fn a_stopped_store_that_would_pass_for_sound_only_as_a_copy_is_refused() {
    let Shop { folder, pen } = Shop::new();
    drop(pen);
    let layout = Layout(folder.path().join("store"));
    let still = Still::hold(&layout).unwrap().unwrap();
    let refusal = |to: &str| {
        let source = Source::Stopped { still: &still, id: "stopped_1", at: Time(5) };
        take(&layout, source, &folder.path().join(to), &|_| ()).unwrap_err().to_string()
    };
    let mark = layout.log(1).join("mark");
    let known = fs::read(&mark).unwrap();
    fs::write(&mark, [1; 9]).unwrap();
    assert!(refusal("one").contains("no slot of"), "a mark of its own would vouch for it");
    fs::write(&mark, known).unwrap();
    let tee = EntityId::from(Sku::parse("TEE").unwrap());
    let shard = shard_of(&tee, 2);
    let beyond = end(&layout, shard).next.plus(1);
    let point = |_| crate::journal::checkpoint::Point {
        position: beyond,
        hash: super::super::Hash([1; 32]),
    };
    let checkpoint = Checkpoint { shards: [0, 1].map(point).to_vec() };
    let state = crate::journal::state::MemoryStateStore::default();
    checkpoint.write(&state, &layout.checkpoint()).unwrap();
    assert!(refusal("two").contains("but a checkpoint was taken at"), "it was rolled back");
    fs::remove_file(layout.keys()).unwrap();
    let why = Still::hold(&layout).unwrap_err().to_string();
    assert!(why.contains("keys is missing"), "{why}");
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    let shop = Shop::new();
    let backup = shop.backed_up("backup");
    for path in ["../store.json", "/etc/passwd", "log/../../x", "", "."] {
        let mut manifest = Manifest::begin("cut_1", Time(0));
        let sum = fresh::sum(&backup.join("keys")).unwrap();
        manifest.files.push(Kept::new(path.to_owned(), sum));
        manifest.write(&backup).unwrap();
        let why = look(&backup).unwrap_err().to_string();
        assert!(why.contains("which is no place in a store"), "{path}: {why}");
    }
}
