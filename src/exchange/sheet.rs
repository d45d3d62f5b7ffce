//! A CSV file as rows that know on which line of it they stand.
//!
//! Invariant: a line is what a text editor counts, also behind quoted line breaks, CRLF and blank
//! lines; and a quote that never closes is said, instead of taking the rest of the file with it.

use super::Error;
use std::io::Read as _;

/// Stands behind the last row while it is read: who does not meet it met an open quote.
const END: &str = "\u{1f}end of the sheet\u{1f}";

/// All rows of a file.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What the columns are called.
    pub header: Vec<String>,
    /// Without those that are blank.
    pub rows: Vec<Row>,
    /// The line of a row with a quote that never closes; that row and all behind it are missing.
    pub unclosed: Option<u64>,
}

/// One row: only its own bytes, since a record of the reader also keeps room for the longest before.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it begins, counted from 1.
    pub line: u64,
    /// All cells, one behind the other.
    text: Box<str>,
    /// Where each cell ends.
    ends: Box<[usize]>,
}

impl Row {
    fn of(line: u64, record: &csv::StringRecord) -> Row {
        let ends = record.iter().scan(0, |end, cell| {
            *end += cell.len();
            Some(*end)
        });
        Row { line, ends: ends.collect(), text: record.iter().collect::<String>().into() }
    }

    /// A cell by its place from 0; empty where the row ends earlier.
    pub fn cell(&self, index: usize) -> &str {
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let begin = before.copied().unwrap_or(0);
        let cell = self.ends.get(index).and_then(|end| self.text.get(begin..*end));
        cell.unwrap_or_default()
    }

    fn cells(&self) -> impl DoubleEndedIterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.cell(index))
    }

    /// How many cells it has, without empty ones at its end.
    pub fn width(&self) -> usize {
        let empty = self.cells().rev().take_while(|cell| cell.trim().is_empty()).count();
        self.ends.len() - empty
    }
}

impl Sheet {
    /// Reads UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// Another encoding, or no header.
    pub fn read(bytes: &[u8]) -> Result<Sheet, Error> {
        let text = decode(bytes)?;
        let lines = Lines::of(text);
        let end = format!("\n{END}\n");
        let whole = text.as_bytes().chain(end.as_bytes());
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.flexible(true).has_headers(false).from_reader(whole);
        let mut sheet = Sheet { header: vec![], rows: vec![], unclosed: None };
        let mut record = csv::StringRecord::new();
        let mut closed = false;
        let mut last = 1;
        while reader.read_record(&mut record).map_err(|error| Error(error.to_string()))? {
            closed = record.len() == 1 && record.get(0) == Some(END);
            let at = record.position().map_or(0, csv::Position::byte);
            last = lines.number(text, usize::try_from(at).unwrap_or(usize::MAX));
            let row = Row::of(last, &record);
            if closed || row.width() == 0 {
                continue;
            }
            if sheet.header.is_empty() {
                sheet.header = row.cells().map(|name| name.trim().to_owned()).collect();
            } else {
                sheet.rows.push(row);
            }
        }
        if !closed {
            sheet.unclosed = Some(last);
            if sheet.rows.pop().is_none() {
                let why = format!("a quote on line {last} never closes, so there are no columns");
                return Err(Error(why));
            }
        }
        if sheet.header.is_empty() {
            return Err(Error::new("the file is empty; its first line should name the columns"));
        }
        Ok(sheet)
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Error> {
    // Without a mark, each second byte of a column's name is 0.
    let mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if mark || bytes.iter().take(2).any(|byte| *byte == 0) {
        return Err(Error::new("the file is UTF-16; save it as CSV in UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        let column = 1 + good.iter().rev().take_while(|byte| **byte != b'\n').count();
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        Error(format!(
            "line {line}, byte {column}: 0x{byte:02X} is not UTF-8; save the file as CSV in UTF-8 \
             (it may be in Latin-1 or Windows-1252)"
        ))
    })
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let bytes = text.as_bytes();
        let breaks = bytes.iter().enumerate().filter(|(at, byte)| {
            // CRLF is one break, at its LF.
            **byte == b'\n' || (**byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
        });
        Lines(std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect())
    }

    /// The line of a record that is read from `byte` on: breaks before it are not its own.
    fn number(&self, text: &str, byte: usize) -> u64 {
        let rest = text.as_bytes().get(byte..).unwrap_or_default();
        let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.0.partition_point(|start| *start <= byte + breaks) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String)> {
        let sheet = Sheet::read(text.as_bytes()).unwrap();
        sheet.rows.iter().map(|row| (row.line, row.cell(0).to_owned())).collect()
    }

    #[test]
    fn a_row_stands_where_an_editor_finds_it() {
        let rows = [(2, "a\nb".to_owned()), (5, "c".to_owned()), (7, "d".to_owned())];
        assert_eq!(lines("h,x\n\"a\nb\",1\n\nc,2\n,\nd,3"), rows);
        let rows = [(2, "a\r\nb".to_owned()), (5, "c".to_owned()), (7, "d".to_owned())];
        assert_eq!(lines("h,x\r\n\"a\r\nb\",1\r\n\r\nc,2\r\n,\r\nd,3\r\n"), rows);
        let rows = [(2, "a".to_owned()), (3, "b".to_owned())];
        assert_eq!(lines("h,x\ra,1\rb,2"), rows);
    }

    #[test]
    fn a_row_keeps_no_room_for_a_longer_one_before_it() {
        let text = format!("h,x\n{},1\né,,2,\n", "y".repeat(1 << 16));
        let sheet = Sheet::read(text.as_bytes()).unwrap();
        let row = sheet.rows.last().unwrap();
        assert_eq!((&*row.text, &*row.ends), ("é2", &[2, 2, 3, 3][..]));
        let cells: Vec<&str> = row.cells().collect();
        assert_eq!((cells, row.width(), row.cell(4)), (vec!["é", "", "2", ""], 3, ""));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        let sheet = Sheet::read(b"\xef\xbb\xbfHandle , Title\na,b,c\n").unwrap();
        assert_eq!(sheet.header, ["Handle", "Title"]);
        assert_eq!(sheet.rows.first().map(Row::width), Some(3));
    }

    #[test]
    fn another_encoding_is_named_with_its_place() {
        let why = Sheet::read(b"Handle\na\ncaf\xe9,1\n").unwrap_err().to_string();
        assert!(why.starts_with("line 3, byte 4: 0xE9 is not UTF-8"), "{why}");
        for wide in [&b"\xff\xfeH\0"[..], b"\xfe\xff\0H", b"H\0a\0", b"\0H\0a"] {
            let why = Sheet::read(wide).unwrap_err().to_string();
            assert!(why.contains("UTF-16"), "{why}");
        }
        let why = Sheet::read(b"").unwrap_err().to_string();
        assert!(why.contains("empty"), "{why}");
    }

    #[test]
    fn a_quote_that_never_closes_is_found() {
        let sheet = Sheet::read(b"h,x\na,1\n\"b,2\nc,3\n").unwrap();
        assert_eq!((sheet.unclosed, sheet.rows.len()), (Some(3), 1));
        let sheet = Sheet::read(b"h,x\na,5\" nails\n\"b\"\"\",2").unwrap();
        assert_eq!((sheet.unclosed, sheet.rows.len()), (None, 2));
        assert!(Sheet::read(b"\"h,x\na,1").unwrap_err().to_string().contains("never closes"));
    }
}
