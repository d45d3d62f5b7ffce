//! The catalogue: everybody reads it, the admin changes it.

mod body;

pub(super) use self::body::{ProductBody, Written};

use self::body::{body, listed};
use super::{
    Door, etag,
    extract::Call,
    reply::{Answer, Page, Wanted, locate, mark_replayed},
};
use crate::{domain::ProductId, shop::catalogue::Product};
use axum::{http::StatusCode, response::Response};

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
    let limit = wanted.limit();
    let page = door.shop().products(wanted.cursor, limit).await?;
    let items = page.items.iter().map(|product| listed(door.shop(), product));
    let page = Page { items: items.collect(), next: page.next };
    Ok(etag::unless_known(call.headers(), etag::json(StatusCode::OK, None, &page)))
}

/// `GET /api/products/{id}`
pub async fn read(door: Door, mut call: Call) -> Answer {
    let product = door.shop().product(call.id().await?).await?;
    Ok(etag::unless_known(call.headers(), answer(&door, StatusCode::OK, &product)))
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
