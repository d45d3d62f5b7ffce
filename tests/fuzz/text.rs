//! Headers and words as they come from clients, each to the function that reads it.

use crate::harness::attack;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use doorbuster::{
    domain::{Currency, EntityId, Locale, OrderId, ProductId, Sku, Time},
    http::{coding::Coding, etag},
    load::Target,
};

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn headers() {
    let all = [
        "en-GB,en;q=0.9,es-MX;q=0.8,*;q=0.1",
        "gzip, deflate;q=0.5, br;q=1.0, identity;q=0, *;q=0.001",
        "\"12-0123456789abcdef0123456789abcdef\"",
        "W/\"7-00\", \"8-ff\", *",
        "respond-async, wait=\"10\"; foo",
    ];
    let names = ["accept-language", "accept-encoding", "if-match", "if-none-match", "prefer"];
    let etag = HeaderValue::from_static("\"12-0123456789abcdef0123456789abcdef\"");
    attack("headers", 1, &seeds(&all), |bytes| {
        let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
        let mut headers = HeaderMap::new();
        for name in names.map(HeaderName::from_static) {
            headers.append(name.clone(), value.clone());
        }
        let _ = Coding::wanted(&headers);
        let _ = etag::wanted_revision(&headers);
        let _ = etag::is_known(&headers, &etag);
        let _ = Locale::accepted(value.to_str().unwrap_or_default());
    });
}

#[test]
fn words_that_are_read_say_the_same_when_they_are_written() {
    let all = [
        "TEE-RED-M",
        "ord_018f3c4e5d6a7b8c9d0e1f2a3b4c5d6e",
        "prd_018f3c4e5d6a7b8c9d0e1f2a3b4c5d6e",
        "cart_018f3c4e5d6a7b8c9d0e1f2a3b4c5d6e",
        "sku:TEE-RED-M",
        "2026-05-01T10:00:00.000Z",
        "9999-12-31T23:59:59+14:00",
        "USD",
        "http://127.0.0.1:8080",
        "http://[::1]:80",
    ];
    attack("words", 1, &seeds(&all), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Some(sku) = Sku::parse(text) {
            assert_eq!(Sku::parse(sku.as_str()).as_ref(), Some(&sku));
        }
        if let Some(order) = OrderId::parse(text) {
            assert_eq!(OrderId::parse(&order.to_string()), Some(order));
        }
        if let Some(product) = ProductId::parse(text) {
            assert_eq!(ProductId::parse(&product.to_string()), Some(product));
        }
        if let Some(entity) = EntityId::parse(text) {
            assert_eq!(EntityId::parse(&entity.to_string()).as_ref(), Some(&entity));
        }
        if let Some(time) = Time::parse(text) {
            assert_eq!(Time::parse(&time.to_string()), Some(time));
        }
        if let Some(currency) = Currency::parse(text) {
            assert_eq!(Currency::parse(currency.code()), Some(currency));
        }
        let _ = Target::parse(text);
    });
}
