//! What the document says of the catalogue.

use super::{
    Operation,
    schemas::{Amounts, Flag, IdOrHandle, Order, Revision, Text},
};
use crate::{
    domain::Currency,
    http::{
        problem::Code,
        products::{ProductBody, Tree, Written},
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
        "revision": 1,
        "created_at": "2026-05-01T10:00:00.000Z",
    })
}

fn one(operation: Operation) -> Operation {
    let named = operation.path::<IdOrHandle>("id", "The product: its id, or its handle.", ID);
    named.refuses([Code::NotFound, Code::Quarantined])
}

const ETAG: &str = "Names this body, and in front of the `-` this revision.";

/// Something that an admin does to one of them.
fn changing(operation: Operation) -> Operation {
    let unless = "The ETag of what is to be changed: if it has another revision by now, it is not.";
    one(operation.admin())
        .hears::<Revision>("If-Match", unless, "*")
        .gives::<ProductBody>(200, "The product as it is now.", example())
        .header("ETag", ETAG)
        .refuses([Code::PreconditionFailed, Code::Invalid])
}

pub(in crate::http) fn create() -> Operation {
    let what = "`units` of each variant are received with it.";
    Operation::new(TAG, "createProduct", "Make a product", what)
        .admin()
        .keyed(false)
        .takes::<Written>(written())
        .gives::<ProductBody>(201, "The product.", example())
        .header("Location", "Where the product can be read.")
        .header("ETag", ETAG)
        .then("readProduct", "Read it.", &[("path.id", "$response.body#/id")])
        .then_send(
            "updateProduct",
            "Write it anew.",
            &[("path.id", "$response.body#/id"), ("header.If-Match", "$response.header.ETag")],
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
        .refuses([Code::SkuTaken, Code::HandleTaken, Code::TooMuch, Code::Quarantined])
}

pub(in crate::http) fn list() -> Operation {
    let what = "What is on sale, and for the admin what is archived. A parameter that is not known \
                is refused.";
    let listed = Operation::new(TAG, "listProducts", "List products", what)
        .admin_if_any()
        .query::<Text>("category", "In this category or below it: `Apparel > Shirts`.")
        .query::<Text>("tag", "With this tag; several must all be there.")
        .query::<Text>("vendor", "Of this vendor.")
        .query::<Amounts>("price_min", "With a variant that costs at least so many minor units.")
        .query::<Amounts>("price_max", "With a variant that costs at most so many.")
        .query::<Currency>("currency", "Sold in this currency.")
        .query::<Flag>("in_stock", "Whether units are free.")
        .query::<Flag>("archived", "Those that are archived instead, for the admin.")
        .query::<Order>("sort", "In which order.")
        .lists::<ProductBody>("A page of the catalogue.", &example());
    listed
        .cached(ETAG)
        .then("readProduct", "Read one.", &[("path.id", "$response.body#/items/0/id")])
        .then_send(
            "addToCart",
            "Buy the first one.",
            &[],
            json!({"sku": "$response.body#/items/0/variants/0/sku", "units": 1}),
        )
        .then("listProducts", "Go on.", &[("query.cursor", "$response.body#/next")])
}

pub(in crate::http) fn categories() -> Operation {
    let tree = json!({"items": [{
        "path": "Apparel",
        "name": "Apparel",
        "products": 2,
        "children": [
            {"path": "Apparel > Shirts", "name": "Shirts", "products": 2, "children": []},
        ],
    }]});
    let what = "Those that have something for sale, as a tree.";
    Operation::new(TAG, "listCategories", "List categories", what)
        .gives::<Tree>(200, "The tree.", tree)
        .cached(ETAG)
}

pub(in crate::http) fn read() -> Operation {
    one(Operation::new(TAG, "readProduct", "Read a product", "Archived ones, too."))
        .gives::<ProductBody>(200, "The product as it is now.", example())
        .cached(ETAG)
}

pub(in crate::http) fn update() -> Operation {
    let what = "Replaces all of it. `units` are for new variants only: stock has its own ways.";
    changing(Operation::new(TAG, "updateProduct", "Write a product anew", what))
        .takes::<Written>(written())
        .refuses([
            Code::HandleTaken,
            Code::SkuTaken,
            Code::NotForSale,
            Code::InProgress,
            Code::TooMuch,
        ])
}

pub(in crate::http) fn archive() -> Operation {
    let what = "Nobody can add it any more; reservations and orders stand. It can still be read.";
    changing(Operation::new(TAG, "archiveProduct", "Take a product off sale", what))
        .then("restoreProduct", "Bring it back.", &[("path.id", "$response.body#/id")])
        .refuses([Code::InProgress])
}

pub(in crate::http) fn restore() -> Operation {
    let what = "Its SKUs can be bought again.";
    changing(Operation::new(TAG, "restoreProduct", "Put a product on sale again", what))
        .keyed(false)
}
