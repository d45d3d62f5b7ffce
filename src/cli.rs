//! The command line: what it takes, and which part of the program it calls.
//!
//! Standard output carries what was asked for, standard error everything else. Exit codes: 0 it
//! is done, 1 something does not hold, 2 it could not be done.

pub mod demo;
pub mod export;
pub mod log;
mod room;
pub mod serve;
pub mod settings;

use self::settings::{Flags, Settings};
use crate::exchange::{self, import};
use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use std::{path::PathBuf, process::ExitCode};

/// A commerce backend for the minute in which everybody comes at once.
///
/// Without a command it serves: `doorbuster` is `doorbuster serve`.
#[derive(Debug, Parser)]
#[command(name = "doorbuster", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// File with settings, TOML [default: doorbuster.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "DOORBUSTER_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the store and answer until SIGTERM or Ctrl-C
    #[command(after_help = settings::HELP)]
    Serve(Flags),
    /// Print the settings as they would be, and where each comes from; secrets masked
    #[command(after_help = settings::HELP)]
    Config(Flags),
    /// Rehearse a sale against a running shop, then check its books
    Rush(Box<crate::load::args::Args>),
    /// Re-read a stopped store from its first byte and check its books
    Verify(Stopped<crate::verify::Args>),
    /// Bring products in from a file, into a stopped store or a running server
    Import(Stopped<import::Args>),
    /// Take events, products or orders out
    Export(Stopped<export::Args>),
    /// Copy a store, also while its server sells
    Backup(Stopped<crate::backup::Take>),
    /// Make a store of a backup, then check its books
    Restore(Stopped<crate::backup::Restore>),
}

/// A command for a store, mostly one at rest: the one that a server with the same settings would open.
#[derive(Debug, clap::Args)]
struct Stopped<A: clap::Args> {
    /// Folder of the store [default: data/store]
    // An id of its own: what is global is also seen where `Flags` stand.
    #[arg(id = "stopped_store", long = "store", global = true, value_name = "DIR")]
    store: Option<String>,
    #[command(flatten)]
    args: A,
}

const EXAMPLES: &str = "\
Examples:
  doorbuster
      serve on 127.0.0.1:8080 from data/store; a first start brings a demo catalogue
  doorbuster serve --listen 0.0.0.0:80 --store /var/lib/doorbuster
      the same for a real shop
  DOORBUSTER_RESERVATION_TTL_MS=60000 doorbuster
      carts hold their units for a minute
  doorbuster config
      what is set, and where it comes from
  doorbuster backup /backup/today
      a copy of the store, while it sells; `doorbuster restore` makes a store of it
  doorbuster rush --shoppers 1000 --units 500
      1,000 shoppers race for 500 units of a new product

Exit codes: 0 done, 1 something does not hold, 2 it could not be done.";

/// Runs what the arguments ask for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = cli.check() {
        error.exit();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    let Cli { command, config, flags } = cli;
    let gather = |flags: &Flags| Settings::gather(config.as_deref(), flags);
    let done = match command.unwrap_or(Command::Serve(flags)) {
        Command::Serve(flags) => {
            gather(&flags).map(|settings| runtime.block_on(serve::run(settings)))
        }
        Command::Config(flags) => gather(&flags).map(|settings| {
            print!("{settings}");
            ExitCode::SUCCESS
        }),
        Command::Rush(args) => gather(&Flags::default()).map(|settings| {
            let args = args.or(settings.store, settings.admin_token);
            runtime.block_on(crate::load::args::run(args))
        }),
        Command::Verify(Stopped { store, args }) => gather(&Flags::of_store(store))
            .map(|settings| crate::verify::run(&settings.store, &args)),
        Command::Import(Stopped { store, args }) => {
            gather(&Flags::of_store(store)).map(|settings| runtime.block_on(bring(settings, &args)))
        }
        Command::Export(Stopped { store, args }) => gather(&Flags::of_store(store))
            .map(|settings| runtime.block_on(take_out(settings, &args))),
        Command::Backup(Stopped { store, args }) => {
            gather(&Flags::of_store(store)).map(|settings| {
                let Settings { store, listen, admin_token, .. } = settings;
                let home = crate::backup::Home { store, listen, admin_token };
                runtime.block_on(crate::backup::take(&home, &args))
            })
        }
        Command::Restore(Stopped { store, args }) => gather(&Flags::of_store(store))
            .map(|settings| crate::backup::bring_back(&settings.store, &args)),
    };
    done.unwrap_or_else(|error| fail(&error.to_string()))
}

async fn bring(settings: Settings, args: &import::Args) -> ExitCode {
    let options = serve::options(&settings);
    let Settings { store, admin_token, .. } = settings;
    let import::What::Products(products) = &args.what;
    import::run(products, &store, admin_token, options).await
}

async fn take_out(settings: Settings, args: &export::Args) -> ExitCode {
    let Settings { store, admin_token, .. } = settings;
    match &args.what {
        export::What::Events(events) => crate::export::run(&store, events),
        export::What::Products(products) => {
            exchange::export::products(products, &store, admin_token).await
        }
        export::What::Orders(orders) => exchange::export::orders(orders, &store, admin_token).await,
    }
}

impl Cli {
    /// Settings before a command would be lost on it.
    fn check(&self) -> Result<(), clap::Error> {
        if self.command.is_none() || self.flags.is_empty() {
            return Ok(());
        }
        let why = "settings other than --config stand behind the command, not before it";
        Err(Cli::command().error(ErrorKind::ArgumentConflict, why))
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("doorbuster: {why}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        let cli = Cli::try_parse_from(line.split_whitespace())?;
        cli.check().map(|()| cli)
    }

    #[test]
    fn the_settings_file_is_named_before_or_behind_the_command() {
        for line in [
            "doorbuster --config a.toml",
            "doorbuster --config a.toml serve --idle-ms 5",
            "doorbuster config --config a.toml",
            "doorbuster --config a.toml verify --store there",
            "doorbuster verify --json --config a.toml",
            "doorbuster export --config a.toml events",
            "doorbuster export events --from 5 --config a.toml --store there",
            "doorbuster export products --config a.toml -o products.csv",
            "doorbuster --config a.toml import products a.csv --dry-run --store there",
        ] {
            let cli = parse(line).unwrap();
            assert_eq!(cli.config.unwrap().to_str(), Some("a.toml"), "{line}");
        }
    }

    #[test]
    fn a_setting_before_a_command_is_not_lost_on_it() {
        for line in ["doorbuster --store there verify", "doorbuster --idle-ms 5 serve"] {
            let why = parse(line).unwrap_err().to_string();
            assert!(why.contains("stand behind the command"), "{why}");
        }
    }
}
