//! Recorded sales: invoices read from a gzip CSV file, exactly.
//!
//! One row is one line of one invoice; cancellations and returns are invoices of their own whose
//! number starts with C. Prices are read as decimals into whole minor units, never through a
//! float, and every row that is left out is counted with its reason.

use crate::domain::{Currency, Money, Sku};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// Why a trace can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be opened.
    #[error("can't open {path}: name a gzip CSV file of sales", path = path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not gzip, a column is missing, a number isn't one: the line is named by `source`.
    #[error(
        "not a file of sales: {0}; it needs the columns InvoiceNo, StockCode, Description, Quantity, UnitPrice, gzipped"
    )]
    Row(#[from] csv::Error),
}

/// One row as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// The invoice; starts with C when it cancels.
    pub invoice_no: String,
    /// What was sold, or brought back.
    pub stock_code: String,
    /// In words; may be empty.
    pub description: String,
    /// Negative when it came back.
    pub quantity: i64,
    /// A decimal, sometimes finer than a cent.
    pub unit_price: String,
}

impl Row {
    /// Whether the invoice takes an earlier sale back.
    pub fn is_cancellation(&self) -> bool {
        self.invoice_no.starts_with('C')
    }

    /// The price in whole cents; `None` when it is no positive whole number of them.
    pub fn price_cents(&self) -> Option<i64> {
        whole_cents(&self.unit_price).filter(|cents| *cents > 0)
    }
}

/// Reads a decimal as cents, exactly.
fn whole_cents(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (cents, rest) = part.split_at_checked(2).unwrap_or((part, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || rest.bytes().any(|byte| byte != b'0')
    {
        return None;
    }
    format!("{whole}{cents:0<2}").parse().ok()
}

/// The rows of a trace file, in its order.
pub fn rows(path: &Path) -> Result<impl Iterator<Item = Result<Row, Error>> + use<>, Error> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    read_rows(BufReader::new(File::open(path).map_err(open)?))
}

fn read_rows<R: Read>(gzip: R) -> Result<impl Iterator<Item = Result<Row, Error>> + use<R>, Error> {
    let mut csv = csv::Reader::from_reader(GzDecoder::new(gzip));
    csv.headers()?; // the iterator would take a file that is no gzip for an empty one
    Ok(csv.into_deserialize().map(|row| row.map_err(Error::from)))
}

/// What was left out, counted in lines unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Lines of cancelling invoices.
    pub cancellation_lines: u64,
    /// Lines without a positive quantity.
    pub no_quantity_lines: u64,
    /// Lines whose price is no positive whole number of cents.
    pub no_price_lines: u64,
    /// Lines that no shop can sell: more than 4,294,967,295 units, a stock code no SKU can hold.
    pub unsellable_lines: u64,
    /// Invoices of which nothing was left, cancellations included.
    pub empty_invoices: u64,
}

/// One invoice as a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its number.
    pub number: String,
    /// Its lines, in the file's order; a SKU may stand in several.
    pub lines: Vec<(Sku, u32)>,
}

/// All that was sold of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    /// Which stock code; the SKU is one price of it.
    pub stock_code: String,
    /// In words.
    pub description: String,
    /// What a unit cost.
    pub price: Money,
    /// Units over all invoices.
    pub units: u64,
}

impl Sold {
    /// What they cost together.
    pub fn amount_minor(&self) -> i128 {
        i128::from(self.price.amount_minor) * i128::from(self.units)
    }
}

/// The first invoices of a trace, ready to be bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Those with something to buy.
    pub invoices: Vec<Invoice>,
    /// What they sell.
    pub sold: BTreeMap<Sku, Sold>,
    /// What they don't.
    pub left_out: LeftOut,
}

impl Trace {
    /// Takes the first `invoices_max` invoices of these rows (0: all). Every SKU starts with
    /// `prefix`, so the same trace can be bought again in the same shop.
    pub fn take(
        rows: impl Iterator<Item = Result<Row, Error>>,
        invoices_max: usize,
        prefix: &str,
        currency: Currency,
    ) -> Result<Trace, Error> {
        let mut trace = Trace::default();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for row in rows {
            let row = row?;
            // The whole file is read, since an invoice's lines may stand apart.
            let at = match seen.get(&row.invoice_no) {
                Some(at) => *at,
                None if invoices_max > 0 && trace.invoices.len() == invoices_max => continue,
                None => {
                    let number = row.invoice_no.clone();
                    seen.insert(number.clone(), trace.invoices.len());
                    trace.invoices.push(Invoice { number, lines: Vec::new() });
                    trace.invoices.len() - 1
                }
            };
            let line = trace.line(&row, prefix, currency);
            if let (Some(line), Some(invoice)) = (line, trace.invoices.get_mut(at)) {
                invoice.lines.push(line);
            }
        }
        let all = trace.invoices.len();
        trace.invoices.retain(|invoice| !invoice.lines.is_empty());
        trace.left_out.empty_invoices =
            u64::try_from(all - trace.invoices.len()).unwrap_or(u64::MAX);
        Ok(trace)
    }

    /// Counts one row as sold or as left out.
    fn line(&mut self, row: &Row, prefix: &str, currency: Currency) -> Option<(Sku, u32)> {
        let left_out = &mut self.left_out;
        if row.is_cancellation() {
            left_out.cancellation_lines += 1;
            return None;
        }
        if row.quantity <= 0 {
            left_out.no_quantity_lines += 1;
            return None;
        }
        let Some(cents) = row.price_cents() else {
            left_out.no_price_lines += 1;
            return None;
        };
        let code = format!("{prefix}{}-{}.{:02}", row.stock_code, cents / 100, cents % 100);
        let (Some(sku), Ok(units)) = (Sku::parse(&code), u32::try_from(row.quantity)) else {
            left_out.unsellable_lines += 1;
            return None;
        };
        let sold = self.sold.entry(sku.clone()).or_insert_with(|| Sold {
            stock_code: row.stock_code.clone(),
            description: row.description.clone(),
            price: Money { amount_minor: cents, currency },
            units: 0,
        });
        sold.units += u64::from(units);
        Some((sku, units))
    }

    /// Lines over all invoices.
    pub fn lines(&self) -> usize {
        self.invoices.iter().map(|invoice| invoice.lines.len()).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// A cancellation, a gift, a return, half a cent, quotes, one invoice in two places, one SKU
    /// twice in an invoice, and a code with a space.
    pub(in super::super) const SALES: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,85123A,WHITE HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
1,71053,\"LANTERN, METAL\",6,2010-12-01 08:26:00,3.4,17850.0,United Kingdom
1,85123A,WHITE HOLDER,2,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C2,85123A,WHITE HOLDER,-6,2010-12-01 08:30:00,2.55,17850.0,United Kingdom
3,85123A,WHITE HOLDER,80995,2010-12-01 08:31:00,2.10,,United Kingdom
3,71053,GIFT,1,2010-12-01 08:31:00,0.0,,United Kingdom
3,71053,HALF A CENT,1,2010-12-01 08:31:00,0.001,,United Kingdom
4,71053,,-3,2010-12-01 08:32:00,0.0,,United Kingdom
1,BANK CHARGES,,1,2010-12-01 08:33:00,15,,United Kingdom
5,71053,LANTERN,1,2010-12-01 08:34:00,3.40,,United Kingdom
";

    pub(in super::super) fn gzipped(text: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    fn take(invoices_max: usize) -> Trace {
        let gbp = Currency::parse("GBP").unwrap();
        Trace::take(read_rows(&*gzipped(SALES)).unwrap(), invoices_max, "t-", gbp).unwrap()
    }

    #[test]
    fn decimals_become_cents_exactly_or_not_at_all() {
        for (text, cents) in [("2.55", 255), ("2.5", 250), ("15", 1500), ("0.0", 0), ("1.230", 123)]
        {
            assert_eq!(whole_cents(text), Some(cents), "{text}");
        }
        for text in ["0.001", "-1.00", "", ".5", "1e3", "1.2.3", "1,20", "99999999999999999999"] {
            assert_eq!(whole_cents(text), None, "{text}");
        }
    }

    #[test]
    fn every_row_is_sold_or_counted_as_left_out() {
        let trace = take(0);
        let left_out = LeftOut {
            cancellation_lines: 1,
            no_quantity_lines: 1,
            no_price_lines: 2,
            unsellable_lines: 0,
            empty_invoices: 2,
        };
        assert_eq!(trace.left_out, left_out);
        assert_eq!(trace.lines() + 4, SALES.lines().count() - 1);
        let sold: Vec<_> = trace.sold.iter().map(|(sku, s)| (sku.as_str(), s.units)).collect();
        let expected = [
            ("t-71053-3.40", 7),
            ("t-85123A-2.10", 80_995),
            ("t-85123A-2.55", 8),
            ("t-BANK CHARGES-15.00", 1),
        ];
        assert_eq!(sold, expected);
    }

    #[test]
    fn the_first_invoices_are_taken_whole_even_when_their_lines_stand_apart() {
        let trace = take(2);
        let numbers: Vec<_> = trace.invoices.iter().map(|i| (&*i.number, i.lines.len())).collect();
        assert_eq!(numbers, [("1", 4)], "the second is a cancellation");
        assert_eq!(trace.left_out.empty_invoices, 1);
    }

    #[test]
    fn a_file_that_is_no_trace_is_refused() {
        let plain = read_rows(SALES.as_bytes()).err().unwrap();
        assert!(plain.to_string().starts_with("not a file of sales"), "{plain}");
        let other = gzipped("a,b\n1,2\n");
        let error = read_rows(&*other).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(error.contains("InvoiceNo"), "{error}");
    }

    #[test]
    fn the_real_trace_is_read_to_its_end() {
        let Some(path) = std::env::var_os("DOORBUSTER_TRACE").map(PathBuf::from) else {
            eprintln!("skipped: set DOORBUSTER_TRACE to the online-retail file to run it");
            return;
        };
        let gbp = Currency::parse("GBP").unwrap();
        let trace = Trace::take(rows(&path).unwrap(), 0, "t-", gbp).unwrap();
        let left = &trace.left_out;
        let left_lines = left.cancellation_lines
            + left.no_quantity_lines
            + left.no_price_lines
            + left.unsellable_lines;
        let rows = rows(&path).unwrap().count();
        assert_eq!(trace.lines() as u64 + left_lines, rows as u64);
        // Counted once by other means.
        let counted = (trace.invoices.len(), trace.lines(), trace.sold.len());
        assert_eq!(counted, (12_495, 313_057, 13_215), "is this the file of 2010-12 to 2011-08?");
        let units: u64 = trace.sold.values().map(|sold| sold.units).sum();
        let bought = trace.invoices.iter().flat_map(|i| &i.lines);
        assert_eq!(units, bought.map(|(_, units)| u64::from(*units)).sum::<u64>());
    }
}
