//! Which store the commands beside the server look at: that of a server with the same settings.
//!
//! Most of the stores are not there: a command that misses one names it.

use crate::app::{ADMIN, App};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_doorbuster");

/// A folder with the usual settings file and another one.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("doorbuster.toml"), "store = \"usual\"\nidle_ms = 5").unwrap();
    fs::write(folder.path().join("other.toml"), "store = \"other\"").unwrap();
    folder
}

/// Runs the program in `folder` and returns its exit code and its complaint.
fn run(folder: &Path, line: &str, store: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
        command.env_remove(name);
    }
    command.args(line.split_whitespace()).current_dir(folder);
    let output = command.envs(store.map(|store| ("DOORBUSTER_STORE", store))).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_stopped_store_is_found_by_flag_then_environment_then_file() {
    let folder = folder();
    for command in ["verify", "export events", "backup copy"] {
        for (flags, environment, store) in [
            ("", None, "usual"),
            ("--config other.toml", None, "other"),
            ("--config other.toml", Some("set"), "set"),
            ("--config other.toml --store given", Some("set"), "given"),
        ] {
            let (code, why) = run(folder.path(), &format!("{command} {flags}"), environment);
            assert_eq!(code, Some(2), "{why}");
            assert!(why.contains(&format!("{store} holds no store")), "{command} {flags}: {why}");
        }
        let (_, why) = run(folder.path(), &format!("--config other.toml {command}"), None);
        assert!(why.contains("other holds no store"), "{why}");
    }
}

#[test]
fn without_any_setting_it_is_the_default_store() {
    let folder = tempfile::tempdir().unwrap();
    let (code, why) = run(folder.path(), "verify", None);
    assert_eq!(code, Some(2));
    assert!(why.contains("data/store holds no store"), "{why}");
}

#[test]
fn a_bad_settings_file_is_named_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("doorbuster.toml"), "colour = 1").unwrap();
    for command in ["config", "verify", "export events", "rush", "backup copy", "restore copy"] {
        let (code, why) = run(folder.path(), command, None);
        assert_eq!(code, Some(2), "{command}");
        assert!(why.contains("there is no setting `colour`"), "{command}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rush_finds_the_admin_token_where_the_shop_has_it() {
    let app = App::new().await;
    let folder = folder();
    let rush = format!("rush --config other.toml --shoppers 2 --units 2 --url {}", app.target());
    let (code, why) = run(folder.path(), &rush, None);
    assert_eq!(code, Some(2));
    assert!(why.contains("can't read other/admin_token"), "{why}");
    fs::create_dir(folder.path().join("other")).unwrap();
    fs::write(folder.path().join("other/admin_token"), ADMIN).unwrap();
    let (code, why) = run(folder.path(), &rush, None);
    assert_eq!(code, Some(0), "{why}");
    let (code, why) = run(folder.path(), &format!("{rush} --store elsewhere"), None);
    assert_eq!(code, Some(2));
    assert!(why.contains("can't read elsewhere/admin_token"), "{why}");
    app.close().await;
}
