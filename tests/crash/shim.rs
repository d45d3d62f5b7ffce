//! The program on a disk and a clock that fail on demand: `shim/`, in C, built here and loaded
//! before libc.
//!
//! Invariant: a test that needs it and finds no C compiler says so and does nothing.

use crate::server::serve;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The shim's numbers, in its own order.
#[derive(Clone, Copy)]
pub(crate) enum Switch {
    /// Added to the wall clock, in milliseconds.
    ClockMs,
    /// The n-th sync of a segment from now on fails; 0 is none.
    FailLog,
    /// The same of any other file.
    FailOther,
    /// Syncs say that they are done and are not.
    Lie,
    /// No file may take more room than it has.
    Full,
}

const SWITCHES: usize = 5;

/// A folder with the shim, its switches and notes, and a place for a store.
pub(crate) struct Shim {
    folder: TempDir,
    switches: File,
    has_notes: bool,
}

impl Shim {
    /// With notes of all that is not synced, for [`crate::losses`].
    pub(crate) fn with_notes() -> Option<Shim> {
        let shim = Shim { has_notes: true, ..Shim::plain()? };
        fs::create_dir(shim.notes()).unwrap();
        Some(shim)
    }

    pub(crate) fn plain() -> Option<Shim> {
        let folder = tempfile::tempdir().unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim");
        let sources = ["shim.c", "names.c"].map(|name| sources.join(name));
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]);
        cc.arg(folder.path().join("shim.so")).args(sources).args(["-ldl", "-lpthread"]);
        let Ok(built) = cc.status() else {
            println!("skipped: it takes a C compiler, `cc`");
            return None;
        };
        assert!(built.success(), "the shim does not compile");
        let path = folder.path().join("switches");
        fs::write(&path, [0; SWITCHES * 8]).unwrap();
        let switches = File::options().read(true).write(true).open(path).unwrap();
        Some(Shim { folder, switches, has_notes: false })
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// An empty place again. Notes name files by their numbers, which the next store's files get.
    pub(crate) fn begin_anew(&self) {
        let _ = fs::remove_dir_all(self.store());
        if self.has_notes {
            fs::remove_dir_all(self.notes()).unwrap();
            fs::create_dir(self.notes()).unwrap();
        }
    }

    pub(crate) fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// The server on this shim's store.
    pub(crate) fn serve(&self, flags: &[&str]) -> Command {
        let mut command = serve(&self.store(), flags);
        command.env("LD_PRELOAD", self.folder.path().join("shim.so"));
        command.env("FAULTS_STORE", self.store());
        // The payment provider's books and the mail server are on machines that have power.
        let [books, mail] = ["payments.jsonl", "mail"].map(|name| self.store().join(name));
        command.env("FAULTS_EXEMPT", format!("{}:{}", books.display(), mail.display()));
        command.env("FAULTS_SWITCHES", self.folder.path().join("switches"));
        if self.has_notes {
            command.env("FAULTS_NOTES", self.notes());
        }
        command
    }

    pub(crate) fn set(&self, switch: Switch, value: i64) {
        self.switches.write_all_at(&value.to_le_bytes(), switch as u64 * 8).unwrap();
    }
}
