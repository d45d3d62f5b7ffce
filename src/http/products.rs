//! The catalogue: everybody reads it, the admin changes it.

mod body;
mod wanted;

pub(super) use self::body::{ProductBody, Written};

use self::{
    body::{body, listed},
    wanted::Wanted,
};
use super::{
    Door,
    cached::Shown,
    coding, etag,
    extract::Call,
    problem::Problem,
    reply::{Answer, Page, bytes, locate, mark_replayed},
};
use crate::{
    domain::{ProductId, Sku, product::Spec},
    shop::{
        Shop,
        catalogue::Product,
        lists::{self, Category},
    },
};
use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

/// All categories that have products for sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Categories)]
pub(super) struct Tree {
    items: Vec<Category>,
}

/// `POST /api/products`
pub async fn create(door: Door, call: Call) -> Answer {
    door.admin(call.headers())?;
    let written: Written = call.json()?;
    let product = door.shop().create_product(written.into(), call.key()?).await?;
    let mut response = answer(&door, StatusCode::CREATED, &product);
    locate(&mut response, format!("/api/products/{}", product.id));
    Ok(response)
}

/// `GET /api/products`
pub async fn list(door: Door, call: Call) -> Answer {
    let wanted = Wanted::of(call.uri())?;
    if wanted.query.archived {
        door.admin(call.headers())?;
        let page = page(door.shop(), wanted).await?;
        return Ok(coding::once(call.headers(), page.encode(door.shop())));
    }
    if wanted.query.in_stock.is_some() {
        // Any unit of any product may bring it in, or take it out.
        return Ok(page(door.shop(), wanted).await?.answer_once(door.shop(), call.headers()));
    }
    door.cached(call, |shop, _| async move { page(&shop, wanted).await }).await
}

async fn page(shop: &Shop, wanted: Wanted) -> Result<Shown, Problem> {
    let Wanted { query, limit, cursor } = wanted;
    let lists::Page { items, next, current } =
        shop.products(query, cursor.as_deref(), limit).await?;
    let skus: Vec<Sku> = items.iter().flat_map(|product| skus_of(&product.spec)).collect();
    let page = move |shop: &Shop| {
        let items = items.iter().map(|product| listed(shop, product));
        bytes(&Page { items: items.collect(), next: next.clone() })
    };
    Ok(Shown::new(shop, skus.iter(), page).if_current(current))
}

/// `GET /api/categories`
pub async fn categories(door: Door, call: Call) -> Answer {
    let ask = |shop: Shop, _| async move {
        let lists::Page { items, current, .. } = shop.categories().await?;
        let tree = bytes(&Tree { items });
        Ok(Shown::new(&shop, [].into_iter(), move |_| tree.clone()).if_current(current))
    };
    door.cached(call, ask).await
}

/// `GET /api/products/{id}`
pub async fn read(door: Door, call: Call) -> Answer {
    let ask = |shop: Shop, mut call: Call| async move {
        let product = shop.product(call.id().await?).await?;
        let revision = product.state.shown();
        let skus: Vec<Sku> = product.state.spec().into_iter().flat_map(skus_of).collect();
        let body = move |shop: &Shop| bytes(&body(shop, &product));
        Ok(Shown::new(&shop, skus.iter(), body).of_revision(revision))
    };
    door.cached(call, ask).await
}

fn skus_of(spec: &Spec) -> impl Iterator<Item = Sku> {
    spec.variants.iter().map(|variant| variant.sku.clone())
}

/// `PUT /api/products/{id}`
pub async fn update(door: Door, mut call: Call) -> Answer {
    let id: ProductId = call.id().await?;
    door.admin(call.headers())?;
    let (written, at): (Written, _) = (call.json()?, etag::wanted_revision(call.headers())?);
    let product = door.shop().update_product(id, written.into(), at, None).await?;
    Ok(answer(&door, StatusCode::OK, &product))
}

/// `DELETE /api/products/{id}`
pub async fn archive(door: Door, mut call: Call) -> Answer {
    let id: ProductId = call.id().await?;
    door.admin(call.headers())?;
    let at = etag::wanted_revision(call.headers())?;
    let product = door.shop().archive_product(id, at).await?;
    Ok(answer(&door, StatusCode::OK, &product))
}

/// `POST /api/products/{id}/restore`
pub async fn restore(door: Door, mut call: Call) -> Answer {
    let id: ProductId = call.id().await?;
    door.admin(call.headers())?;
    let at = etag::wanted_revision(call.headers())?;
    let product = door.shop().restore_product(id, at, call.key()?).await?;
    Ok(answer(&door, StatusCode::OK, &product))
}

fn answer(door: &Door, status: StatusCode, product: &Product) -> Response {
    let body = body(door.shop(), product);
    let mut response = etag::json(status, Some(product.state.shown()), &body);
    mark_replayed(&mut response, product.replayed);
    response
}
