//! Orders as a table: a line per item, for a spreadsheet.
//!
//! Invariant: no cell begins as a formula does.

use super::{Order, order::Item};
use crate::{
    domain::Money,
    exchange::{Error, output::unwritten, products::cells::price_text},
    shop::orders::Address,
};
use std::io::Write;

const HEADER: [&str; 15] = [
    "order_id",
    "placed_at",
    "status",
    "payment_status",
    "email",
    "name",
    "address",
    "sku",
    "title",
    "units",
    "price",
    "line_total",
    "order_total",
    "currency",
    "gift",
];

/// A table that is being written.
pub(super) struct Table<'o>(csv::Writer<&'o mut dyn Write>);

impl<'o> Table<'o> {
    pub(super) fn new(out: &'o mut dyn Write) -> Result<Table<'o>, Error> {
        let mut table = Table(csv::Writer::from_writer(out));
        table.line(&HEADER.map(str::to_owned))?;
        Ok(table)
    }

    /// One line per item; one without an item for an order that can't be read.
    pub(super) fn write(&mut self, order: &Order) -> Result<(), Error> {
        if order.items.is_empty() {
            return self.line(&cells(order, None));
        }
        order.items.iter().try_for_each(|item| self.line(&cells(order, Some(item))))
    }

    pub(super) fn end(mut self) -> Result<(), Error> {
        self.0.flush().map_err(|error| unwritten(&error))
    }

    fn line(&mut self, cells: &[String; 15]) -> Result<(), Error> {
        let guarded = cells.iter().map(|cell| guarded(cell));
        self.0.write_record(guarded).map_err(|error| unwritten(&error.into()))
    }
}

fn cells(order: &Order, item: Option<&Item>) -> [String; 15] {
    let amount = |money: Option<Money>| money.map(price_text).unwrap_or_default();
    let address = order.address.as_ref();
    let currency = order.total.map(|total| total.currency.to_string());
    [
        order.id.to_string(),
        order.placed_at.to_string(),
        order.status.clone(),
        order.payment_status.clone(),
        order.email.clone().unwrap_or_default(),
        address.map(|address| address.name.clone()).unwrap_or_default(),
        address.map(one_line).unwrap_or_default(),
        item.map(|item| item.sku.to_string()).unwrap_or_default(),
        item.map(|item| item.title.clone()).unwrap_or_default(),
        item.map(|item| item.units.to_string()).unwrap_or_default(),
        amount(item.map(|item| item.price)),
        amount(item.and_then(|item| item.total)),
        amount(order.total),
        currency.unwrap_or_default(),
        order.gift.is_some().to_string(),
    ]
}

fn one_line(address: &Address) -> String {
    let Address { line1, line2, city, region, postal_code, country, .. } = address;
    let parts = [Some(line1), line2.as_ref(), Some(city), region.as_ref(), Some(postal_code)];
    let parts = parts.into_iter().flatten().chain([country]);
    parts.filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What a spreadsheet would take for a formula gets an apostrophe.
fn guarded(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}
