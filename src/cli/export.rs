//! `doorbuster export`: what can be taken out, and which part of the program does it.

use crate::exchange;

/// Takes things out.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to take out.
    #[command(subcommand)]
    pub what: What,
}

/// What can be taken out.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// The log, one JSON object per line: every event that ever happened, oldest first.
    ///
    /// Personal data and payment tokens are in it only as ciphertext. Exit code 2 when the store
    /// can't be read: in use by a server, missing, or damaged.
    Events(crate::export::Events),
    /// Products, as the CSV that `import products` reads, with the units on hand.
    ///
    /// Of a stopped store, or with --url of a running server.
    Products(exchange::export::Products),
    /// Orders, as a table with a line per item or as JSON lines, with who bought.
    ///
    /// Of a stopped store, or with --url of a running server.
    Orders(exchange::orders::Args),
}
