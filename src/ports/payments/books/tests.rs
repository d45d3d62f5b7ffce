//! What the books read is what was written, and damage is named.

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
