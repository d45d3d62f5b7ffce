//! A shopper's cart and its checkout: the hot path of a sale.

use super::{
    Door,
    extract::Call,
    orders::order_body,
    problem::{Problem, key_required},
    reply::{Answer, json, locate, mark_replayed},
    schemas::{Amount, LineUnits, WantedUnits},
};
use crate::{
    domain::{CartId, Locale, Money, Sku, Time},
    shop::{cart::Cart, orders::Details},
};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header::ACCEPT_LANGUAGE},
    response::Response,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// The longest that a checkout waits until its order is settled.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Units of a SKU that are wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    sku: Sku,
    #[schema(value_type = WantedUnits)]
    units: u32,
}

/// Units that a line should have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Units {
    #[schema(value_type = LineUnits)]
    units: u32,
}

/// A cart as its shopper reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cart)]
pub(super) struct CartBody<'a> {
    id: CartId,
    items: Vec<LineBody<'a>>,
    #[schema(value_type = Option<Amount>, required)]
    total: Option<Money>,
}

/// A line of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CartItem)]
struct LineBody<'a> {
    sku: &'a Sku,
    title: &'a str,
    units: u32,
    price: Money,
    #[schema(value_type = Option<Amount>, required)]
    total: Option<Money>,
    /// None when the reservation is over.
    #[schema(required)]
    reserved_until: Option<Time>,
}

/// `POST /api/cart`
pub async fn add(door: Door, call: Call) -> Answer {
    let cart = door.cart_if_any(call.headers())?;
    let wish: Wish = call.json()?;
    // Without a cart there is no caller whose key it could be.
    let key = if cart.is_some() { call.key()? } else { None };
    let answer = door.shop().add_to_cart(cart, &wish.sku, wish.units, key).await;
    let changed = answer.map_err(|error| about(&wish.sku, error))?;
    let mut response = cart_response(&changed);
    if cart != Some(changed.id) {
        door.give_cart_token(changed.id, response.headers_mut());
    }
    Ok(response)
}

/// `PUT /api/cart/items/{sku}`
pub async fn set(door: Door, mut call: Call) -> Answer {
    let sku: Sku = call.id().await?;
    let cart = door.cart(call.headers())?;
    let Units { units } = call.json()?;
    set_units(&door, cart, &sku, units).await
}

/// `DELETE /api/cart/items/{sku}`
pub async fn remove(door: Door, mut call: Call) -> Answer {
    let sku: Sku = call.id().await?;
    let cart = door.cart(call.headers())?;
    set_units(&door, cart, &sku, 0).await
}

async fn set_units(door: &Door, cart: CartId, sku: &Sku, units: u32) -> Answer {
    let answer = door.shop().set_units(cart, sku, units).await;
    Ok(cart_response(&answer.map_err(|error| about(sku, error))?))
}

/// `GET /api/cart`
pub async fn read(door: Door, call: Call) -> Answer {
    let cart = door.cart(call.headers())?;
    Ok(cart_response(&door.shop().cart(cart).await?))
}

/// `POST /api/cart/checkout`
pub async fn check_out(door: Door, call: Call) -> Answer {
    let Some(key) = call.key()? else { return Err(key_required()) };
    let cart = door.cart(call.headers())?;
    let locale = accepted(call.headers());
    let details = Details { locale, ..call.json()? };
    let wait = preferred_wait(call.headers());
    // Nobody waits for an order to settle once the door closes.
    let placed = door.shop().check_out_until(cart, &details, key, wait, door.closed());
    let order = placed.await?;
    let token = door.shop().order_token(order.id);
    let body = order_body(door.shop(), &order, Some(&token));
    let mut response = json(StatusCode::CREATED, &body);
    locate(&mut response, format!("/api/orders/{}", order.id));
    mark_replayed(&mut response, order.replayed);
    if let Some(wait) = wait {
        let applied = HeaderValue::from_str(&format!("wait={}", wait.as_secs()));
        response.headers_mut().extend(applied.ok().map(|applied| (PREFERENCE_APPLIED, applied)));
    }
    Ok(response)
}

/// The language to write to the buyer in.
fn accepted(headers: &HeaderMap) -> Locale {
    let lines = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
    Locale::accepted(&lines.collect::<Vec<_>>().join(","))
}

const PREFERENCE_APPLIED: axum::http::HeaderName =
    axum::http::HeaderName::from_static("preference-applied");

/// RFC 7240 `wait=SECONDS`.
fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = preferences.flat_map(|line| line.split([',', ';']));
    let seconds = preferences.find_map(|one| {
        let (name, value) = one.split_once('=')?;
        let value = name.trim().eq_ignore_ascii_case("wait").then(|| value.trim())?;
        value.trim_matches('"').parse().ok()
    })?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn about(sku: &Sku, error: crate::shop::Error) -> Problem {
    Problem::from(error).about(sku)
}

fn cart_response(cart: &Cart) -> Response {
    let items = cart.lines.iter().map(|(sku, line)| LineBody {
        sku,
        title: &line.title,
        units: line.units,
        price: line.price,
        total: line.price.times(line.units),
        reserved_until: Some(line.until).filter(|until| *until > cart.now),
    });
    let body = CartBody { id: cart.id, items: items.collect(), total: cart.total };
    let mut response = json(StatusCode::OK, &body);
    mark_replayed(&mut response, cart.replayed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_from_any_place_in_prefer_and_has_an_end() {
        let wait = |prefer: &'static str| {
            let headers = HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("prefer"),
                HeaderValue::from_static(prefer),
            )]);
            preferred_wait(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("wait=5"), Some(5));
        assert_eq!(wait("respond-async, Wait = \"7\"; foo"), Some(7));
        assert_eq!(wait("wait=4000"), Some(30));
        assert_eq!(wait("wait=-1"), None);
        assert_eq!(wait("return=minimal"), None);
    }
}
