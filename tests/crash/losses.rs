//! What a loss of power takes back of a store: by the shim's notes, all that was not synced, or
//! any part of it.
//!
//! A file's sectors go back each to any state since its last sync, as the page cache may have
//! written them or not; its length likewise. Names that were made, moved or removed since their
//! folder was synced go back from the last to the first, up to any of them.

use crate::{Dice, shim::Shim};
use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

/// How much is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Whatever was not synced.
    All,
    /// Any part of it: files and pages are torn.
    Some,
}

/// What was taken back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) sectors: u64,
    pub(crate) names: u64,
}

/// One change of a file, and what stood there: `struct note` in shim.c.
struct Note {
    at: u64,
    bytes: u64,
    was: Vec<u8>,
    size: u64,
}

const RESIZED: u64 = 2;
const HEAD_BYTES: usize = 40;

/// The changes since the last sync.
fn read_notes(path: &Path) -> Vec<Note> {
    let bytes = fs::read(path).unwrap();
    let field = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let place = |at: usize| usize::try_from(field(at)).unwrap();
    let mut notes = vec![];
    if bytes.is_empty() {
        return notes;
    }
    let (mut at, to) = (place(0), place(8));
    while at < to {
        let [kind, from, length, was, size] =
            [0, 8, 16, 24, 32].map(|field_at| field(at + field_at));
        let begin = at + HEAD_BYTES;
        at = begin + usize::try_from(was).unwrap();
        let length = if kind == RESIZED { was } else { length };
        notes.push(Note { at: from, bytes: length, was: bytes[begin..at].to_vec(), size });
    }
    notes
}

/// Takes back, sector by sector, what came after a state that the dice choose.
fn take_back(path: &Path, notes: &[Note], loss: Loss, dice: &mut Dice) -> u64 {
    let file = File::options().write(true).open(path).unwrap();
    let now = file.metadata().unwrap().len();
    let sector = if dice.below(2) == 0 { 512 } else { 4096 };
    let count = notes.len() as u64;
    // What nothing happened to since its n-th note stays as it was then.
    let mut choose = || match loss {
        Loss::All => 0,
        Loss::Some if dice.below(2) == 0 => dice.below(2) * count,
        Loss::Some => dice.below(count + 1),
    };
    let kept_size = choose();
    let mut kept: HashMap<u64, u64> = HashMap::new();
    let mut lost = 0;
    for (number, note) in notes.iter().enumerate().rev() {
        let end = note.at + note.bytes;
        let mut at = note.at;
        while at < end {
            let next = end.min((at / sector + 1) * sector);
            let keep = *kept.entry(at / sector).or_insert_with(&mut choose);
            if keep <= number as u64 {
                let from = usize::try_from(at - note.at).unwrap().min(note.was.len());
                let to = usize::try_from(next - note.at).unwrap();
                let mut was = note.was[from..to.min(note.was.len())].to_vec();
                was.resize(usize::try_from(next - at).unwrap(), 0);
                file.write_all_at(&was, at).unwrap();
                lost += 1;
            }
            at = next;
        }
    }
    let size = notes.get(usize::try_from(kept_size).unwrap()).map_or(now, |note| note.size);
    file.set_len(size).unwrap();
    file.sync_all().unwrap();
    lost
}

/// Every file below a folder by its number.
fn files(folder: &Path, found: &mut HashMap<u64, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.insert(entry.metadata().unwrap().ino(), entry.path());
        }
    }
}

/// One change of names; `kept` is where what was replaced or removed has its second name.
struct Renaming {
    what: String,
    kept: Option<PathBuf>,
    path: PathBuf,
    from: PathBuf,
}

/// The changes of names whose folder was not synced since, in their order.
fn read_names(notes: &Path) -> Vec<Renaming> {
    let mut all: Vec<(Renaming, bool)> = vec![];
    for line in fs::read_to_string(notes.join("names")).unwrap_or_default().lines() {
        let [what, number, path, from] = *line.split('\t').collect::<Vec<_>>() else { continue };
        let number: usize = number.parse().unwrap();
        if what == "synced" {
            for (change, is_synced) in all.iter_mut().take(number) {
                *is_synced |= change.path.parent() == Some(Path::new(path));
            }
            continue;
        }
        let kept = (number > 0).then(|| notes.join(format!("kept-{number}")));
        let change = Renaming { what: what.to_owned(), kept, path: path.into(), from: from.into() };
        all.push((change, false));
    }
    all.into_iter().filter(|(_, is_synced)| !is_synced).map(|(change, _)| change).collect()
}

impl Renaming {
    fn take_back(&self) {
        let path = &self.path;
        match &*self.what {
            "made" if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            "made" if path.exists() => fs::remove_file(path).unwrap(),
            "moved" if path.exists() && !self.from.exists() => {
                fs::rename(path, &self.from).unwrap();
            }
            "rmdir" if !path.exists() => fs::create_dir(path).unwrap(),
            _ => {}
        }
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.exists()) {
            fs::rename(kept, path).unwrap();
        }
    }
}

/// The power fails: of what the killed process had not synced, all or some is lost. Files for
/// which `spares` holds lose nothing.
pub(crate) fn lose_power(
    shim: &Shim,
    loss: Loss,
    dice: &mut Dice,
    spares: impl Fn(&Path) -> bool,
) -> Lost {
    let (mut lost, mut paths) = (Lost::default(), HashMap::new());
    for folder in [shim.notes(), shim.store()] {
        if folder.exists() {
            files(&folder, &mut paths);
        }
    }
    let mut noted: Vec<PathBuf> =
        fs::read_dir(shim.notes()).unwrap().map(|entry| entry.unwrap().path()).collect();
    noted.sort();
    for path in &noted {
        let number = path.file_name().unwrap().to_str().unwrap().parse::<u64>();
        let Some(file) = number.ok().and_then(|number| paths.get(&number)) else { continue };
        let notes = read_notes(path);
        if !notes.is_empty() && !spares(file) {
            lost.sectors += take_back(file, &notes, loss, dice);
        }
    }
    let names = read_names(&shim.notes());
    let keep = if loss == Loss::All { 0 } else { dice.below(names.len() as u64 + 1) };
    for change in names.iter().skip(usize::try_from(keep).unwrap()).rev() {
        if !spares(&change.path) {
            change.take_back();
            lost.names += 1;
        }
    }
    fs::remove_dir_all(shim.notes()).unwrap();
    fs::create_dir(shim.notes()).unwrap();
    lost
}
