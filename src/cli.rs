//! The command line: what it takes, and which part of the program it calls.
//!
//! Standard output carries what was asked for, standard error everything else. Exit codes: 0 it
//! is done, 1 something does not hold, 2 it could not be done.

pub mod demo;
pub mod log;
pub mod serve;
pub mod settings;

use self::settings::{Flags, Settings};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A commerce backend for the minute in which everybody comes at once.
///
/// Without a command it serves: `doorbuster` is `doorbuster serve`.
#[derive(Debug, Parser)]
#[command(name = "doorbuster", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
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
    Verify(crate::verify::Args),
    /// Take things out of a stopped store
    Export(crate::export::Args),
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
  doorbuster rush --shoppers 1000 --units 500
      1,000 shoppers race for 500 units of a new product

Exit codes: 0 done, 1 something does not hold, 2 it could not be done.";

/// Runs what the arguments ask for.
pub fn run() -> ExitCode {
    let Cli { command, flags } = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    match command.unwrap_or(Command::Serve(flags)) {
        Command::Serve(flags) => match Settings::gather(&flags) {
            Ok(settings) => runtime.block_on(serve::run(settings)),
            Err(error) => fail(&error.to_string()),
        },
        Command::Config(flags) => match Settings::gather(&flags) {
            Ok(settings) => {
                print!("{settings}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error.to_string()),
        },
        Command::Rush(args) => runtime.block_on(crate::load::args::run(*args)),
        Command::Verify(args) => crate::verify::run(&args),
        Command::Export(args) => crate::export::run(&args),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("doorbuster: {why}");
    ExitCode::from(2)
}
