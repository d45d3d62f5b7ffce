//! The project's files as they lie on the disk, without what is built or stored.

use crate::source::Source;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Folders that are not the project's text.
const SKIPPED: [&str; 5] = ["target", ".git", ".venv", "data/store", "node_modules"];

/// One text file.
pub(crate) struct File {
    /// Below the project's folder, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn has_extension(&self, wanted: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == wanted)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(crate) fn is_domain(&self) -> bool {
        self.path == "src/domain.rs" || self.path.starts_with("src/domain/")
    }
}

/// All of them.
pub(crate) struct Project {
    root: PathBuf,
    pub(crate) files: Vec<File>,
}

impl Project {
    pub(crate) fn read() -> Project {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![];
        read_folder(&root, "", &mut files);
        files.sort_by(|one, other| one.path.cmp(&other.path));
        assert!(files.len() > 10, "the project's files were not found in {}", root.display());
        Project { root, files }
    }

    /// The text of a file; empty when there is none.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    /// Names and texts of the files of a folder.
    pub(crate) fn under(&self, folder: &str) -> Vec<(&str, &str)> {
        let files = self.files.iter();
        files.filter_map(|f| Some((f.path.strip_prefix(folder)?, f.text.as_str()))).collect()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Permission bits by path; `None` when there is no such file.
    pub(crate) fn modes<'p>(&self, paths: &[&'p str]) -> Vec<(&'p str, Option<u32>)> {
        let mode = |path: &&'p str| {
            let metadata = fs::metadata(self.root.join(path)).ok();
            (*path, metadata.map(|metadata| metadata.permissions().mode()))
        };
        paths.iter().map(mode).collect()
    }

    /// Crates that the library may name, spelled as code does.
    pub(crate) fn dependencies(&self) -> BTreeSet<String> {
        let manifest = self.text("Cargo.toml").lines();
        let section = manifest.skip_while(|line| *line != "[dependencies]").skip(1);
        let lines = section.take_while(|line| !line.starts_with('['));
        let names = lines.filter_map(|line| line.split_once([' ', '=', '.']));
        let names: BTreeSet<_> = names.map(|(name, _)| name.replace('-', "_")).collect();
        assert!(names.contains("serde"), "the manifest's dependencies were not found");
        names
    }

    /// Files that only test builds see, by their parents' `#[cfg(test)] mod`.
    pub(crate) fn test_files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for file in self.files.iter().filter(|file| file.is_rust()) {
            let stem = file.path.trim_end_matches(".rs");
            for module in Source::of(&file.text).test_modules() {
                let inside = format!("{stem}/{module}/");
                found.insert(format!("{stem}/{module}.rs"));
                let below = self.files.iter().filter(|file| file.path.starts_with(&inside));
                found.extend(below.map(|file| file.path.clone()));
            }
        }
        found
    }
}

fn read_folder(root: &Path, below: &str, files: &mut Vec<File>) {
    let Ok(items) = fs::read_dir(root.join(below)) else { return };
    for item in items.flatten() {
        let Ok(name) = item.file_name().into_string() else { continue };
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        match item.file_type() {
            Ok(kind) if kind.is_dir() && !SKIPPED.contains(&path.as_str()) => {
                read_folder(root, &path, files);
            }
            // What is no text, such as a recorded log, has no lines to complain about.
            Ok(kind) if kind.is_file() => {
                files.extend(fs::read_to_string(item.path()).ok().map(|text| File { path, text }));
            }
            _ => {}
        }
    }
}
