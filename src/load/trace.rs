//! Recorded sales: invoices read from a gzip CSV file, exactly.
//!
//! One row is one line of one invoice; cancellations and returns are invoices of their own whose
//! number starts with C, and are matched with what was bought before (`trace/purchases.rs`). Prices are
//! read as decimals into whole minor units, never through a float, and every row that is left out
//! is counted with its reason.

mod purchases;

use purchases::Purchases;

use crate::domain::{Currency, Money, Sku};
use chrono::NaiveDateTime;
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
    /// When, as `2010-12-01 08:26:00`; only a replay by the file's own time needs it.
    #[serde(default)]
    pub invoice_date: Option<String>,
    /// Who; without it nothing can be matched with what came back.
    #[serde(default, rename = "CustomerID")]
    pub customer_id: Option<String>,
}

impl Row {
    /// Whether the invoice takes an earlier sale back.
    pub fn is_cancellation(&self) -> bool {
        self.invoice_no.starts_with('C')
    }

    /// Seconds since 1970; `None` without a date that reads.
    fn at_s(&self) -> Option<i64> {
        let text = self.invoice_date.as_deref()?;
        let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
        Some(at.and_utc().timestamp())
    }

    /// The SKU of its stock code at this price; `None` where none can be named so.
    fn sku(&self, prefix: &str, cents: i64) -> Option<Sku> {
        let code = &self.stock_code;
        Sku::parse(&format!("{prefix}{code}-{}.{:02}", cents / 100, cents % 100))
    }

    /// The price in whole cents; `None` when it is no positive whole number of them.
    pub fn price_cents(&self) -> Option<i64> {
        whole_cents(&self.unit_price).filter(|cents| *cents > 0)
    }
}

/// Units that come back, by when (the later of both invoices), cancelling invoice and invoice that
/// they were bought on.
type Back = BTreeMap<(usize, usize, usize), BTreeMap<Sku, u32>>;

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
    /// Lines of cancelling invoices that take nothing back that the same customer bought before.
    pub cancellation_lines: u64,
    /// Their units, and those of other lines beyond what was bought before.
    pub cancellation_units: u64,
    /// Lines without a positive quantity.
    pub no_quantity_lines: u64,
    /// Lines whose price is no positive whole number of cents.
    pub no_price_lines: u64,
    /// Lines that no shop can sell: more than 4,294,967,295 units, a stock code no SKU can hold.
    pub unsellable_lines: u64,
    /// Invoices of which nothing was left to buy or to take back.
    pub empty_invoices: u64,
}

/// One invoice as a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its number.
    pub number: String,
    /// Its lines, in the file's order; a SKU may stand in several.
    pub lines: Vec<(Sku, u32)>,
    /// When, in seconds since 1970.
    at_s: Option<i64>,
}

/// What a cancelling invoice takes back of one earlier invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// The cancelling invoice's number.
    pub number: String,
    /// Which of the trace's invoices it was bought on.
    pub invoice: usize,
    /// One line for each SKU.
    pub lines: Vec<(Sku, u32)>,
}

/// What happens in a trace, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// This invoice is bought.
    Buy(usize),
    /// This return is brought back; what it was bought on stands before it.
    Return(usize),
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
    /// Those of them that came back.
    pub returned: u64,
}

impl Sold {
    /// What so many of them cost.
    pub fn amount_minor(&self, units: u64) -> i128 {
        i128::from(self.price.amount_minor) * i128::from(units)
    }
}

/// The first invoices of a trace, ready to be bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Those with something to buy.
    pub invoices: Vec<Invoice>,
    /// What comes back of them.
    pub returns: Vec<Return>,
    /// Lines of the file that these returns are made of.
    pub return_lines: u64,
    /// All of it in the file's order, and when: seconds since 1970, never going back.
    pub deeds: Vec<(Deed, i64)>,
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
        let (mut purchases, mut back) = (Purchases::default(), Back::default());
        for row in rows {
            let row = row?;
            // The whole file is read, since an invoice's lines may stand apart.
            let at = match seen.get(&row.invoice_no) {
                Some(at) => *at,
                None if invoices_max > 0 && trace.invoices.len() == invoices_max => continue,
                None => {
                    let (number, at_s) = (row.invoice_no.clone(), row.at_s());
                    seen.insert(number.clone(), trace.invoices.len());
                    trace.invoices.push(Invoice { number, lines: Vec::new(), at_s });
                    trace.invoices.len() - 1
                }
            };
            if row.is_cancellation() {
                trace.take_back(&row, at, prefix, &mut purchases, &mut back);
                continue;
            }
            let line = trace.line(&row, prefix, currency);
            if let (Some((sku, units)), Some(invoice)) = (line, trace.invoices.get_mut(at)) {
                if let Some(customer) = &row.customer_id {
                    purchases.note(customer, &sku, at, units);
                }
                invoice.lines.push((sku, units));
            }
        }
        trace.put_in_order(back);
        Ok(trace)
    }

    /// Matches one line of a cancelling invoice with what its customer bought before.
    fn take_back(
        &mut self,
        row: &Row,
        at: usize,
        prefix: &str,
        purchases: &mut Purchases,
        back: &mut Back,
    ) {
        let wanted = if row.quantity < 0 { row.quantity.unsigned_abs() } else { 0 };
        let sku = row.price_cents().and_then(|cents| row.sku(prefix, cents));
        let matched = match (&row.customer_id, &sku) {
            (Some(customer), Some(sku)) => purchases.take_back(customer, sku, wanted),
            _ => vec![],
        };
        let mut units_left = wanted;
        for (invoice, units) in &matched {
            let Some(sku) = &sku else { continue };
            let of_sku = back.entry((at.max(*invoice), at, *invoice)).or_default();
            *of_sku.entry(sku.clone()).or_default() += *units;
            units_left -= u64::from(*units);
            if let Some(sold) = self.sold.get_mut(sku) {
                sold.returned += u64::from(*units);
            }
        }
        self.left_out.cancellation_units += units_left;
        if matched.is_empty() {
            self.left_out.cancellation_lines += 1;
        } else {
            self.return_lines += 1;
        }
    }

    /// Lists what happens in the order of the file and drops the invoices that sell nothing.
    fn put_in_order(&mut self, mut back: Back) {
        let (mut kept, mut places) = (vec![], vec![]);
        let mut at_s = i64::MIN;
        for (index, invoice) in std::mem::take(&mut self.invoices).into_iter().enumerate() {
            at_s = at_s.max(invoice.at_s.unwrap_or(at_s));
            let later = back.split_off(&(index + 1, 0, 0));
            let due = std::mem::replace(&mut back, later);
            let number = invoice.number.clone();
            places.push(kept.len());
            if !invoice.lines.is_empty() {
                self.deeds.push((Deed::Buy(kept.len()), at_s));
                kept.push(invoice);
            } else if !due.keys().any(|(_, from, _)| *from == index) {
                self.left_out.empty_invoices += 1;
            }
            for ((.., bought), lines) in due {
                let Some(invoice) = places.get(bought).copied() else { continue };
                self.deeds.push((Deed::Return(self.returns.len()), at_s));
                let lines = lines.into_iter().collect();
                self.returns.push(Return { number: number.clone(), invoice, lines });
            }
        }
        self.invoices = kept;
    }

    /// Counts one row as sold or as left out.
    fn line(&mut self, row: &Row, prefix: &str, currency: Currency) -> Option<(Sku, u32)> {
        let left_out = &mut self.left_out;
        if row.quantity <= 0 {
            left_out.no_quantity_lines += 1;
            return None;
        }
        let Some(cents) = row.price_cents() else {
            left_out.no_price_lines += 1;
            return None;
        };
        let (Some(sku), Ok(units)) = (row.sku(prefix, cents), u32::try_from(row.quantity)) else {
            left_out.unsellable_lines += 1;
            return None;
        };
        let sold = self.sold.entry(sku.clone()).or_insert_with(|| Sold {
            stock_code: row.stock_code.clone(),
            description: row.description.clone(),
            price: Money { amount_minor: cents, currency },
            units: 0,
            returned: 0,
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
pub(super) mod tests;
