//! The rules. Each takes paths and texts and returns its complaints, so that each can be broken
//! by a few lines of text.

use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The hard limit; aim for 350.
const MOST_LINES: usize = 400;

/// Files that may be longer, and how long: to be split, never to grow.
pub(crate) const LONGER: &[(&str, usize)] = &[];

/// Who may import what of this crate; `*` is everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("journal", &["domain"]),
    ("ports", &["domain"]),
    ("views", &["domain", "journal"]),
    ("actors", &["domain", "journal", "ports", "views"]),
    ("shop", &["domain", "journal", "ports", "views", "actors"]),
    ("http", &["domain", "journal", "ports", "views", "actors", "shop"]),
    ("load", &["domain"]),
    ("verify", &["domain", "journal", "ports", "views"]),
    ("export", &["domain", "journal", "verify"]),
    ("backup", &["domain", "journal", "ports", "load", "verify"]),
    ("exchange", &["domain", "journal", "ports", "shop", "verify"]),
    ("cli", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];

/// Crates that the domain may name.
const DOMAIN_CRATES: [&str; 5] = ["serde", "thiserror", "chrono", "uuid", "iso_currency"];

/// Parts of std that reach outside, or whose order is not the same in each run.
const IMPURE: [&[&str]; 12] = [
    &["std", "fs"],
    &["std", "io"],
    &["std", "net"],
    &["std", "os"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "sync"],
    &["std", "time"],
    &["std", "collections", "HashMap"],
    &["std", "collections", "HashSet"],
    &["std", "collections", "hash_map"],
];

/// What of them it may use all the same: a name shared by many carts is kept once.
const PURE: &[&str] = &["std", "sync", "Arc"];

/// In two parts, so that this file passes its own rules.
const REGISTRIES: [&str; 12] = [
    concat!("crates", ".io"),
    concat!("npmjs", ".com"),
    concat!("npmjs", ".org"),
    concat!("py", "pi.org"),
    concat!("pythonhosted", ".org"),
    concat!("rubygems", ".org"),
    concat!("proxy.", "golang.org"),
    concat!("hub.", "docker.com"),
    concat!("docker", ".io"),
    concat!("ghcr", ".io"),
    concat!("quay", ".io"),
    concat!("deb.", "debian", ".org"),
];

const HOMES: [&str; 3] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

const MACROS: [&str; 3] =
    [concat!("to", "do!"), concat!("unimpl", "emented!"), concat!("db", "g!")];

const WORDS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];

/// What a decision record has, in this order.
const SECTIONS: [&str; 4] =
    ["## Context", "## Decision", "## Cost", "## What would change our mind"];

/// One page.
const MOST_RECORD_LINES: usize = 60;

pub(crate) fn opening(path: &str, text: &str) -> Vec<String> {
    let opens = text.lines().next().is_some_and(|line| line.starts_with("//! "));
    let why = "open with `//!`: what it is, why it is here, the invariant it keeps";
    if opens { vec![] } else { vec![format!("{path}:1: {why}")] }
}

pub(crate) fn length(files: &[(&str, usize)], longer: &[(&str, usize)]) -> Vec<String> {
    let mut complaints = vec![];
    for (path, lines) in files {
        let allowed = longer.iter().find(|(other, _)| other == path).map(|(_, most)| *most);
        match allowed {
            _ if *lines > allowed.unwrap_or(MOST_LINES) => {
                let most = allowed.unwrap_or(MOST_LINES);
                complaints.push(format!("{path}:{most}: {lines} lines; split it by what it does"));
            }
            Some(_) if *lines <= MOST_LINES => {
                complaints.push(format!("{path}:1: short enough now: take it out of `LONGER`"));
            }
            _ => {}
        }
    }
    let gone = longer.iter().filter(|(path, _)| files.iter().all(|(other, _)| other != path));
    complaints.extend(gone.map(|(path, _)| format!("{path}:1: gone: take it out of `LONGER`")));
    complaints
}

/// The place of a source file below `crate`; `None` for tests and benches.
fn module(path: &str) -> Option<Vec<&str>> {
    let below = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    Some(if matches!(below, "lib" | "main") { vec![] } else { below.split('/').collect() })
}

pub(crate) fn layers(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module(path) else { return vec![] };
    let Some(&layer) = module.first() else { return vec![] };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("{path}:1: say in `LAYERS` what `{layer}` may import")];
    };
    let mut complaints = vec![];
    for found in Source::of(text).paths(&module).into_iter().filter(|path| path.ours) {
        let Some(other) = found.segments.first().filter(|other| *other != layer) else { continue };
        if !allowed.contains(&"*") && !allowed.contains(&other.as_str()) {
            let may = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            complaints.push(format!(
                "{path}:{}: `{layer}` imports `{other}`, but may import {may}: move what is shared \
                 down or hand it in",
                found.line
            ));
        }
    }
    complaints
}

/// The parts of `layer` import each other one way, too: what is in its own file counts for nothing,
/// nor do tests.
pub(crate) fn circles(layer: &str, files: &[(&str, &str)]) -> Vec<String> {
    let part = |path: &str| module(path)?.get(1).map(|&part| part.to_owned());
    let ours =
        files.iter().filter(|(path, _)| module(path).is_some_and(|m| m.first() == Some(&layer)));
    let ours: Vec<_> = ours.filter_map(|(path, text)| Some((part(path)?, *path, *text))).collect();
    let parts: BTreeSet<&str> = ours.iter().map(|(part, ..)| part.as_str()).collect();
    let mut imports: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for (part, path, text) in &ours {
        let module = module(path).unwrap_or_default();
        let paths = Source::of(text).paths(&module).into_iter();
        for found in paths.filter(|found| found.ours && !found.test) {
            let [first, other, ..] = found.segments.as_slice() else { continue };
            if first == layer && other != part && parts.contains(other.as_str()) {
                let place = format!("{path}:{}", found.line);
                imports.entry(part).or_default().entry(other.clone()).or_insert(place);
            }
        }
    }
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(part) = next.pop() {
            if seen.insert(part) {
                next.extend(
                    imports.get(part).into_iter().flatten().map(|(other, _)| other.as_str()),
                );
            }
        }
        seen.contains(to)
    };
    let each =
        imports.iter().flat_map(|(part, others)| others.iter().map(move |other| (part, other)));
    let circular = each.filter(|(part, (other, _))| reaches(other, part));
    let complain = |(part, (other, place)): (&&str, (&String, &String))| {
        format!(
            "{place}: `{part}` imports `{other}`, which comes back to it: move what is shared down"
        )
    };
    circular.map(complain).collect()
}

pub(crate) fn purity(path: &str, text: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let module = module(path).unwrap_or_default();
    let mut complaints = vec![];
    let paths = Source::of(text).paths(&module).into_iter();
    for found in paths.filter(|found| !found.ours && !found.test) {
        let segments: Vec<&str> = found.segments.iter().map(String::as_str).collect();
        let head = segments.first().copied().unwrap_or_default();
        let named = segments.len() > 1 && crates.contains(head);
        let foreign = named && !DOMAIN_CRATES.contains(&head);
        let impure = IMPURE.iter().any(|impure| segments.starts_with(impure)) && segments != PURE;
        if foreign || impure {
            complaints.push(format!(
                "{path}:{}: the domain may not use `{}`: bring its result in with the context or \
                 the command",
                found.line,
                segments.join("::")
            ));
        }
    }
    complaints
}

pub(crate) fn leftovers(path: &str, text: &str) -> Vec<String> {
    let source = path.strip_suffix(".rs").map(|_| Source::of(text));
    let (code, prose) = match &source {
        Some(source) => (source.code.as_str(), source.comments.as_str()),
        None => ("", text),
    };
    let mut complaints = vec![];
    for (number, line) in code.lines().enumerate() {
        let found = MACROS.iter().filter(|name| line.contains(**name));
        complaints.extend(found.map(|name| format!("{path}:{}: finish this `{name}`", number + 1)));
    }
    for (number, line) in prose.lines().enumerate() {
        let words = line.split(|letter: char| !letter.is_alphanumeric());
        for word in words.filter(|word| WORDS.contains(word)) {
            let number = number + 1;
            complaints.push(format!("{path}:{number}: mend what `{word}` marks, or open an issue"));
        }
    }
    complaints
}

pub(crate) fn places(path: &str, text: &str) -> Vec<String> {
    let mut complaints = vec![];
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        for host in REGISTRIES.iter().filter(|host| line.contains(**host)) {
            complaints.push(format!("{path}:{number}: leave the registry {host} unnamed"));
        }
        for home in HOMES.iter().filter(|home| line.contains(**home)) {
            complaints.push(format!("{path}:{number}: {home} is one machine's: make it relative"));
        }
    }
    complaints
}

pub(crate) fn run_bits(modes: &[(&str, Option<u32>)]) -> Vec<String> {
    let bad = modes.iter().filter(|(_, mode)| mode.is_none_or(|mode| mode & 0o111 != 0o111));
    bad.map(|(path, _)| format!("{path}:1: missing or not executable: chmod +x {path}")).collect()
}

pub(crate) fn decisions(records: &[(&str, &str)], index: &str) -> Vec<String> {
    let mut complaints = vec![];
    if records.is_empty() {
        complaints.push("docs/decisions:1: no records: write one for each choice".to_owned());
    }
    for (place, (name, text)) in records.iter().enumerate() {
        let path = format!("docs/decisions/{name}");
        let number = format!("{:04}", place + 1);
        let title = name.strip_suffix(".md").and_then(|name| name.split_once('-'));
        let fits = title.is_some_and(|(digits, title)| {
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            digits == number && !title.is_empty() && title.chars().all(kebab)
        });
        if !fits {
            complaints.push(format!("{path}:1: name it {number}-title.md, in lower case"));
        }
        if !text.starts_with(&format!("# {number}: ")) {
            complaints.push(format!("{path}:1: begin with `# {number}: ` and the title"));
        }
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        if headings != SECTIONS {
            complaints.push(format!("{path}:1: its sections should be {}", SECTIONS.join(", ")));
        }
        if text.lines().count() > MOST_RECORD_LINES {
            complaints.push(format!("{path}:{MOST_RECORD_LINES}: longer than a page: shorten it"));
        }
        if !index.contains(&format!("(docs/decisions/{name})")) {
            complaints.push(format!("{path}:1: link it from ARCHITECTURE.md"));
        }
    }
    complaints
}

/// Relative links of any document, and the source files that the two guides name.
pub(crate) fn links(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let guide = matches!(path, "README.md" | "ARCHITECTURE.md");
    let mut complaints = vec![];
    for (number, line) in text.lines().enumerate() {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
        let near = targets.filter(|t| !t.is_empty() && !t.contains("://") && !t.contains(' '));
        let near = near.map(|target| format!("{folder}/{target}").trim_matches('/').to_owned());
        let named = line.split('`').skip(1).step_by(2).filter(|_| guide);
        let starts = ["src/", "tests/", "benches/", "docs/"];
        let named = named.filter(|name| starts.iter().any(|start| name.starts_with(start)));
        let named = named.filter(|name| !name.contains(['*', ' ', '{', '<']));
        for target in near.chain(named.map(str::to_owned)).filter(|target| !exists(target)) {
            complaints.push(format!("{path}:{}: there is no {target}", number + 1));
        }
    }
    complaints
}

#[cfg(test)]
mod tests;
