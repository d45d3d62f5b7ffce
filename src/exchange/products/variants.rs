//! One row's variant.
//!
//! Invariant: everything that is wrong with a row is said at once, not one thing per run.

use super::{NO_TITLE, cells, codes, columns::Column, parse::Product, parse::Reader, title_of};
use crate::{
    domain::{Currency, Money, Sku, product::Variant},
    exchange::sheet::Row,
};

/// Whether a row has a variant: some have a picture only.
pub(super) fn is_one(reader: &Reader<'_>, row: &Row) -> bool {
    let says = |column| !reader.text(row, column).trim().is_empty();
    let options = 1..=reader.columns().most_options();
    says(Column::Sku)
        || says(Column::Price)
        || options.into_iter().any(|number| says(Column::OptionValue(number)))
}

/// The variant, and whether its code is made up; `None` when something is wrong with it.
pub(super) fn read(
    reader: &mut Reader<'_>,
    row: &Row,
    product: &Product,
) -> Option<(Variant, bool)> {
    let options = options(reader, row, &product.spec.options);
    let price = price(reader, row);
    let weight_g = reader.read(row, Column::Grams, cells::grams);
    let units = reader.read(row, Column::Qty, cells::units);
    let given = reader.text(row, Column::Sku).trim();
    let code = if given.is_empty() { Some(None) } else { code(reader, row, given).map(Some) };
    let (options, (price, compare_at), weight_g) = (options?, price?, weight_g?);
    let (units, code) = (units?, code?);
    if units < 0 {
        reader.wrong(row, Column::Qty, format!("{units} units are on hand: taken as 0"));
    }
    let title = title(reader, row, &options);
    let made_up = code.is_none();
    let code = code.or_else(|| codes::plain(&product.handle, &words(&title, &options)));
    let Some(sku) = code else {
        reader.wrong(row, Column::Sku, "is missing, and none can be made of the handle");
        return None;
    };
    let barcode = cells::barcode(reader.text(row, Column::Barcode));
    let image = reader.text(row, Column::VariantImage).trim();
    let image = (!image.is_empty()).then(|| image.to_owned());
    let units = u64::try_from(units).unwrap_or(0);
    let variant =
        Variant { sku, title, price, compare_at, options, barcode, image, weight_g, units };
    Some((variant, made_up))
}

/// What a made-up code is made of beside the handle.
pub(super) fn words(title: &str, options: &[String]) -> Vec<String> {
    if options.is_empty() && !title.is_empty() { vec![title.to_owned()] } else { options.into() }
}

/// A value for each option of the product.
fn options(reader: &mut Reader<'_>, row: &Row, names: &[String]) -> Option<Vec<String>> {
    let mut values = vec![];
    let mut sound = true;
    let numbers = 1..=names.len();
    let mut said = numbers.map(|number| reader.text(row, Column::OptionValue(number)));
    if has_titles(reader) && said.all(str::is_empty) {
        return Some(values);
    }
    for number in 1..=reader.columns().most_options() {
        let column = Column::OptionValue(number);
        let value = reader.text(row, column).to_owned();
        match names.get(number - 1) {
            Some(name) if value.trim().is_empty() => {
                reader.wrong(row, column, format!("is missing: which {name} is it?"));
                sound = false;
            }
            Some(_) => values.push(value),
            // The one value of a product without options is a title.
            None if value.is_empty() || (names.is_empty() && number == 1) => {}
            None => {
                reader.wrong(
                    row,
                    column,
                    format!("is '{value}', but the product names no such option"),
                );
                sound = false;
            }
        }
    }
    sound.then_some(values)
}

/// Whether titles have a column of their own; then a variant may do without options.
fn has_titles(reader: &Reader<'_>) -> bool {
    reader.columns().place(Column::VariantTitle).is_some()
}

fn title(reader: &Reader<'_>, row: &Row, options: &[String]) -> String {
    if has_titles(reader) {
        return reader.text(row, Column::VariantTitle).to_owned();
    }
    if !options.is_empty() {
        return title_of(options);
    }
    let shown = reader.text(row, Column::OptionValue(1));
    if shown == NO_TITLE { String::new() } else { shown.to_owned() }
}

/// What it costs, and what it cost before.
fn price(reader: &mut Reader<'_>, row: &Row) -> Option<(Money, Option<Money>)> {
    let default = reader.currency;
    let currency = reader.read(row, Column::Currency, |text| match text.trim() {
        "" => Ok(default),
        code => Currency::parse(code).ok_or_else(|| format!("'{code}' is no ISO 4217 currency")),
    })?;
    let price = reader.read(row, Column::Price, |text| cells::price(text, currency));
    let compare_at = reader.read(row, Column::CompareAt, |text| {
        let said = Some(text).filter(|text| !text.trim().is_empty());
        said.map(|text| cells::price(text, currency)).transpose()
    });
    Some((price?, compare_at?))
}

fn code(reader: &mut Reader<'_>, row: &Row, given: &str) -> Option<Sku> {
    let sku = Sku::parse(given);
    if sku.is_none() {
        let what = format!(
            "'{given}' is no SKU: at most {} bytes, without `@` and line breaks",
            Sku::MAX_BYTES
        );
        reader.wrong(row, Column::Sku, what);
    }
    sku
}
