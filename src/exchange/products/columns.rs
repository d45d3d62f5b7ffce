//! The columns of the format, by name and place.
//!
//! Names are compared without regard to case, and the newer names that the platform gives to the
//! same columns are known. Invariant: columns may come in any order.

use crate::exchange::{Error, sheet::Sheet};
use std::collections::BTreeMap;

/// The header that is written: that of the platform's own sample files.
pub const HEADER: [&str; 46] = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Fulfillment Service",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "SEO Description",
    "Google Shopping / Google Product Category",
    "Google Shopping / Gender",
    "Google Shopping / Age Group",
    "Google Shopping / MPN",
    "Google Shopping / AdWords Grouping",
    "Google Shopping / AdWords Labels",
    "Google Shopping / Condition",
    "Google Shopping / Custom Product",
    "Google Shopping / Custom Label 0",
    "Google Shopping / Custom Label 1",
    "Google Shopping / Custom Label 2",
    "Google Shopping / Custom Label 3",
    "Google Shopping / Custom Label 4",
    "Variant Image",
    "Variant Weight Unit",
    "Variant Tax Code",
];

/// What the platform writes where nobody said anything: leaving it out loses nothing.
const USUAL: [(&str, &[&str]); 6] = [
    ("variant inventory tracker", &["shopify"]),
    ("variant inventory policy", &["deny"]),
    ("variant fulfillment service", &["manual"]),
    ("variant requires shipping", &["true"]),
    ("variant taxable", &["true"]),
    ("gift card", &["false"]),
];

/// More options than any product has.
pub const MOST_OPTIONS: usize = 100;

/// What is read of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is described by its name in the format")]
pub enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    ProductCategory,
    Type,
    Tags,
    Published,
    Status,
    /// Counted from 1.
    OptionName(usize),
    /// Counted from 1.
    OptionValue(usize),
    Sku,
    Grams,
    Qty,
    Price,
    CompareAt,
    Barcode,
    ImageSrc,
    ImagePosition,
    ImageAlt,
    GoogleCategory,
    VariantImage,
    /// Not the platform's: only for display there, and ignored.
    WeightUnit,
    /// Not the platform's: a variant's title where it is not its options.
    VariantTitle,
    /// Not the platform's: what the prices of a row are counted in.
    Currency,
}

/// A file can't do without these.
const NEEDED: [Column; 3] = [Column::Handle, Column::Title, Column::Price];

impl Column {
    /// What the format calls it.
    pub fn name(self) -> String {
        let name = match self {
            Column::Handle => "Handle",
            Column::Title => "Title",
            Column::Body => "Body (HTML)",
            Column::Vendor => "Vendor",
            Column::ProductCategory => "Product Category",
            Column::Type => "Type",
            Column::Tags => "Tags",
            Column::Published => "Published",
            Column::Status => "Status",
            Column::OptionName(number) => return format!("Option{number} Name"),
            Column::OptionValue(number) => return format!("Option{number} Value"),
            Column::Sku => "Variant SKU",
            Column::Grams => "Variant Grams",
            Column::Qty => "Variant Inventory Qty",
            Column::Price => "Variant Price",
            Column::CompareAt => "Variant Compare At Price",
            Column::Barcode => "Variant Barcode",
            Column::ImageSrc => "Image Src",
            Column::ImagePosition => "Image Position",
            Column::ImageAlt => "Image Alt Text",
            Column::GoogleCategory => "Google Shopping / Google Product Category",
            Column::VariantImage => "Variant Image",
            Column::WeightUnit => "Variant Weight Unit",
            Column::VariantTitle => "Variant Title",
            Column::Currency => "Currency",
        };
        name.to_owned()
    }

    /// `None` for a column that is not read.
    pub fn named(name: &str) -> Option<Column> {
        let name = name.trim().to_lowercase();
        if let Some((number, what)) = name.strip_prefix("option").and_then(|n| n.split_once(' ')) {
            let number = number.parse().ok().filter(|n| (1..=MOST_OPTIONS).contains(n))?;
            return match what {
                "name" => Some(Column::OptionName(number)),
                "value" => Some(Column::OptionValue(number)),
                _ => None,
            };
        }
        let found = match name.as_str() {
            "handle" | "url handle" => Column::Handle,
            "title" => Column::Title,
            "body (html)" | "body html" | "description" => Column::Body,
            "vendor" => Column::Vendor,
            "product category" => Column::ProductCategory,
            "type" => Column::Type,
            "tags" => Column::Tags,
            "published" | "published on online store" => Column::Published,
            "status" => Column::Status,
            "variant sku" | "sku" => Column::Sku,
            "variant grams" | "weight value (grams)" => Column::Grams,
            "variant inventory qty" | "inventory quantity" => Column::Qty,
            "variant price" | "price" => Column::Price,
            "variant compare at price" | "compare-at price" => Column::CompareAt,
            "variant barcode" | "barcode" => Column::Barcode,
            "image src" | "product image url" => Column::ImageSrc,
            "image position" => Column::ImagePosition,
            "image alt text" => Column::ImageAlt,
            "google shopping / google product category" => Column::GoogleCategory,
            "variant image" | "variant image url" => Column::VariantImage,
            "variant weight unit" | "weight unit for display" => Column::WeightUnit,
            "variant title" => Column::VariantTitle,
            "currency" => Column::Currency,
            _ => return None,
        };
        Some(found)
    }
}

/// Where the columns of a file stand.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    places: BTreeMap<Column, usize>,
    /// Columns that are not read.
    others: Vec<usize>,
}

impl Columns {
    /// The first of two columns of one name counts.
    ///
    /// # Errors
    /// Columns are missing that no product can do without: names all of them.
    pub fn of(sheet: &Sheet) -> Result<Columns, Error> {
        let mut columns = Columns { places: BTreeMap::new(), others: vec![] };
        for (place, name) in sheet.header.iter().enumerate() {
            match Column::named(name).filter(|column| !columns.places.contains_key(column)) {
                Some(column) => drop(columns.places.insert(column, place)),
                None => columns.others.push(place),
            }
        }
        let missing = NEEDED.iter().filter(|column| !columns.places.contains_key(column));
        let missing: Vec<String> = missing.map(|column| column.name()).collect();
        if missing.is_empty() {
            return Ok(columns);
        }
        let (plural, missing) = (if missing.len() > 1 { "s" } else { "" }, missing.join(", "));
        Err(Error(format!(
            "this is no product file: the column{plural} {missing} should be on its first line, \
             with commas between"
        )))
    }

    /// Where a column stands, from 0.
    pub fn place(&self, column: Column) -> Option<usize> {
        self.places.get(&column).copied()
    }

    /// The highest option that has a name or a value.
    pub fn most_options(&self) -> usize {
        let numbers = self.places.keys().filter_map(|column| {
            let (Column::OptionName(number) | Column::OptionValue(number)) = column else {
                return None;
            };
            Some(*number)
        });
        numbers.max().unwrap_or(0)
    }

    /// Names of columns that hold something that is not read.
    pub fn ignored<'s>(&self, sheet: &'s Sheet) -> Vec<&'s str> {
        let named =
            self.others.iter().filter_map(|place| Some((*place, sheet.header.get(*place)?)));
        let says = |(place, name): &(usize, &String)| {
            let name = name.to_lowercase();
            let usual = USUAL.iter().find(|(known, _)| *known == name);
            let usual = usual.map_or(&[][..], |(_, usual)| usual);
            let says = |cell: &str| !cell.is_empty() && !usual.contains(&&*cell.to_lowercase());
            sheet.rows.iter().any(|row| says(row.cell(*place)))
        };
        named.filter(says).map(|(_, name)| name.as_str()).collect()
    }
}
