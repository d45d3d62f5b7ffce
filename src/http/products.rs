//! The catalogue: everybody reads it, the admin changes it.

use super::{
    Door,
    extract::Call,
    openapi::schemas::{CountedUnits, ProductTitle, VariantTitle, Whole32},
    reply::{Answer, Page, Wanted, json, locate, mark_replayed},
};
use crate::{
    domain::{
        Money, ProductId, Sku, Time,
        product::{Spec, Variant},
    },
    shop::{Shop, catalogue::Product},
};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A product as the admin writes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductToWrite)]
pub(super) struct Written {
    #[serde(default)]
    handle: String,
    #[schema(value_type = ProductTitle)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    vendor: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    image_alts: BTreeMap<String, String>,
    #[serde(default)]
    options: Vec<String>,
    #[schema(min_items = 1, max_items = 200)]
    variants: Vec<WrittenVariant>,
}

/// One of its SKUs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VariantToWrite)]
struct WrittenVariant {
    sku: Sku,
    #[serde(default)]
    #[schema(value_type = VariantTitle)]
    title: String,
    price: Money,
    #[serde(default)]
    compare_at: Option<Money>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    barcode: String,
    #[serde(default)]
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
pub(super) struct ProductBody<'a> {
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
    created_at: Option<Time>,
}

/// One of its SKUs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variant)]
struct VariantBody<'a> {
    sku: &'a Sku,
    title: &'a str,
    price: Money,
    compare_at: Option<Money>,
    options: &'a [String],
    barcode: &'a str,
    image: Option<&'a str>,
    #[schema(value_type = Whole32)]
    weight_g: u32,
    /// Units anyone may reserve, as the stock board shows them.
    free: u64,
}

fn product_body<'a>(shop: &Shop, product: &'a Product) -> Option<ProductBody<'a>> {
    let (archived, created_at) = (product.state.archived(), product.state.created_at());
    Some(body_of(shop, product.id, product.state.spec()?, archived, created_at))
}

fn body_of<'a>(
    shop: &Shop,
    id: ProductId,
    spec: &'a Spec,
    archived: bool,
    created_at: Option<Time>,
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
        created_at,
    }
}

/// `POST /api/products`
pub async fn create(door: Door, call: Call) -> Answer {
    door.admin(call.headers())?;
    let written: Written = call.json()?;
    let product = door.shop().create_product(written.into(), call.key()?).await?;
    let mut response = json(StatusCode::CREATED, &product_body(door.shop(), &product));
    locate(&mut response, format!("/api/products/{}", product.id));
    mark_replayed(&mut response, product.replayed);
    Ok(response)
}

/// `GET /api/products`
pub async fn list(door: Door, call: Call) -> Answer {
    let wanted = Wanted::of(call.uri())?;
    let limit = wanted.limit();
    let page = door.shop().products(wanted.cursor, limit).await?;
    let items = page.items.iter().map(|product| {
        body_of(door.shop(), product.id, &product.spec, false, Some(product.created_at))
    });
    Ok(json(StatusCode::OK, &Page { items: items.collect(), next: page.next }))
}

/// `GET /api/products/{id}`
pub async fn read(door: Door, mut call: Call) -> Answer {
    let product = door.shop().product(call.id().await?).await?;
    Ok(json(StatusCode::OK, &product_body(door.shop(), &product)))
}

/// `PUT /api/products/{id}`
pub async fn update(door: Door, mut call: Call) -> Answer {
    let id: ProductId = call.id().await?;
    door.admin(call.headers())?;
    let written: Written = call.json()?;
    let product = door.shop().update_product(id, written.into(), None).await?;
    Ok(json(StatusCode::OK, &product_body(door.shop(), &product)))
}

/// `DELETE /api/products/{id}`
pub async fn archive(door: Door, mut call: Call) -> Answer {
    let id: ProductId = call.id().await?;
    door.admin(call.headers())?;
    let product = door.shop().archive_product(id).await?;
    Ok(json(StatusCode::OK, &product_body(door.shop(), &product)))
}
