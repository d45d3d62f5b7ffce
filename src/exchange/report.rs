//! What came of a file: every complaint with its place, and the counts.
//!
//! Invariant: an error is a row or product of which something did not go in as it stands; a notice
//! is worth knowing and changes no exit code.

use serde::Serialize;
use std::fmt;

/// Something to say about a place of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Issue {
    /// On which line its row begins.
    pub line: u64,
    /// Which column from 1; 0 for the row.
    pub column: usize,
    /// What the column is called; empty for the row.
    pub name: String,
    /// What is wrong.
    pub what: String,
}

impl Issue {
    /// About a whole row.
    pub fn row(line: u64, what: impl Into<String>) -> Issue {
        Issue { line, column: 0, name: String::new(), what: what.into() }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.line)?;
        if self.column > 0 {
            write!(f, "{} ({}):", self.column, self.name)?;
        }
        write!(f, " {}", self.what)
    }
}

/// What became of the products of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New in the store.
    pub made: u64,
    /// Different from what the store held.
    pub changed: u64,
    /// As the store holds them already.
    pub unchanged: u64,
    /// Not taken in.
    pub skipped: u64,
}

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Which file.
    pub file: String,
    /// Nothing was changed: this is what would have come of it.
    pub dry_run: bool,
    /// Rows that are not blank.
    pub rows: u64,
    /// What became of the products.
    pub products: Counts,
    /// Of the products that are in the store now.
    pub variants: u64,
    /// Received, of SKUs that are new.
    pub units_received: u64,
    /// What did not go in as it stands.
    pub errors: Vec<Issue>,
    /// What is worth knowing.
    pub notices: Vec<Issue>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { made, changed, unchanged, skipped } = self.products;
        let (rows, errors) = (self.rows, self.errors.len());
        let would = if self.dry_run { "would be " } else { "" };
        writeln!(
            f,
            "{}: {rows} rows, {} products: {would}{made} made, {changed} changed, {unchanged} \
             unchanged, {skipped} skipped",
            self.file,
            made + changed + unchanged + skipped,
        )?;
        let (variants, units) = (self.variants, self.units_received);
        write!(f, "{variants} variants, {units} units received, {errors} errors")
    }
}
