//! What the payment provider was asked for, read from its own books.

use std::{collections::BTreeMap, fs, path::Path};

/// What the provider's own books say of one order.
#[derive(Clone, Debug, Default)]
pub(in crate::shop::tests) struct Paid {
    pub(in crate::shop::tests) authorised: bool,
    pub(in crate::shop::tests) voided: bool,
    pub(in crate::shop::tests) captures: u32,
    /// Captured and not refunded.
    pub(in crate::shop::tests) kept: i64,
}

impl Paid {
    /// Read as anybody would who has only the file.
    pub(in crate::shop::tests) fn read(books: &Path) -> BTreeMap<String, Paid> {
        let mut all: BTreeMap<String, Paid> = BTreeMap::new();
        for line in fs::read_to_string(books).unwrap_or_default().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let paid = all.entry(line["order"].as_str().unwrap().to_owned()).or_default();
            let amount = line["amount"]["amount_minor"].as_i64().unwrap();
            match (line["step"].as_str().unwrap(), line["outcome"].as_str()) {
                ("authorise", Some("approved")) => paid.authorised = true,
                ("void", Some("approved")) => paid.voided = true,
                ("capture", Some("approved")) => {
                    paid.captures += 1;
                    paid.kept += amount;
                }
                (step, Some("approved")) if step.starts_with("refund") => paid.kept -= amount,
                _ => {}
            }
        }
        all
    }
}
