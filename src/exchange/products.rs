//! The product CSV of the largest hosted platform: a product is one or several rows with the same
//! handle, of which the first says most.
//!
//! [`columns`] names what is read and written, [`cells`] says what a cell means, [`parse`] makes
//! products of rows and [`write`](mod@write) rows of products. Invariant: what is written is read
//! back as the same products.

pub mod cells;
pub mod codes;
pub mod columns;
pub mod parse;
#[cfg(test)]
mod tests;
mod variants;
pub mod write;

/// What the format calls the option of a product that has no options.
pub const NO_OPTION: &str = "Title";

/// What the format calls the variant of such a product.
pub const NO_TITLE: &str = "Default Title";

/// What tells a variant from its siblings when nobody says it better.
pub fn title_of(options: &[String]) -> String {
    options.join(" / ")
}
