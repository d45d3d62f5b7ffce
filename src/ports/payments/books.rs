//! The simulator's books: one JSON line for each execution, in a file of its own.
//!
//! Not part of the shop's log, so that tests and `verify` can count charges where a bug of the
//! shop can't reach. Invariant: a line is in the file, whole, before its answer is given; it
//! survives the death of the process (a power cut may take the last lines: nothing syncs here).
//! One process at a time; the store's lock sees to that.

use super::{Outcome, Request, Step, Token, key};
use crate::domain::{Money, OrderId, Time};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// Why the books can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read or written.
    #[error("the payment books {path} can't be used: check the folder and its free space")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A whole line does not read; only the last one may be torn.
    #[error("line {line} of the payment books {path} does not read: restore the file")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// One order's sums do not fit or mix currencies.
    #[error("the payment books of {order} don't add up: look at its lines")]
    Sums {
        /// The order.
        order: OrderId,
    },
}

/// One execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// By the wall clock.
    pub at: Time,
    /// The idempotency key, as [`key`] makes it.
    pub key: String,
    /// Whose money.
    pub order: OrderId,
    /// What was to be done.
    pub step: Step,
    /// How much.
    pub amount: Money,
    /// What became of it.
    pub outcome: Outcome,
    /// The provider's name for the step, when approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The kind of card, for an authorisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

impl Record {
    /// The line that says `request` came to `outcome`.
    #[must_use]
    pub fn new(at: Time, request: &Request, outcome: Outcome) -> Record {
        let Request { order, step, amount, .. } = *request;
        let approved = matches!(outcome, Outcome::Approved | Outcome::NothingToVoid);
        Record {
            at,
            key: key(order, step),
            order,
            step,
            amount,
            outcome,
            reference: approved.then(|| reference(order, step)),
            token: (step == Step::Authorise).then(|| Token::parse(&request.token)),
        }
    }
}

/// The simulator's name for a step: a function of its key, so nothing has to remember it.
pub(super) fn reference(order: OrderId, step: Step) -> String {
    let mut text = String::with_capacity(64);
    let _ = write!(text, "sim_{}_{step}", order.0.simple());
    text
}

/// The file, open for more lines.
pub struct Books {
    path: PathBuf,
    file: File,
    /// Where the last whole line ends.
    len_bytes: u64,
    /// The last write failed and may have left a part of its line.
    torn: bool,
    /// The line under way; kept for its memory.
    line: Vec<u8>,
}

impl Books {
    /// Opens or makes the file, shows every line to `visit` and cuts off a torn last one.
    pub fn open(path: &Path, mut visit: impl FnMut(Record)) -> Result<Books, Error> {
        let failed = |source| Error::Io { path: path.into(), source };
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        let mut records = Books::read(path)?;
        for record in records.by_ref() {
            visit(record?);
        }
        let len_bytes = records.read_bytes;
        file.set_len(len_bytes).map_err(failed)?;
        Ok(Books { path: path.into(), file, len_bytes, torn: false, line: Vec::new() })
    }

    /// Writes one line with one `write`. What an error leaves of it, the next append cuts off.
    pub fn append(&mut self, record: &Record) -> Result<(), Error> {
        let result = self.write(record);
        self.torn = result.is_err();
        result.map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.len_bytes)?;
        }
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        let crc = crc32c::crc32c(&self.line);
        self.line.pop();
        writeln!(self.line, ",\"crc\":{crc}}}")?;
        let written = self.file.write(&self.line)?;
        if written < self.line.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.len_bytes += written as u64;
        Ok(())
    }

    /// Books on a disk that is always full.
    #[cfg(test)]
    pub(super) fn always_full() -> Books {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        Books { path, file, len_bytes: 0, torn: false, line: Vec::new() }
    }

    /// Reads the books from their first line, changing nothing.
    pub fn read(path: &Path) -> Result<Records, Error> {
        let file = File::open(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(Records { path: path.into(), file, line: Vec::new(), lines: 0, read_bytes: 0 })
    }

    /// What moved, order by order.
    pub fn sums(path: &Path) -> Result<BTreeMap<OrderId, Sums>, Error> {
        let mut all: BTreeMap<OrderId, Sums> = BTreeMap::new();
        for record in Books::read(path)? {
            let record = record?;
            let order = record.order;
            all.entry(order).or_default().add(&record).ok_or(Error::Sums { order })?;
        }
        Ok(all)
    }
}

/// What stands before a line's checksum, which is of the line without it.
const CRC: &[u8] = b",\"crc\":";

/// The record of a line that is what was written. The first books had no checksums.
fn parse(line: &[u8]) -> serde_json::Result<Record> {
    let line = line.trim_ascii_end();
    let found = line.windows(CRC.len()).rposition(|window| window == CRC);
    let Some((content, rest)) = found.and_then(|at| line.split_at_checked(at)) else {
        return serde_json::from_slice(line);
    };
    let content = [content, b"}"].concat();
    let crc = rest.strip_prefix(CRC).and_then(|rest| rest.strip_suffix(b"}"));
    let crc = crc.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    if crc != Some(crc32c::crc32c(&content)) {
        return Err(serde::de::Error::custom("its checksum does not fit"));
    }
    serde_json::from_slice(&content)
}

/// The lines of the books; a torn last one is left out.
pub struct Records {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    lines: u64,
    /// Where the last whole line ends.
    read_bytes: u64,
}

impl Iterator for Records {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.clear();
        let length = match self.file.read_until(b'\n', &mut self.line) {
            Ok(_) if !self.line.ends_with(b"\n") => return None, // the end, torn or not
            Ok(length) => length,
            Err(source) => return Some(Err(Error::Io { path: self.path.clone(), source })),
        };
        self.lines += 1;
        self.read_bytes += length as u64;
        Some(parse(&self.line).map_err(|source| Error::Damaged {
            path: self.path.clone(),
            line: self.lines,
            source,
        }))
    }
}

/// How often one step moved money, and how much in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// More than 1 is a charge too many.
    pub times: u32,
    /// `None` when nothing moved.
    pub total: Option<Money>,
}

/// What moved for one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Set aside.
    pub authorised: Moved,
    /// Taken: the charges.
    pub captured: Moved,
    /// Given up.
    pub voided: Moved,
    /// Given back, by step.
    pub refunded: BTreeMap<Step, Moved>,
}

impl Sums {
    /// Adds a line; `None` when a sum does not fit or its currencies differ.
    #[must_use]
    pub fn add(&mut self, record: &Record) -> Option<()> {
        if record.outcome != Outcome::Approved {
            return Some(());
        }
        let moved = match record.step {
            Step::Authorise => &mut self.authorised,
            Step::Capture => &mut self.captured,
            Step::Void => &mut self.voided,
            step @ (Step::Refund | Step::RefundPart(_)) => self.refunded.entry(step).or_default(),
        };
        let total = match moved.total {
            None => record.amount,
            Some(total) => total.plus(record.amount)?,
        };
        *moved = Moved { times: moved.times.saturating_add(1), total: Some(total) };
        Some(())
    }

    /// What one step moved.
    #[must_use]
    pub fn moved(&self, step: Step) -> Moved {
        match step {
            Step::Authorise => self.authorised,
            Step::Capture => self.captured,
            Step::Void => self.voided,
            Step::Refund | Step::RefundPart(_) => {
                self.refunded.get(&step).copied().unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests;
