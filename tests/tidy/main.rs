//! The house rules that no lint knows, held over the whole tree.
//!
//! Each complaint names file and line and says what to do. Invariant: a rule has a test of its
//! own that breaks it, so a rule that can't fail is found out.

mod project;
mod rules;
mod source;

use project::Project;

/// Fails with every complaint at once.
fn hold(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn over_rust(rule: fn(&str, &str) -> Vec<String>) {
    let project = Project::read();
    let rust = project.files.iter().filter(|file| file.is_rust());
    hold(&rust.flat_map(|file| rule(&file.path, &file.text)).collect::<Vec<_>>());
}

fn over_all(rule: fn(&str, &str) -> Vec<String>) {
    let project = Project::read();
    let all = project.files.iter().filter(|file| !file.has_extension("lock"));
    hold(&all.flat_map(|file| rule(&file.path, &file.text)).collect::<Vec<_>>());
}

#[test]
fn every_rust_file_says_first_what_it_is() {
    over_rust(rules::opening);
}

#[test]
fn no_rust_file_is_too_long_to_read() {
    let project = Project::read();
    let rust = project.files.iter().filter(|file| file.is_rust());
    let lines: Vec<_> = rust.map(|file| (file.path.as_str(), file.text.lines().count())).collect();
    hold(&rules::length(&lines, rules::LONGER));
}

#[test]
fn imports_run_one_way() {
    over_rust(rules::layers);
}

#[test]
fn imports_within_the_door_run_one_way() {
    let project = Project::read();
    let tests = project.test_files();
    let files = project.files.iter().filter(|f| f.is_rust() && !tests.contains(&f.path));
    let files: Vec<_> = files.map(|file| (file.path.as_str(), file.text.as_str())).collect();
    hold(&rules::circles("http", &files));
}

#[test]
fn the_domain_knows_no_machine() {
    let project = Project::read();
    let crates = project.dependencies();
    let tests = project.test_files();
    let domain = project.files.iter().filter(|file| file.is_rust() && file.is_domain());
    let rules = domain.filter(|file| !tests.contains(&file.path));
    hold(&rules.flat_map(|f| rules::purity(&f.path, &f.text, &crates)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_half_done() {
    over_all(rules::leftovers);
}

#[test]
fn no_file_names_a_registry_or_somebodys_machine() {
    over_all(rules::places);
}

#[test]
fn scripts_can_be_run() {
    let project = Project::read();
    hold(&rules::run_bits(&project.modes(&["test", ".ci/run"])));
}

#[test]
fn decisions_are_numbered_whole_and_linked() {
    let project = Project::read();
    let records = project.under("docs/decisions/");
    hold(&rules::decisions(&records, project.text("ARCHITECTURE.md")));
}

#[test]
fn documents_point_at_what_exists() {
    let project = Project::read();
    let documents = project.files.iter().filter(|file| file.has_extension("md"));
    let exists = |path: &str| project.exists(path);
    hold(&documents.flat_map(|f| rules::links(&f.path, &f.text, &exists)).collect::<Vec<_>>());
}
