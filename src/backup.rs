//! `doorbuster backup` and `doorbuster restore`: a store's copy, taken while it sells, and back.
//!
//! A server is asked for nothing but a cut; the files are read here, beside it, so both have to be
//! on one machine. Invariant: neither command changes the store that it reads, and neither writes
//! over anything.

mod ask;
mod show;

use crate::{
    journal::{
        Layout,
        backup::{self, Cut, Manifest, Source, Still},
    },
    load::Target,
    ports::{Clock as _, Entropy as _, clock, entropy},
    verify,
};
use show::Bar;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Copies a store into a new folder, whether or not a server sells from it meanwhile.
///
/// Of a running server everything is copied that was acknowledged before the command began. The
/// copy holds the keys of all personal data: keep it as secret as the store. Exit code 0 when it
/// is finished, 2 when it is not; a folder without `backup.json` is an unfinished one.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub struct Take {
    /// Folder to copy into, new or empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Address of the server that has the store [default: http:// and the setting `listen`]
    #[arg(long, value_parser = Target::parse)]
    url: Option<Target>,
    /// Its admin token [default: the setting, else the store's]
    #[arg(long, value_name = "TOKEN")]
    admin_token: Option<String>,
    /// Print the backup's manifest instead of a summary
    #[arg(long)]
    json: bool,
}

const BACKUP_EXAMPLES: &str = "\
Examples:
  doorbuster backup /backup/2026-11-27
      of the store that a server with the same settings has, running or not
  doorbuster backup /backup/now --store /var/lib/doorbuster --url http://127.0.0.1:80
      of a server that listens elsewhere than its settings say";

/// Makes a store of a backup, then checks its books.
///
/// Exit code 0 when all books balance, 1 with a list of what does not, 2 when it could not be
/// done: the backup is unfinished or damaged, or there is something where the store should be.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub struct Restore {
    /// Folder that `doorbuster backup` has written
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print the report of `verify` as one JSON object
    #[arg(long)]
    json: bool,
}

const RESTORE_EXAMPLES: &str = "\
Examples:
  doorbuster restore /backup/2026-11-27 --store data/restored
      ends with `all books balance`; then `doorbuster serve --store data/restored`";

/// Which store, and how its server is reached.
#[derive(Clone, Debug)]
pub struct Home {
    /// Its folder.
    pub store: PathBuf,
    /// Where a server with the same settings listens.
    pub listen: SocketAddr,
    /// Its admin token, if it is set.
    pub admin_token: Option<String>,
}

/// Why there is no backup, or none was brought back.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Backup(#[from] backup::Error),
    #[error(transparent)]
    Ask(#[from] ask::Error),
    #[error("the manifest can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Runs `backup`.
pub async fn take(home: &Home, args: &Take) -> ExitCode {
    match try_take(home, args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("backup", &error),
    }
}

async fn try_take(home: &Home, args: &Take) -> Result<(), Error> {
    let layout = Layout(home.store.clone());
    if layout.read().map_err(backup::Error::from)?.is_none() {
        return Err(backup::Error::NoStore(home.store.clone()).into());
    }
    let still = if args.url.is_some() { None } else { Still::hold(&layout)? };
    let manifest = if let Some(still) = &still {
        let id = format!("stopped_{}", entropy::Os.uuid().simple());
        let at = clock::System::new().wall();
        copy(&layout, Source::Stopped { still, id: &id, at }, args)?
    } else {
        let cut: Cut = ask::cut(home, args).await?;
        copy(&layout, Source::Cut(&cut), args)?
    };
    if args.json {
        print!("{}", String::from_utf8_lossy(&manifest.to_json()?));
    } else {
        println!("{}", show::summary(&args.dir, &manifest));
    }
    Ok(())
}

fn copy(layout: &Layout, source: Source<'_>, args: &Take) -> Result<Manifest, Error> {
    // Whoever is sold to meanwhile goes first.
    let _ = rustix::process::nice(10);
    let bar = Bar::new("backing up", show::bytes_of(&source));
    Ok(backup::take(layout, source, &args.dir, &|bytes| bar.inc(bytes))?)
}

/// Runs `restore` into the store in `store`.
#[must_use]
pub fn bring_back(store: &Path, args: &Restore) -> ExitCode {
    match try_bring_back(store, args) {
        Ok(manifest) => {
            eprintln!("restored {} as of {} to {}", manifest.id, manifest.at, store.display());
            verify::run(store, &verify::Args { json: args.json })
        }
        Err(error) => fail("restore", &error),
    }
}

fn try_bring_back(store: &Path, args: &Restore) -> Result<Manifest, Error> {
    let manifest = backup::look(&args.dir)?;
    let bar = Bar::new("restoring", manifest.bytes());
    let layout = Layout(store.to_owned());
    backup::bring_back(&args.dir, &manifest, &layout, &|bytes| bar.inc(bytes))?;
    Ok(manifest)
}

fn fail(command: &str, error: &Error) -> ExitCode {
    eprintln!("doorbuster {command}: {error}");
    ExitCode::from(2)
}
