//! A product before it goes anywhere: what the shop would refuse is taken out where that leaves
//! something worth having.
//!
//! Invariant: it is the shop's own rules that are asked, so a dry run says what a real one does.

use crate::{
    domain::product::Spec,
    exchange::{
        api::MOST_BODY_BYTES,
        products::{
            columns::Column,
            parse::{Places, Product},
        },
        report::Issue,
    },
    shop::{self, catalogue::accepted},
};

/// The product as the shop will keep it; `None` when nothing of it can go in.
pub(super) fn checked(
    product: Product,
    handle: String,
    places: &Places,
    issues: &mut Vec<Issue>,
) -> Option<Spec> {
    let Product { line, mut spec, mut variant_lines, mut image_lines, .. } = product;
    spec.handle = handle;
    let spec = loop {
        let (field, why) = match accepted(spec.clone()) {
            Ok(spec) => break spec,
            Err(shop::Error::Invalid { field, why }) => (field, why),
            Err(error) => {
                issues.push(Issue::row(line, error.to_string()));
                return None;
            }
        };
        let mut part = field.split('/').skip(1);
        let (list, index) = (part.next(), part.next().and_then(|index| index.parse().ok()));
        let bad = match (list, index) {
            (Some("variants"), Some(index)) if index < variant_lines.len() => {
                spec.variants.remove(index);
                Some(variant_lines.remove(index))
            }
            (Some("images"), Some(index)) if index < image_lines.len() => {
                let image = spec.images.remove(index);
                let shown = spec.variants.iter().any(|one| one.image.as_ref() == Some(&image));
                if !shown && !spec.images.contains(&image) {
                    spec.image_alts.remove(&image);
                }
                Some(image_lines.remove(index))
            }
            _ => None,
        };
        issues.push(match column(&field) {
            Some(column) => places.issue(bad.unwrap_or(line), column, why),
            None => Issue::row(bad.unwrap_or(line), format!("{field}: {why}")),
        });
        bad?;
        if spec.variants.is_empty() {
            let what = "no variant that can go in is left: the product is not taken in";
            issues.push(Issue::row(line, what));
            return None;
        }
    };
    let bytes = serde_json::to_vec(&spec).map_or(0, |body| body.len());
    if bytes > MOST_BODY_BYTES {
        let (kib, most) = (bytes.div_ceil(1 << 10), MOST_BODY_BYTES >> 10);
        let what = format!("the product has {kib} KiB as JSON, a server takes {most}: shorten it");
        issues.push(Issue::row(line, what));
        return None;
    }
    Some(spec)
}

/// Which column says the field of this JSON pointer.
pub(super) fn column(field: &str) -> Option<Column> {
    let mut parts = field.split('/').skip(1);
    let name = match parts.next()? {
        "variants" => parts.nth(1)?,
        other => other,
    };
    let column = match name {
        "handle" => Column::Handle,
        "title" => Column::Title,
        "description" => Column::Body,
        "vendor" => Column::Vendor,
        "category" => Column::Type,
        "tags" => Column::Tags,
        "images" => Column::ImageSrc,
        "image_alts" => Column::ImageAlt,
        "sku" => Column::Sku,
        "price" => Column::Price,
        "compare_at" => Column::CompareAt,
        "barcode" => Column::Barcode,
        "image" => Column::VariantImage,
        "weight_g" => Column::Grams,
        "units" => Column::Qty,
        "options" if field.starts_with("/options") => Column::OptionName(1),
        "options" => Column::OptionValue(1),
        _ => return None,
    };
    let of_variant = field.starts_with("/variants") && column == Column::Title;
    Some(if of_variant { Column::OptionValue(1) } else { column })
}
