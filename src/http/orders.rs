//! An order as its buyer and the admin see it, and what they can do with it.

use super::{
    Door, coding,
    extract::Call,
    problem::{Problem, key_required},
    reply::{Answer, Page, Wanted, bytes, json, mark_replayed},
    schemas,
    text::{MAX_TEXT, check_text},
};
use crate::{
    domain::{
        By, Money, OrderId, Sku, Time,
        order::{Milestone, Payment, Status},
    },
    shop::{
        Access, Shop,
        lists::Ordered,
        orders::{Back, Contact, Gift, Order, Returned},
    },
};
use axum::{
    extract::Query,
    http::{StatusCode, Uri},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// What a list calls an order that is shut out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum ShutOut {
    Quarantined,
}

/// Where an order stands, as far as anybody can tell.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Standing {
    Known(Status),
    Unknown(ShutOut),
}

/// An order as its buyer reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderBody<'a> {
    id: OrderId,
    #[schema(value_type = schemas::Standing)]
    status: Standing,
    payment_status: Payment,
    needs_review: bool,
    items: Vec<ItemBody<'a>>,
    #[schema(value_type = Option<schemas::Amount>, required)]
    total: Option<Money>,
    #[schema(required)]
    gift: Option<Gift>,
    returns: Vec<ReturnBody<'a>>,
    #[schema(value_type = Vec<Milestone>)]
    timeline: Cow<'a, [Milestone]>,
    /// Who bought and where to send it: for the admin only, and `null` once the buyer is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Contact>)]
    #[expect(clippy::option_option, reason = "not for everybody, and not there: two things")]
    contact: Option<Option<Contact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
}

/// A line of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderItem)]
struct ItemBody<'a> {
    sku: &'a Sku,
    title: &'a str,
    units: u32,
    price: Money,
    #[schema(value_type = Option<schemas::Amount>, required)]
    total: Option<Money>,
}

/// Units of it that came back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Return)]
struct ReturnBody<'a> {
    #[schema(value_type = schemas::Whole32)]
    number: u32,
    at: Time,
    #[schema(value_type = Vec<Line>)]
    items: &'a [Back],
    #[schema(value_type = schemas::Amount)]
    amount: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    refunded: bool,
}

/// What came back, as the admin says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Parcel {
    #[schema(min_items = 1)]
    items: Vec<Line>,
    #[schema(value_type = Option<schemas::ReasonText>)]
    reason: Option<String>,
    #[serde(default = "yes")]
    restock: bool,
}

/// Units of one line that came back.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReturnLine)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: Sku,
    #[schema(value_type = schemas::BuyerLimit)]
    units: u32,
}

fn yes() -> bool {
    true
}

pub(super) fn order_body<'a>(
    shop: &Shop,
    order: &'a Order,
    access_token: Option<&'a str>,
) -> OrderBody<'a> {
    let state = &order.state;
    let items = state.placement().map_or(&[][..], |placement| &placement.items);
    let items = items.iter().map(|item| ItemBody {
        sku: &item.sku,
        title: &item.title,
        units: item.units,
        price: item.price,
        total: item.price.times(item.units),
    });
    let returns = state.returns().iter().map(|back| ReturnBody {
        number: back.number,
        at: back.at,
        items: &back.items,
        amount: back.amount,
        reason: back.reason.as_deref(),
        refunded: back.refunded,
    });
    OrderBody {
        id: order.id,
        status: Standing::Known(state.status()),
        payment_status: state.payment(),
        needs_review: state.needs_review(),
        items: items.collect(),
        total: state.placement().map(|placement| placement.total),
        gift: shop.gift(order),
        returns: returns.collect(),
        timeline: state.timeline().into(),
        contact: None,
        access_token,
    }
}

/// As the admin reads it: with the buyer's address.
fn admin_body<'a>(shop: &Shop, order: &'a Order) -> OrderBody<'a> {
    OrderBody { contact: Some(shop.contact(order)), ..order_body(shop, order, None) }
}

fn body_for<'a>(access: Access, shop: &Shop, order: &'a Order) -> OrderBody<'a> {
    match access {
        Access::Admin => admin_body(shop, order),
        Access::Order(_) => order_body(shop, order, None),
    }
}

/// What a list says of an order that can't be read: that it was placed, and that somebody has to
/// look after it.
fn shut_out_body<'a>(id: OrderId, at: Time) -> OrderBody<'a> {
    OrderBody {
        id,
        status: Standing::Unknown(ShutOut::Quarantined),
        payment_status: Payment::Unknown,
        needs_review: true,
        items: vec![],
        total: None,
        gift: None,
        returns: vec![],
        timeline: vec![Milestone { at, what: "placed".to_owned() }].into(),
        contact: Some(None),
        access_token: None,
    }
}

/// `GET /api/orders`, newest first; `?email=` for one buyer's.
pub async fn list(door: Door, call: Call) -> Answer {
    door.admin(call.headers())?;
    let Wanted { limit, cursor, only } = Wanted::filtered(call.uri(), Some("email"))?;
    let page = door.shop().orders(only.as_deref(), cursor, limit).await?;
    let items = page.items.iter().map(|Ordered { id, at, order }| match order {
        Some(order) => admin_body(door.shop(), order),
        None => shut_out_body(*id, *at),
    });
    let page = Page { items: items.collect(), next: page.next };
    Ok(coding::once(call.headers(), bytes(&page)))
}

/// `GET /api/orders/{id}`; `?token=` for a link, which can't say Order-Token.
pub async fn read(door: Door, mut call: Call) -> Answer {
    let id: OrderId = call.id().await?;
    let token = token_in(call.uri());
    let access = door.order_access(id, call.headers(), token.as_deref())?;
    let order = door.shop().order_by_id(id).await?;
    Ok(json(StatusCode::OK, &body_for(access, door.shop(), &order)))
}

/// The key to an order where a head can't carry it.
pub(super) fn token_in(uri: &Uri) -> Option<String> {
    let token = Query::<Token>::try_from_uri(uri).ok();
    token.and_then(|Query(Token { token })| token)
}

#[derive(Debug, Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
}

/// `POST /api/orders/{id}/cancel`
pub async fn cancel(door: Door, mut call: Call) -> Answer {
    let id: OrderId = call.id().await?;
    let access = door.order_access(id, call.headers(), None)?;
    let by = match access {
        Access::Admin => By::Admin,
        // Whoever holds the order's token speaks for the order.
        Access::Order(order) => By::Order(order),
    };
    let order = door.shop().cancel_order(id, by, call.key()?).await?;
    let status = if order.state.settled() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = json(status, &body_for(access, door.shop(), &order));
    mark_replayed(&mut response, order.replayed);
    Ok(response)
}

/// `POST /api/orders/{id}/returns`
pub async fn take_back(door: Door, mut call: Call) -> Answer {
    let id: OrderId = call.id().await?;
    door.admin(call.headers())?;
    let Some(key) = call.key()? else { return Err(key_required()) };
    let Parcel { items, reason, restock } = call.json()?;
    if let Some(reason) = &reason {
        check_text("/reason", reason, MAX_TEXT)?;
    }
    if items.is_empty() {
        return Err(Problem::invalid("/items", "names what came back: at least one line"));
    }
    if let Some(index) = items.iter().position(|line| line.units == 0) {
        return Err(Problem::invalid(format!("/items/{index}/units"), "must be at least 1"));
    }
    let items = items.into_iter().map(|Line { sku, units }| Back { sku, units }).collect();
    let order = door.shop().return_units(id, Returned { items, reason, restock }, key).await?;
    let status = if order.state.settled() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let mut response = json(status, &admin_body(door.shop(), &order));
    mark_replayed(&mut response, order.replayed);
    Ok(response)
}

/// `POST /api/orders/{id}/retry`
pub async fn retry(door: Door, mut call: Call) -> Answer {
    let id: OrderId = call.id().await?;
    door.admin(call.headers())?;
    let order = door.shop().retry_order(id).await?;
    Ok(json(StatusCode::OK, &admin_body(door.shop(), &order)))
}
