//! Bare reservations of a SKU, for services that keep carts and orders of their own.
//!
//! The leanest change that the shop knows: one actor, one event, no cart. For the admin's token
//! alone, since whoever may reserve without a cart may empty the shop.

use super::{
    Door,
    extract::Call,
    problem::Problem,
    reply::{Answer, json, mark_replayed},
    schemas::ReservationStatus,
};
use crate::{
    domain::{
        Money, ReservationId, Sku, Time,
        sku::{Reservation, Standing},
    },
    shop::reservations::{Sale, Step, Wish},
};
use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A bare reservation as its service reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reservation)]
pub(super) struct ReservationBody<'a> {
    id: ReservationId,
    sku: &'a Sku,
    units: u32,
    price: Money,
    #[schema(value_type = ReservationStatus)]
    status: &'static str,
    /// When the units are free again; not for what is sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    /// What the units were sold for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

fn body<'a>(id: ReservationId, sku: &'a Sku, reservation: &'a Reservation) -> ReservationBody<'a> {
    let (status, until, reference) = match &reservation.standing {
        Standing::Reserved { until } => ("reserved", Some(*until), None),
        Standing::Sold { reference } => ("sold", None, Some(reference.as_str())),
    };
    let (units, price) = (reservation.units, reservation.price);
    ReservationBody { id, sku, units, price, status, until, reference }
}

fn stepped(status: StatusCode, id: ReservationId, sku: &Sku, step: &Step) -> Response {
    let mut response = json(status, &body(id, sku, &step.reservation));
    mark_replayed(&mut response, step.replayed);
    response
}

fn about(sku: &Sku) -> impl Fn(crate::shop::Error) -> Problem {
    move |error| Problem::from(error).about(sku)
}

/// `PUT /api/inventory/{sku}/reservations/{id}`
pub async fn reserve(door: Door, mut call: Call) -> Answer {
    let (sku, id): (Sku, ReservationId) = call.ids().await?;
    door.admin(call.headers())?;
    let wish: Wish = call.json()?;
    let step = door.shop().reserve(id, &sku, &wish).await.map_err(about(&sku))?;
    Ok(stepped(StatusCode::CREATED, id, &sku, &step))
}

/// `GET /api/inventory/{sku}/reservations/{id}`
pub async fn read(door: Door, mut call: Call) -> Answer {
    let (sku, id): (Sku, ReservationId) = call.ids().await?;
    door.admin(call.headers())?;
    let reservation = door.shop().reservation(id, &sku).await.map_err(about(&sku))?;
    Ok(json(StatusCode::OK, &body(id, &sku, &reservation)))
}

/// `DELETE /api/inventory/{sku}/reservations/{id}`
pub async fn release(door: Door, mut call: Call) -> Answer {
    let (sku, id): (Sku, ReservationId) = call.ids().await?;
    door.admin(call.headers())?;
    door.shop().release(id, &sku).await.map_err(about(&sku))?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `POST /api/inventory/{sku}/reservations/{id}/commit`
pub async fn commit(door: Door, mut call: Call) -> Answer {
    let (sku, id): (Sku, ReservationId) = call.ids().await?;
    door.admin(call.headers())?;
    let sale: Sale = call.json()?;
    let step = door.shop().commit(id, &sku, sale).await.map_err(about(&sku))?;
    Ok(stepped(StatusCode::OK, id, &sku, &step))
}
