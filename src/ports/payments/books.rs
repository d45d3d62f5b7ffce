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
    format!("sim_{}_{step}", order.0.simple())
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
mod tests {
    use super::*;
    use crate::domain::Currency;
    use std::fs;
    use uuid::Uuid;

    fn record(order: u128, step: Step, amount_minor: i64, currency: &str) -> Record {
        let amount = Money { amount_minor, currency: Currency::parse(currency).unwrap() };
        let order = OrderId(Uuid::from_u128(order));
        let request = Request { order, step, amount, token: "tok_approve".into() };
        Record::new(Time(1_800_000_000_000), &request, Outcome::Approved)
    }

    fn written(records: &[Record]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books.jsonl");
        let mut books = Books::open(&path, |_| unreachable!("new books are empty")).unwrap();
        for record in records {
            books.append(record).unwrap();
        }
        (folder, path)
    }

    fn reopened(path: &Path) -> Vec<Record> {
        let mut seen = Vec::new();
        Books::open(path, |record| seen.push(record)).unwrap();
        seen
    }

    #[test]
    fn a_line_reads_as_anybody_would_write_it() {
        let (_folder, path) = written(&[record(1, Step::Authorise, 500, "USD")]);
        let line = concat!(
            r#"{"at":"2027-01-15T08:00:00.000Z","key":"ord_ID:authorise","order":"ord_ID","#,
            r#""step":"authorise","amount":{"amount_minor":500,"currency":"USD"},"#,
            r#""outcome":"approved","reference":"sim_ID_authorise","token":"approve"}"#
        );
        let line = line.replace("ID", "00000000000000000000000000000001");
        let crc = format!(",\"crc\":{}}}\n", crc32c::crc32c(line.as_bytes()));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            line.replace("\"approve\"}", "\"approve\"") + &crc
        );
        fs::write(&path, line + "\n").unwrap();
        assert_eq!(reopened(&path).len(), 1, "a line of the first books");
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_line_is_found() {
        let (_folder, path) = written(&[record(1, Step::Authorise, 500, "USD")]);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() - 1 {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                fs::write(&path, &flipped).unwrap();
                assert!(Books::sums(&path).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn the_books_read_what_was_written() {
        let records = [record(1, Step::Authorise, 5, "USD"), record(1, Step::Capture, 5, "USD")];
        let (_folder, path) = written(&records);
        assert_eq!(reopened(&path), records);
    }

    #[test]
    fn a_torn_last_line_is_dropped_wherever_it_tore() {
        let records = [record(1, Step::Authorise, 5, "USD"), record(1, Step::Capture, 5, "USD")];
        let (_folder, path) = written(&records);
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for length in first..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(reopened(&path), records[..1], "torn at {length}");
            assert_eq!(fs::read(&path).unwrap(), whole[..first]);
        }
    }

    #[test]
    fn an_append_first_cuts_off_what_a_failed_one_left() {
        let records = [record(1, Step::Authorise, 5, "USD"), record(1, Step::Capture, 5, "USD")];
        let (_folder, path) = written(&records[..1]);
        let mut books = Books::open(&path, |_| ()).unwrap();
        books.file.write_all(b"{\"at\":\"20").unwrap();
        books.torn = true;
        books.append(&records[1]).unwrap();
        assert_eq!(reopened(&path), records);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let (_folder, path) = written(&[record(1, Step::Authorise, 5, "USD")]);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{good}{{}}\n{good}")).unwrap();
        let error = Books::sums(&path).unwrap_err();
        assert!(matches!(error, Error::Damaged { line: 2, .. }), "{error:?}");
        assert!(Books::open(&path, |_| ()).is_err());
    }

    #[test]
    fn sums_count_a_charge_that_came_twice() {
        let twice = record(1, Step::Capture, 5, "USD");
        let (_folder, path) = written(&[twice.clone(), twice, record(2, Step::Refund, 7, "USD")]);
        let sums = Books::sums(&path).unwrap();
        let first = &sums[&OrderId(Uuid::from_u128(1))];
        assert_eq!(first.captured.times, 2);
        assert_eq!(first.captured.total.unwrap().amount_minor, 10);
        assert_eq!(sums[&OrderId(Uuid::from_u128(2))].moved(Step::Refund).times, 1);
    }

    #[test]
    fn sums_that_mix_currencies_name_the_order() {
        let (_folder, path) =
            written(&[record(1, Step::Capture, 5, "USD"), record(1, Step::Capture, 5, "EUR")]);
        let order = OrderId(Uuid::from_u128(1));
        assert!(matches!(Books::sums(&path), Err(Error::Sums { order: o }) if o == order));
    }
}
