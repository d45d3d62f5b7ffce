//! Rows become products; whatever is wrong with one is said with its line and column.
//!
//! Rows of one handle may stand anywhere. Invariants: a bad row takes only its own variant with it;
//! the same file gives the same products, codes included, in every run.

use super::{NO_OPTION, cells, codes, columns::Column, columns::Columns, variants};
use crate::{
    domain::{Currency, Sku, product::Spec},
    exchange::{
        Error,
        report::Issue,
        sheet::{Row, Sheet},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// A product as the file says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Which handle its rows have.
    pub handle: String,
    /// Where its first row begins.
    pub line: u64,
    /// All that is said of it.
    pub spec: Spec,
    /// Where each variant's row begins.
    pub variant_lines: Vec<u64>,
    /// Where each picture's row begins.
    pub image_lines: Vec<u64>,
    /// It is not for sale.
    pub archived: bool,
}

/// All products of a file, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// In the order of their first rows; each has a variant.
    pub products: Vec<Product>,
    /// Products that can't go in, or should not.
    pub skipped: u64,
    /// What can't go in as it stands.
    pub errors: Vec<Issue>,
    /// What is worth knowing.
    pub notices: Vec<Issue>,
    /// Where what is found wrong later can be named.
    pub places: Places,
}

/// Where the columns of a file stand, and what it calls them.
#[derive(Clone, Debug, Default)]
pub struct Places {
    columns: Columns,
    header: Vec<String>,
}

impl Places {
    /// About a cell.
    pub fn issue(&self, line: u64, column: Column, what: impl Into<String>) -> Issue {
        let place = self.columns.place(column);
        let name = place.and_then(|place| self.header.get(place));
        Issue {
            line,
            column: place.map_or(0, |place| place + 1),
            name: name.cloned().unwrap_or_else(|| column.name()),
            what: what.into(),
        }
    }
}

/// A product whose variants may have no codes of their own yet.
struct Draft {
    product: Product,
    /// Which codes are made up.
    made_up: Vec<bool>,
}

/// Prices without a currency of their own are of `currency`.
///
/// # Errors
/// The columns that every product needs are not there.
pub fn parse(sheet: &Sheet, currency: Currency) -> Result<Parsed, Error> {
    let places = Places { columns: Columns::of(sheet)?, header: sheet.header.clone() };
    let mut reader = Reader { sheet, places, currency, errors: vec![], notices: vec![] };
    reader.check_file();
    let groups = reader.groups();
    let all = groups.len();
    let drafts = groups.iter().filter_map(|(handle, rows)| reader.product(handle, rows));
    let drafts = drafts.collect();
    let products = reader.settle_codes(drafts);
    let Reader { places, mut errors, mut notices, .. } = reader;
    errors.sort();
    notices.sort();
    let skipped = all.saturating_sub(products.len()) as u64;
    Ok(Parsed { products, skipped, errors, notices, places })
}

/// Reads a file's cells and gathers what is wrong with them.
pub(super) struct Reader<'s> {
    sheet: &'s Sheet,
    places: Places,
    pub(super) currency: Currency,
    pub(super) errors: Vec<Issue>,
    notices: Vec<Issue>,
}

impl<'s> Reader<'s> {
    /// Empty where there is no such column.
    pub(super) fn text<'r>(&self, row: &'r Row, column: Column) -> &'r str {
        self.places.columns.place(column).map_or("", |place| row.cell(place))
    }

    /// Where a column stands.
    pub(super) fn columns(&self) -> &Columns {
        &self.places.columns
    }

    fn issue(&self, row: &Row, column: Column, what: impl Into<String>) -> Issue {
        self.places.issue(row.line, column, what)
    }

    pub(super) fn wrong(&mut self, row: &Row, column: Column, what: impl Into<String>) {
        let issue = self.issue(row, column, what);
        self.errors.push(issue);
    }

    /// What a cell means; what is wrong with it is kept.
    pub(super) fn read<T>(
        &mut self,
        row: &Row,
        column: Column,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let found = read(self.text(row, column));
        found.map_err(|what| self.wrong(row, column, what)).ok()
    }

    fn check_file(&mut self) {
        let ignored = self.places.columns.ignored(self.sheet);
        if !ignored.is_empty() {
            let what = format!("these columns are not taken over: {}", ignored.join(", "));
            self.notices.push(Issue::row(1, what));
        }
        if let Some(line) = self.sheet.unclosed {
            let what = "a quote opens in this row and never closes: it and all behind it are left \
                        out";
            self.errors.push(Issue::row(line, what));
        }
    }

    /// The rows of each handle, in the order of their first rows.
    fn groups(&mut self) -> Vec<(&'s str, Vec<&'s Row>)> {
        let mut groups: Vec<(&str, Vec<&Row>)> = vec![];
        let mut places = BTreeMap::new();
        let columns = self.sheet.header.len();
        for row in &self.sheet.rows {
            let handle = self.text(row, Column::Handle).trim();
            if row.width() > columns {
                let what = format!("has {} cells, but there are {columns} columns", row.width());
                self.errors.push(Issue::row(row.line, what));
            } else if handle.is_empty() {
                self.wrong(row, Column::Handle, "is missing: the row belongs to no product");
            } else {
                let place = *places.entry(handle).or_insert(groups.len());
                match groups.get_mut(place) {
                    Some((_, rows)) => rows.push(row),
                    None => groups.push((handle, vec![row])),
                }
            }
        }
        groups
    }

    fn product(&mut self, handle: &str, rows: &[&Row]) -> Option<Draft> {
        let first = *rows.first()?;
        let title = self.first(rows, Column::Title);
        if title.trim().is_empty() {
            self.wrong(first, Column::Title, "is missing: the product is not taken in");
        }
        let archived = self.archived(rows);
        let options = self.options(rows);
        let (archived, options) = (archived?, options?);
        let category = self.category(rows);
        let (images, image_alts) = self.images(rows);
        let (image_lines, images) = images.into_iter().unzip();
        let mut draft = Draft {
            product: Product {
                handle: handle.to_owned(),
                line: first.line,
                spec: Spec {
                    handle: handle.to_owned(),
                    title,
                    description: self.first(rows, Column::Body),
                    vendor: self.first(rows, Column::Vendor),
                    category,
                    tags: cells::tags(&self.first(rows, Column::Tags)),
                    images,
                    image_alts,
                    options,
                    variants: vec![],
                },
                variant_lines: vec![],
                image_lines,
                archived,
            },
            made_up: vec![],
        };
        for row in rows {
            if !variants::is_one(self, row) {
                continue;
            }
            if let Some((variant, made_up)) = variants::read(self, row, &draft.product) {
                draft.product.spec.variants.push(variant);
                draft.product.variant_lines.push(row.line);
                draft.made_up.push(made_up);
            }
        }
        Some(draft).filter(|draft| !draft.product.spec.title.trim().is_empty())
    }

    /// What the first row that says something says. One that says something else is told of.
    fn first(&mut self, rows: &[&Row], column: Column) -> String {
        let mut said = rows.iter().map(|row| (row, self.text(row, column)));
        let Some((row, text)) = said.find(|(_, text)| !text.is_empty()) else {
            return String::new();
        };
        let other = said.find(|(_, other)| !other.is_empty() && *other != text);
        if let Some((other, _)) = other {
            let what = format!("differs from that of line {}, which counts", row.line);
            let notice = self.issue(other, column, what);
            self.notices.push(notice);
        }
        text.to_owned()
    }

    /// Whether it is not for sale; `None` when it is not to go in.
    fn archived(&mut self, rows: &[&Row]) -> Option<bool> {
        let says = |column| {
            let said = rows.iter().find(|row| !self.text(row, column).trim().is_empty());
            said.or(rows.first()).copied()
        };
        let (published, status) = (says(Column::Published)?, says(Column::Status)?);
        let published = self.read(published, Column::Published, cells::flag);
        let standing = self.read(status, Column::Status, cells::status);
        match (published?, standing?) {
            (_, cells::Status::Draft) => {
                let what = "is draft: the product is not taken in";
                let notice = self.issue(status, Column::Status, what);
                self.notices.push(notice);
                None
            }
            (published, standing) => Some(!published || standing == cells::Status::Archived),
        }
    }

    /// The options' names; none for what has but one unnamed one.
    fn options(&mut self, rows: &[&Row]) -> Option<Vec<String>> {
        let most = self.places.columns.most_options();
        let name = |row: &Row, number| self.text(row, Column::OptionName(number)).to_owned();
        let names = |row: &Row| (1..=most).map(|number| name(row, number)).collect::<Vec<_>>();
        let named = rows.iter().map(|row| (*row, names(row)));
        let named = named.into_iter().find(|(_, names)| names.iter().any(|name| !name.is_empty()));
        let Some((row, mut names)) = named else { return Some(vec![]) };
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        if let Some(gap) = names.iter().position(String::is_empty) {
            let what = "is empty, but one behind it is not: the product is not taken in";
            self.wrong(row, Column::OptionName(gap + 1), what);
            return None;
        }
        Some(if names == [NO_OPTION] { vec![] } else { names })
    }

    /// The merchant's own word, else the platform's category, else the advertiser's.
    fn category(&mut self, rows: &[&Row]) -> String {
        let columns = [Column::Type, Column::ProductCategory, Column::GoogleCategory];
        let said = columns.map(|column| self.first(rows, column));
        // A number of somebody's taxonomy says nothing to people.
        let number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        said.into_iter().find(|text| !number(text)).unwrap_or_default()
    }

    /// Pictures with their lines, by position, then as they come; and what they show.
    fn images(&mut self, rows: &[&Row]) -> (Vec<(u64, String)>, BTreeMap<String, String>) {
        let mut images: Vec<(u32, &str, u64)> = vec![];
        let mut alts = BTreeMap::new();
        for row in rows {
            let image = self.text(row, Column::ImageSrc).trim();
            let alt = self.text(row, Column::ImageAlt);
            if !image.is_empty() {
                let position = self.read(row, Column::ImagePosition, position);
                images.push((position.unwrap_or(u32::MAX), image, row.line));
            }
            // The text of a row without a picture is about its variant's.
            let about =
                if image.is_empty() { self.text(row, Column::VariantImage).trim() } else { image };
            if !alt.is_empty() && !about.is_empty() {
                alts.insert(about.to_owned(), alt.to_owned());
            }
        }
        images.sort_by_key(|(position, ..)| *position);
        // Some tools say the picture again in each row.
        let mut seen = BTreeSet::new();
        images.retain(|(position, image, _)| seen.insert((*position, *image)));
        (images.into_iter().map(|(_, image, line)| (line, image.to_owned())).collect(), alts)
    }

    /// Gives every variant a code of its own, and takes out those without.
    fn settle_codes(&mut self, mut drafts: Vec<Draft>) -> Vec<Product> {
        tell_apart(&mut drafts);
        let mut all: Vec<(u64, Sku, bool)> = vec![];
        for Draft { product, made_up } in &drafts {
            let codes = product.spec.variants.iter().map(|variant| variant.sku.clone());
            let lines = product.variant_lines.iter().zip(codes).zip(made_up);
            all.extend(lines.map(|((line, sku), made_up)| (*line, sku, *made_up)));
        }
        all.sort();
        let mut first: BTreeMap<Sku, u64> = BTreeMap::new();
        for (line, sku, made_up) in all {
            let Some(known) = first.get(&sku) else {
                first.insert(sku, line);
                continue;
            };
            let column = if made_up { Column::OptionValue(1) } else { Column::Sku };
            let what = if made_up {
                format!("the options are those of line {known} (SKU {sku})")
            } else {
                format!("the SKU {sku} is that of line {known}")
            };
            let issue = self.places.issue(line, column, what);
            self.errors.push(issue);
        }
        let kept = drafts.into_iter().map(|Draft { mut product, .. }| {
            let variants = std::mem::take(&mut product.spec.variants).into_iter();
            let lines = std::mem::take(&mut product.variant_lines).into_iter();
            let kept = variants.zip(lines).filter(|(one, line)| first.get(&one.sku) == Some(line));
            (product.spec.variants, product.variant_lines) = kept.unzip();
            product
        });
        let (kept, empty): (Vec<_>, Vec<_>) =
            kept.partition(|product| !product.spec.variants.is_empty());
        let what = "no variant that can go in is left: the product is not taken in";
        self.errors.extend(empty.iter().map(|product| Issue::row(product.line, what)));
        kept
    }
}

fn position(text: &str) -> Result<u32, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(u32::MAX);
    }
    text.parse().map_err(|_| format!("'{text}' is not a position: the picture goes to the end"))
}

/// A made-up code that reads like another variant's gets a hash.
fn tell_apart(drafts: &mut [Draft]) {
    let shared = shared(drafts);
    for Draft { product, made_up } in drafts {
        let variants = product.spec.variants.iter_mut().zip(&*made_up);
        for (variant, _) in variants.filter(|(one, made_up)| **made_up && shared.contains(&one.sku))
        {
            let words = variants::words(&variant.title, &variant.options);
            if let Some(sku) = codes::hashed(&product.handle, &words) {
                variant.sku = sku;
            }
        }
    }
}

/// Codes that are made up of different words, or that some variant has of its own.
fn shared(drafts: &[Draft]) -> BTreeSet<Sku> {
    let mut first = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for Draft { product, made_up } in drafts {
        for (variant, made_up) in product.spec.variants.iter().zip(made_up) {
            let words = || variants::words(&variant.title, &variant.options);
            let source = made_up.then(|| (&product.handle, words()));
            if *first.entry(&variant.sku).or_insert_with(|| source.clone()) != source {
                shared.insert(variant.sku.clone());
            }
        }
    }
    shared
}
