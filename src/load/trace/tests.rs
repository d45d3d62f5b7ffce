//! What a file sells and what comes back of it, row by row.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// A cancellation of six of eight, a gift, a return, half a cent, quotes, one invoice in two places, one SKU
/// twice in an invoice, and a code with a space.
pub(in crate::load) const SALES: &str = "\
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
C6,71053,LANTERN,-7,2010-12-01 08:35:00,3.40,17850.0,United Kingdom
C7,71053,LANTERN,-2,2010-12-01 08:36:00,3.40,,United Kingdom
";

pub(in crate::load) fn gzipped(text: &str) -> Vec<u8> {
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
    for (text, cents) in [("2.55", 255), ("2.5", 250), ("15", 1500), ("0.0", 0), ("1.230", 123)] {
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
        cancellation_units: 3,
        no_quantity_lines: 1,
        no_price_lines: 2,
        unsellable_lines: 0,
        empty_invoices: 2,
    };
    assert_eq!(trace.left_out, left_out);
    assert_eq!(trace.return_lines, 2);
    assert_eq!(trace.lines() + 6, SALES.lines().count() - 1);
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
fn what_comes_back_was_bought_before_by_the_same_customer() {
    let trace = take(0);
    let sku = |code: &str| Sku::parse(code).unwrap();
    let back =
        |number: &str, line| Return { number: number.to_owned(), invoice: 0, lines: vec![line] };
    // The seventh lantern that C6 cancels, and both of C7, nobody known has bought.
    let returns = [back("C2", (sku("t-85123A-2.55"), 6)), back("C6", (sku("t-71053-3.40"), 6))];
    assert_eq!(trace.returns, returns);
    assert_eq!(trace.sold[&sku("t-71053-3.40")].returned, 6);
    let deeds: Vec<_> = trace.deeds.iter().map(|(deed, _)| *deed).collect();
    let (buy, back) = (Deed::Buy, Deed::Return);
    assert_eq!(deeds, [buy(0), back(0), buy(1), buy(2), back(1)]);
    let first = trace.deeds[0].1;
    let seconds: Vec<_> = trace.deeds.iter().map(|(_, at_s)| at_s - first).collect();
    assert_eq!(seconds, [0, 240, 300, 480, 540]);
}

#[test]
fn the_first_invoices_are_taken_whole_even_when_their_lines_stand_apart() {
    let trace = take(2);
    let numbers: Vec<_> = trace.invoices.iter().map(|i| (&*i.number, i.lines.len())).collect();
    assert_eq!(numbers, [("1", 4)], "the second is a cancellation");
    assert_eq!((trace.left_out.empty_invoices, trace.returns.len()), (0, 1));
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
    assert_eq!(trace.lines() as u64 + trace.return_lines + left_lines, rows as u64);
    // Counted once by other means.
    let counted = (trace.invoices.len(), trace.lines(), trace.sold.len());
    assert_eq!(counted, (12_495, 313_057, 13_215), "is this the file of 2010-12 to 2011-08?");
    let back = trace.returns.iter().flat_map(|back| &back.lines);
    let back: u64 = back.map(|(_, units)| u64::from(*units)).sum();
    let counted = (trace.returns.len(), trace.return_lines, back, left.cancellation_units);
    assert_eq!(counted, (2_270, 4_324, 125_225, 24_177));
    assert_eq!(trace.sold.values().map(|sold| sold.returned).sum::<u64>(), back);
    let units: u64 = trace.sold.values().map(|sold| sold.units).sum();
    let bought = trace.invoices.iter().flat_map(|i| &i.lines);
    assert_eq!(units, bought.map(|(_, units)| u64::from(*units)).sum::<u64>());
}
