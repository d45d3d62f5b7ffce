//! Products in from files and out again, orders out, by the program itself: beside a stopped store
//! and beside a running server.

mod files;
mod orders;
mod stores;

use crate::app::{ADMIN, App};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file with a bit of everything, and mistakes.
const ODD: &str = include_str!("exchange/odd.csv");

/// What is wrong with it, by line.
const COMPLAINTS: [&str; 6] = [
    "odd.csv:4:16 (Variant Price): '12,x' is not a price: write it like 1299.95",
    "odd.csv:5:15 (Variant Inventory Qty): -2 units are on hand: taken as 0",
    "odd.csv:7:19 (Image Src): must be an http or https address of at most 2048 bytes",
    "odd.csv:8:13 (Variant SKU): the SKU CAP is that of line 7",
    "odd.csv:12:2 (Handle): must be 1 to 255 bytes of lower-case letters, digits, `-` and `_`",
    "",
];

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// The summary of `--json`.
    #[track_caller]
    fn json(&self) -> Value {
        let read = serde_json::from_str(&self.out);
        read.unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// `(made, changed, unchanged, skipped)` and units received.
    #[track_caller]
    fn counts(&self) -> ([u64; 4], u64) {
        let json = self.json();
        let count = |name: &str| json["products"][name].as_u64().unwrap();
        let products = ["made", "changed", "unchanged", "skipped"].map(count);
        (products, json["units_received"].as_u64().unwrap())
    }
}

/// A folder for files and stores, and the program in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        desk.write("odd.csv", ODD);
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs a line of words.
    fn run(&self, line: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
            command.env_remove(name);
        }
        let output = command.args(line.split_whitespace()).current_dir(self.path()).output();
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Every event of a stopped store.
    #[track_caller]
    fn events(&self, store: &str) -> String {
        let said = self.run(&format!("export events --store {store}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    }
}

/// How the program finds a test's server.
fn at(app: &App) -> String {
    format!("--url {} --admin-token {ADMIN}", app.target())
}

/// The three files of the platform itself, where they are.
fn shared() -> Option<Vec<PathBuf>> {
    let Some(folder) = std::env::var_os("DOORBUSTER_PRODUCTS") else {
        eprintln!("skipped: DOORBUSTER_PRODUCTS names no folder with product files");
        return None;
    };
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    assert!(!files.is_empty(), "the folder of DOORBUSTER_PRODUCTS has no CSV files");
    Some(files)
}
