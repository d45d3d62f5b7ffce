//! `doorbuster export events`: the log as JSON lines, for whoever wants to read or keep it.
//!
//! Works on a stopped store and changes nothing. Invariant: one line per entry, in the order of
//! the log, shard after shard; personal data stays sealed.

use crate::{
    journal::{EntryRef, Position, codec},
    verify::{Error as StoreError, Store},
};
use serde::Serialize;
use std::{
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

const EXAMPLES: &str = "\
Examples:
  doorbuster export events > events.jsonl
      everything
  doorbuster export events --from 17050933
      what came after the entry at 17050932
  doorbuster export events | grep '\"entity\":\"sku:TEE-RED-M\"'
      the history of one SKU

Each line: shard, position, entity, sequence, at, by, command, event, version, data.";

/// Which events.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Events {
    /// Begin at this position of each shard's log: the last one you have, plus one.
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    pub from: u64,
    /// Only this shard.
    #[arg(long, value_name = "N")]
    pub shard: Option<usize>,
}

/// Why an export ends early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such shard.
    #[error("there is no shard {found}; the store has {shards}, counted from 0")]
    Shard {
        /// What was asked for.
        found: usize,
        /// How many there are.
        shards: usize,
    },
    /// The lines can't be written.
    #[error("the lines can't be written: {0}")]
    Output(#[from] io::Error),
    /// An entry is no event.
    #[error("the entry at {position} of shard {shard} does not read: {why}")]
    Entry {
        /// Which shard.
        shard: usize,
        /// Where.
        position: Position,
        /// What is wrong.
        why: String,
    },
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    shard: usize,
    position: Position,
    entity: String,
    sequence: u64,
    at: crate::domain::Time,
    by: String,
    command: String,
    event: &'a str,
    version: u8,
    data: serde_json::Value,
}

/// Runs the command on the store in `folder`.
#[must_use]
pub fn run(folder: &Path, events: &Events) -> ExitCode {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let written = write(folder, events, &mut out).and_then(|()| Ok(out.flush()?));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has had enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorbuster export events: {error}");
            ExitCode::from(2)
        }
    }
}

/// Writes the lines to `out`.
///
/// # Errors
/// The store can't be read, or `out` not written.
pub fn write(folder: &Path, events: &Events, out: &mut impl Write) -> Result<(), Error> {
    let store = Store::open(folder)?;
    let shards = match events.shard {
        None => 0..store.shards,
        Some(found) if found >= store.shards => {
            return Err(Error::Shard { found, shards: store.shards });
        }
        Some(one) => one..one + 1,
    };
    for shard in shards {
        let mut stopped = None;
        let inspected = store.inspect(shard, &mut |batch| {
            let mut entries = batch.entries().filter(|entry| entry.position.0 >= events.from);
            entries.try_for_each(|entry| line(shard, &entry, out)).map_err(|error| {
                let why = error.to_string();
                stopped = Some(error);
                why
            })
        });
        // Our own error comes back as the log's.
        match stopped {
            Some(error) => return Err(error),
            None => inspected?,
        };
    }
    Ok(())
}

fn line(shard: usize, entry: &EntryRef<'_>, out: &mut impl Write) -> Result<(), Error> {
    let position = entry.position;
    let failed = |why: String| Error::Entry { shard, position, why };
    let entity = entry.entity().map_err(|error| failed(error.to_string()))?;
    let mut json = codec::to_json(entry).map_err(|error| failed(error.to_string()))?;
    let event = codec::name(entry).ok_or_else(|| failed("it has no name".to_owned()))?;
    let data = json.as_object_mut().and_then(|named| named.remove(event)).unwrap_or_default();
    let line = Line {
        shard,
        position,
        entity: entity.to_string(),
        sequence: entry.sequence,
        at: entry.context.now,
        by: entry.context.by.to_string(),
        command: entry.context.command.to_string(),
        event,
        version: entry.version,
        data,
    };
    serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{CartId, Sku, sku::Event},
        journal::{FileLog, handmade::Pen},
    };
    use std::fs;
    use uuid::Uuid;

    fn store() -> (tempfile::TempDir, Pen<FileLog>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("store.json"), r#"{"format":1,"shards":2}"#).unwrap();
        let mut pen = Pen::files(&folder.path().join("log"), 2);
        let cart = (CartId(Uuid::from_u128(7)), 2);
        pen.write(sku(), Event::Received { units: 3, location: "main".into(), reference: None });
        pen.write(sku(), Event::Expired { carts: vec![cart], orders: vec![] }).commit();
        (folder, pen)
    }

    fn sku() -> Sku {
        Sku::parse("TEE").unwrap()
    }

    fn export(folder: &tempfile::TempDir, from: u64) -> Result<Vec<serde_json::Value>, Error> {
        let mut out = vec![];
        write(folder.path(), &Events { from, shard: None }, &mut out)?;
        let text = String::from_utf8(out).unwrap();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn every_entry_is_a_line_with_readable_ids() {
        let (folder, pen) = store();
        drop(pen);
        let lines = export(&folder, 0).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["entity"], "sku:TEE");
        assert_eq!(lines[0]["event"], "Received");
        assert_eq!(lines[0]["data"]["units"], 3);
        assert_eq!(lines[1]["data"]["carts"][0][0], "00000000000000000000000000000007");
        let last = lines[1]["position"].as_u64().unwrap();
        assert_eq!(export(&folder, last).unwrap(), lines[1..]);
        assert_eq!(export(&folder, last + 1).unwrap().len(), 0);
    }

    #[test]
    fn a_store_in_use_is_named() {
        let (folder, _pen) = store();
        let why = export(&folder, 0).unwrap_err().to_string();
        assert!(why.contains("is in use by another process; stop it first"), "{why}");
    }

    #[test]
    fn a_shard_that_is_not_there_is_named() {
        let (folder, _pen) = store();
        let events = Events { from: 0, shard: Some(2) };
        let why = write(folder.path(), &events, &mut vec![]).unwrap_err().to_string();
        assert!(why.starts_with("there is no shard 2"), "{why}");
    }
}
