//! What the document says of the catalogue.

use super::Operation;
use crate::{
    domain::ProductId,
    http::{
        problem::Code,
        products::{ProductBody, Written},
    },
};
use serde_json::{Value, json};

pub(super) const TAG: &str = "Products";

const ID: &str = "prod_3b1f9a52c0de4f6a8f10aa7b4cc1d2e3";

fn written() -> Value {
    json!({
        "title": "Quay Mug",
        "description": "Stoneware, glazed by hand.",
        "vendor": "Harbour Works",
        "category": "Kitchen",
        "tags": ["mug"],
        "images": ["https://example.com/mug.jpg"],
        "image_alts": {"https://example.com/mug.jpg": "A blue mug"},
        "options": ["Colour"],
        "variants": [{
            "sku": "MUG-QUAY-BLUE",
            "title": "Blue",
            "price": {"amount_minor": 1800, "currency": "USD"},
            "options": ["Blue"],
            "weight_g": 350,
            "units": 120,
        }],
    })
}

fn example() -> Value {
    json!({
        "id": ID,
        "handle": "quay-mug",
        "title": "Quay Mug",
        "description": "Stoneware, glazed by hand.",
        "vendor": "Harbour Works",
        "category": "Kitchen",
        "tags": ["mug"],
        "images": ["https://example.com/mug.jpg"],
        "image_alts": {"https://example.com/mug.jpg": "A blue mug"},
        "options": ["Colour"],
        "variants": [{
            "sku": "MUG-QUAY-BLUE",
            "title": "Blue",
            "price": {"amount_minor": 1800, "currency": "USD"},
            "compare_at": null,
            "options": ["Blue"],
            "barcode": "",
            "image": null,
            "weight_g": 350,
            "free": 120,
        }],
        "archived": false,
        "created_at": "2026-05-01T10:00:00.000Z",
    })
}

fn one(operation: Operation) -> Operation {
    let named = operation.path::<ProductId>("id", "The product.", ID);
    named.refuses([Code::NotFound, Code::Quarantined])
}

pub(in crate::http) fn create() -> Operation {
    let what = "`units` of each variant are received with it.";
    Operation::new(TAG, "createProduct", "Make a product", what)
        .admin()
        .keyed(false)
        .takes::<Written>(written())
        .gives::<ProductBody>(201, "The product.", example())
        .header("Location", "Where the product can be read.")
        .then("readProduct", "Read it.", &[("path.id", "$response.body#/id")])
        .then_send(
            "updateProduct",
            "Write it anew.",
            &[("path.id", "$response.body#/id")],
            json!("$request.body"),
        )
        .then("archiveProduct", "Take it off sale.", &[("path.id", "$response.body#/id")])
        .then("readStock", "See its stock.", &[("path.sku", "$response.body#/variants/0/sku")])
        .then_send(
            "receiveUnits",
            "Receive more.",
            &[("path.sku", "$response.body#/variants/0/sku")],
            json!({"units": 25, "reference": "delivery 4711"}),
        )
        .then_send(
            "addToCart",
            "Buy it.",
            &[],
            json!({"sku": "$response.body#/variants/0/sku", "units": 1}),
        )
        .refuses([Code::SkuTaken, Code::TooMuch, Code::Quarantined])
}

pub(in crate::http) fn list() -> Operation {
    let what = "What is on sale, newest first.";
    Operation::new(TAG, "listProducts", "List products", what)
        .lists::<ProductBody>("A page of the catalogue.", example())
        .then("readProduct", "Read one.", &[("path.id", "$response.body#/items/0/id")])
        .then_send(
            "addToCart",
            "Buy the first one.",
            &[],
            json!({"sku": "$response.body#/items/0/variants/0/sku", "units": 1}),
        )
        .then("listProducts", "Go on.", &[("query.cursor", "$response.body#/next")])
}

pub(in crate::http) fn read() -> Operation {
    one(Operation::new(TAG, "readProduct", "Read a product", "Archived ones, too."))
        .gives::<ProductBody>(200, "The product as it is now.", example())
}

pub(in crate::http) fn update() -> Operation {
    let what = "Replaces all of it. `units` are for new variants only: stock has its own ways.";
    one(Operation::new(TAG, "updateProduct", "Write a product anew", what).admin())
        .takes::<Written>(written())
        .gives::<ProductBody>(200, "The product as it is now.", example())
        .refuses([Code::SkuTaken, Code::NotForSale, Code::InProgress, Code::TooMuch])
}

pub(in crate::http) fn archive() -> Operation {
    let what = "Nobody can add it any more; reservations and orders stand. It can still be read.";
    one(Operation::new(TAG, "archiveProduct", "Take a product off sale", what).admin())
        .gives::<ProductBody>(200, "The product as it is now.", example())
        .refuses([Code::InProgress])
}
