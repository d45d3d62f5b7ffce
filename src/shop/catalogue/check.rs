//! What a tidy spec must be, field by field.
//!
//! Invariant: each complaint names the field by its JSON pointer in the body that an admin sends.

use super::Error;
use crate::domain::{
    Money, ProductId,
    product::{Spec, Variant, category, is_handle},
    sku::MAX_UNITS,
};
use std::collections::BTreeSet;

/// Most variants of one product.
pub const MAX_VARIANTS: usize = 200;

/// Longest title of a variant, in characters: every line of a cart carries it.
pub const MAX_VARIANT_TITLE: usize = 300;

/// Longest title of a product, in characters.
pub const MAX_TITLE: usize = 500;

/// The most that a unit may cost, in minor units: a line of a cart never overflows, and any
/// language can read it exactly.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;

/// Longest vendor, tag, option, value and barcode, in characters.
pub const MAX_NAME: usize = 255;

/// Longest name of a category, in characters.
pub const MAX_CATEGORY: usize = 100;

/// The deepest place in the tree of categories.
pub const MAX_LEVELS: usize = 8;

/// Longest that may be said of a picture, in characters.
pub const MAX_ALT: usize = 512;

/// Longest description once it is clean, in bytes.
const MAX_DESCRIPTION: usize = 128 << 10;
const MAX_TAGS: usize = 250;
const MAX_IMAGES: usize = 250;
/// Longest address of a picture, in bytes.
const MAX_ADDRESS: usize = 2_048;
const MAX_OPTIONS: usize = 3;

type Checked = Result<(), Error>;

pub(super) fn check(spec: &Spec) -> Checked {
    if !spec.handle.is_empty() {
        handle(&spec.handle)?;
    }
    if spec.title.trim().is_empty() || spec.title.chars().nth(MAX_TITLE).is_some() {
        let why = format!("must have 1 to {MAX_TITLE} characters");
        return Err(Error::invalid("/title", why));
    }
    if spec.description.len() > MAX_DESCRIPTION {
        let why = format!("must have at most {MAX_DESCRIPTION} bytes once its signs are escaped");
        return Err(Error::invalid("/description", why));
    }
    no_longer("/vendor", &spec.vendor, MAX_NAME)?;
    place(&spec.category)?;
    at_most("/tags", spec.tags.len(), MAX_TAGS)?;
    for (index, tag) in spec.tags.iter().enumerate() {
        name(&format!("/tags/{index}"), tag)?;
    }
    pictures(spec)?;
    options(spec)?;
    variants(spec)
}

fn handle(handle: &str) -> Checked {
    let why = if !is_handle(handle) {
        "must be 1 to 255 bytes of lower-case letters, digits, `-` and `_`"
    } else if ProductId::parse(handle).is_some() {
        "must not look like a product's id"
    } else {
        return Ok(());
    };
    Err(Error::invalid("/handle", why))
}

fn place(path: &str) -> Checked {
    let why = if category::names(path).count() > MAX_LEVELS {
        format!("must have at most {MAX_LEVELS} levels")
    } else if category::names(path).any(|name| name.chars().count() > MAX_CATEGORY) {
        format!("each level must have at most {MAX_CATEGORY} characters")
    } else {
        return Ok(());
    };
    Err(Error::invalid("/category", why))
}

fn pictures(spec: &Spec) -> Checked {
    at_most("/images", spec.images.len(), MAX_IMAGES)?;
    for (index, image) in spec.images.iter().enumerate() {
        picture(format!("/images/{index}"), image)?;
    }
    let known = |image: &String| {
        let of_variant = |variant: &Variant| variant.image.as_ref() == Some(image);
        spec.images.contains(image) || spec.variants.iter().any(of_variant)
    };
    for (image, alt) in &spec.image_alts {
        let field = format!("/image_alts/{}", image.replace('~', "~0").replace('/', "~1"));
        if !known(image) {
            return Err(Error::invalid(field, "must be of one of the product's images"));
        }
        no_longer(&field, alt, MAX_ALT)?;
    }
    Ok(())
}

fn picture(field: String, address: &str) -> Checked {
    let of_web = |url: ammonia::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let fits = address.len() <= MAX_ADDRESS && address.trim() == address;
    if fits && ammonia::Url::parse(address).is_ok_and(of_web) {
        return Ok(());
    }
    let why = format!("must be an http or https address of at most {MAX_ADDRESS} bytes");
    Err(Error::invalid(field, why))
}

fn options(spec: &Spec) -> Checked {
    at_most("/options", spec.options.len(), MAX_OPTIONS)?;
    for (index, option) in spec.options.iter().enumerate() {
        let field = format!("/options/{index}");
        name(&field, option)?;
        if spec.options.iter().take(index).any(|other| other == option) {
            return Err(Error::invalid(field, "comes twice"));
        }
    }
    Ok(())
}

fn variants(spec: &Spec) -> Checked {
    if spec.variants.is_empty() || spec.variants.len() > MAX_VARIANTS {
        return Err(Error::invalid("/variants", format!("must be 1 to {MAX_VARIANTS}")));
    }
    let mut skus = BTreeSet::new();
    let currency = spec.variants.first().map(|variant| variant.price.currency);
    for (index, variant) in spec.variants.iter().enumerate() {
        let field = |name: &str| format!("/variants/{index}/{name}");
        if !skus.insert(&variant.sku) {
            return Err(Error::invalid(field("sku"), "comes twice"));
        }
        no_longer(&field("title"), &variant.title, MAX_VARIANT_TITLE)?;
        within(field("price/amount_minor"), variant.price)?;
        if Some(variant.price.currency) != currency {
            return Err(Error::invalid(field("price/currency"), "must be that of its siblings"));
        }
        if let Some(compare_at) = variant.compare_at {
            within(field("compare_at/amount_minor"), compare_at)?;
            if compare_at.currency != variant.price.currency {
                let why = "must be that of the price";
                return Err(Error::invalid(field("compare_at/currency"), why));
            }
        }
        let values = variant.options.len();
        if values > 0 && values != spec.options.len() {
            let why = format!("must be none, or a value for each of {}", spec.options.len());
            return Err(Error::invalid(field("options"), why));
        }
        for (place, value) in variant.options.iter().enumerate() {
            name(&field(&format!("options/{place}")), value)?;
        }
        no_longer(&field("barcode"), &variant.barcode, MAX_NAME)?;
        if let Some(image) = &variant.image {
            picture(field("image"), image)?;
        }
        if variant.units > MAX_UNITS {
            return Err(Error::invalid(field("units"), format!("must be at most {MAX_UNITS}")));
        }
    }
    Ok(())
}

fn within(field: String, money: Money) -> Checked {
    if (0..=MAX_AMOUNT_MINOR).contains(&money.amount_minor) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!("must be 0 to {MAX_AMOUNT_MINOR} minor units, such as cents"),
    ))
}

fn name(field: &str, text: &str) -> Checked {
    if text.is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    no_longer(field, text, MAX_NAME)
}

fn no_longer(field: &str, text: &str, most: usize) -> Checked {
    if text.chars().nth(most).is_none() {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must have at most {most} characters")))
}

fn at_most(field: &str, count: usize, most: usize) -> Checked {
    if count <= most {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be at most {most}")))
}
