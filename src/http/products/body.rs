//! A product as JSON: as the admin writes it, and as everybody reads it.
//!
//! Invariant: one product has one body, whether it is read alone or in a list.

use crate::{
    domain::{
        Money, ProductId, Sku, Time,
        product::{Spec, Variant},
    },
    http::schemas::{
        Alt, CategoryPath, CountedUnits, Handle, Label, Name, Picture, ProductTitle, VariantTitle,
        Whole32,
    },
    shop::{Shop, catalogue::Product, lists::Listed},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A product as the admin writes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductToWrite)]
pub(in crate::http) struct Written {
    #[serde(default)]
    #[schema(value_type = Handle)]
    handle: String,
    #[schema(value_type = ProductTitle)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    #[schema(value_type = Label)]
    vendor: String,
    #[serde(default)]
    #[schema(value_type = CategoryPath)]
    category: String,
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 250)]
    tags: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Vec<Picture>, max_items = 250)]
    images: Vec<String>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Alt>)]
    image_alts: BTreeMap<String, String>,
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 3)]
    options: Vec<String>,
    #[schema(min_items = 1, max_items = 200)]
    variants: Vec<WrittenVariant>,
}

/// One of its SKUs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VariantToWrite)]
pub(super) struct WrittenVariant {
    sku: Sku,
    #[serde(default)]
    #[schema(value_type = VariantTitle)]
    title: String,
    price: Money,
    #[serde(default)]
    compare_at: Option<Money>,
    #[serde(default)]
    #[schema(value_type = Vec<Name>, max_items = 3)]
    options: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Label)]
    barcode: String,
    #[serde(default)]
    #[schema(value_type = Option<Picture>)]
    image: Option<String>,
    #[serde(default)]
    #[schema(value_type = Whole32)]
    weight_g: u32,
    #[serde(default)]
    #[schema(value_type = CountedUnits)]
    units: u64,
}

impl From<Written> for Spec {
    fn from(written: Written) -> Spec {
        let Written { handle, title, description, vendor, category, .. } = written;
        let Written { tags, images, image_alts, options, variants, .. } = written;
        let variants = variants.into_iter().map(|variant| {
            let WrittenVariant { sku, title, price, compare_at, options, .. } = variant;
            let WrittenVariant { barcode, image, weight_g, units, .. } = variant;
            Variant { sku, title, price, compare_at, options, barcode, image, weight_g, units }
        });
        let variants = variants.collect();
        Spec {
            handle,
            title,
            description,
            vendor,
            category,
            tags,
            images,
            image_alts,
            options,
            variants,
        }
    }
}

/// A product as everybody reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(in crate::http) struct ProductBody<'a> {
    id: ProductId,
    handle: &'a str,
    title: &'a str,
    description: &'a str,
    vendor: &'a str,
    category: &'a str,
    tags: &'a [String],
    images: &'a [String],
    image_alts: &'a BTreeMap<String, String>,
    options: &'a [String],
    variants: Vec<VariantBody<'a>>,
    archived: bool,
    /// Grows with each change of the product; stock has none.
    revision: u64,
    created_at: Time,
}

/// One of its SKUs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variant)]
pub(super) struct VariantBody<'a> {
    sku: &'a Sku,
    title: &'a str,
    price: Money,
    #[schema(required)]
    compare_at: Option<Money>,
    options: &'a [String],
    barcode: &'a str,
    #[schema(required)]
    image: Option<&'a str>,
    #[schema(value_type = Whole32)]
    weight_g: u32,
    /// Units anyone may reserve, as the stock board shows them.
    free: u64,
}

/// A product as its actor has it.
pub(super) fn body<'a>(shop: &Shop, product: &'a Product) -> Option<ProductBody<'a>> {
    let state = &product.state;
    let (revision, created_at) = (state.shown(), state.created_at()?);
    Some(of(shop, product.id, state.spec()?, (revision, state.archived(), created_at)))
}

/// A product as a list has it.
pub(super) fn listed<'a>(shop: &Shop, product: &'a Listed) -> ProductBody<'a> {
    let Listed { id, spec, revision, archived, created_at } = product;
    of(shop, *id, spec, (*revision, *archived, *created_at))
}

fn of<'a>(
    shop: &Shop,
    id: ProductId,
    spec: &'a Spec,
    (revision, archived, created_at): (u64, bool, Time),
) -> ProductBody<'a> {
    let variants = spec.variants.iter().map(|variant| VariantBody {
        sku: &variant.sku,
        title: &variant.title,
        price: variant.price,
        compare_at: variant.compare_at,
        options: &variant.options,
        barcode: &variant.barcode,
        image: variant.image.as_deref(),
        weight_g: variant.weight_g,
        free: shop.slot(variant.sku.as_str()).map_or(0, |slot| slot.posted().level.free),
    });
    ProductBody {
        id,
        handle: &spec.handle,
        title: &spec.title,
        description: &spec.description,
        vendor: &spec.vendor,
        category: &spec.category,
        tags: &spec.tags,
        images: &spec.images,
        image_alts: &spec.image_alts,
        options: &spec.options,
        variants: variants.collect(),
        archived,
        revision,
        created_at,
    }
}
