//! Products become rows, in the platform's own columns and order.
//!
//! Columns of our own follow only where a product needs them: titles of variants that are not their
//! options, prices in another currency than US dollars. Invariant: the file reads back as the same
//! products.

use super::{
    NO_OPTION, NO_TITLE, cells,
    columns::{Column, HEADER},
    title_of,
};
use crate::domain::{
    ProductId, Sku,
    product::{Spec, Variant},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

/// What prices are in when a file does not say.
pub const USUAL_CURRENCY: &str = "USD";

/// A product to be written.
#[derive(Clone, Debug)]
pub struct Held {
    /// Stands for the handle where there is none.
    pub id: ProductId,
    /// All of it; `units` are those on hand.
    pub spec: Spec,
    /// It is not for sale.
    pub archived: bool,
}

impl Held {
    /// What its rows are called.
    pub fn handle(&self) -> String {
        if self.spec.handle.is_empty() { self.id.to_string() } else { self.spec.handle.clone() }
    }

    /// `units` for what is on hand.
    #[must_use]
    pub fn with_units(mut self, units: impl Fn(&Sku) -> u64) -> Held {
        for variant in &mut self.spec.variants {
            variant.units = units(&variant.sku);
        }
        self
    }
}

/// Writes a header and all products, by handle.
///
/// # Errors
/// `out` can't be written.
pub fn write(products: &mut [Held], out: impl Write) -> csv::Result<()> {
    products.sort_by_cached_key(|product| (product.handle(), product.id));
    let header = Header::of(products);
    let mut out = csv::Writer::from_writer(out);
    out.write_record(&header.names)?;
    for product in &*products {
        for row in header.rows(product) {
            out.write_record(row)?;
        }
    }
    Ok(out.flush()?)
}

struct Header {
    names: Vec<String>,
    /// Whether every variant's title is written.
    titles: bool,
}

impl Header {
    fn of(products: &[Held]) -> Header {
        let specs = products.iter().map(|product| &product.spec);
        let titles = specs.clone().any(has_odd_title);
        let variants = specs.flat_map(|spec| &spec.variants);
        let foreign = variants.into_iter().any(|one| one.price.currency.code() != USUAL_CURRENCY);
        let mut names: Vec<String> = HEADER.iter().map(ToString::to_string).collect();
        names.extend(titles.then(|| Column::VariantTitle.name()));
        names.extend(foreign.then(|| Column::Currency.name()));
        Header { names, titles }
    }

    fn rows(&self, product: &Held) -> Vec<Vec<String>> {
        let spec = &product.spec;
        let shown: BTreeSet<&String> = spec.images.iter().collect();
        let hidden: Vec<_> = spec.image_alts.iter().filter(|(of, _)| !shown.contains(of)).collect();
        let count = spec.variants.len().max(spec.images.len()).max(1);
        let mut rows = vec![];
        for index in 0..count {
            let mut row = Cells::default();
            row.put("Handle", product.handle());
            if index == 0 {
                first(&mut row, product);
            }
            if let Some(variant) = spec.variants.get(index) {
                self.variant(&mut row, spec, variant);
            }
            if let Some(image) = spec.images.get(index) {
                row.put("Image Src", image.clone());
                row.put("Image Position", (index + 1).to_string());
                row.put("Image Alt Text", spec.image_alts.get(image).cloned().unwrap_or_default());
            }
            rows.push(row);
        }
        // Texts of pictures that are a variant's only.
        for (image, alt) in hidden {
            let mut row = Cells::default();
            row.put("Handle", product.handle());
            row.put("Image Alt Text", alt.clone());
            row.put("Variant Image", image.clone());
            rows.push(row);
        }
        rows.into_iter().map(|row| row.under(&self.names)).collect()
    }

    fn variant(&self, row: &mut Cells, spec: &Spec, variant: &Variant) {
        for (index, value) in variant.options.iter().enumerate() {
            row.put(Column::OptionValue(index + 1).name(), value.clone());
        }
        if spec.options.is_empty() {
            let title = if variant.title.is_empty() { NO_TITLE } else { &variant.title };
            row.put("Option1 Value", title);
        }
        if self.titles {
            row.put(Column::VariantTitle.name(), variant.title.clone());
        }
        row.put("Variant SKU", variant.sku.as_str());
        row.put("Variant Grams", variant.weight_g.to_string());
        row.put("Variant Inventory Tracker", "shopify");
        row.put("Variant Inventory Qty", variant.units.to_string());
        row.put("Variant Inventory Policy", "deny");
        row.put("Variant Fulfillment Service", "manual");
        row.put("Variant Price", cells::price_text(variant.price));
        let compare_at = variant.compare_at.map(cells::price_text);
        row.put("Variant Compare At Price", compare_at.unwrap_or_default());
        row.put("Variant Requires Shipping", "true");
        row.put("Variant Taxable", "true");
        row.put("Variant Barcode", cells::barcode_text(&variant.barcode));
        row.put("Variant Image", variant.image.clone().unwrap_or_default());
        row.put("Variant Weight Unit", "g");
        row.put(Column::Currency.name(), variant.price.currency.code());
    }
}

/// What only the first row of a product says.
fn first(row: &mut Cells, product: &Held) {
    let spec = &product.spec;
    row.put("Title", spec.title.clone());
    row.put("Body (HTML)", spec.description.clone());
    row.put("Vendor", spec.vendor.clone());
    row.put("Type", spec.category.clone());
    row.put("Tags", cells::tags_text(&spec.tags));
    row.put("Published", (!product.archived).to_string());
    row.put("Gift Card", "false");
    for (index, name) in spec.options.iter().enumerate() {
        row.put(Column::OptionName(index + 1).name(), name.clone());
    }
    if spec.options.is_empty() {
        row.put("Option1 Name", NO_OPTION);
    }
}

/// A title that would not be read back from the other columns.
fn has_odd_title(spec: &Spec) -> bool {
    let odd = |variant: &Variant| {
        if spec.options.is_empty() {
            return variant.title == NO_TITLE;
        }
        variant.options.is_empty() || variant.title != title_of(&variant.options)
    };
    spec.variants.iter().any(odd)
}

/// One row's cells by column.
#[derive(Default)]
struct Cells(BTreeMap<String, String>);

impl Cells {
    fn put(&mut self, column: impl Into<String>, text: impl Into<String>) {
        self.0.insert(column.into(), text.into());
    }

    fn under(mut self, names: &[String]) -> Vec<String> {
        names.iter().map(|name| self.0.remove(name).unwrap_or_default()).collect()
    }
}
