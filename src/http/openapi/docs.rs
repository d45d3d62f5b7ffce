//! What the document says of itself.

use super::{Operation, schemas::Text};
use crate::http::problem::Code;
use serde_json::Value;
use utoipa::{
    PartialSchema as _,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

pub(super) const TAG: &str = "Document";

const ETAG: &str = "Names this version; send it as If-None-Match.";

pub(in crate::http) fn document() -> Operation {
    let any: RefOr<Schema> = Schema::from(ObjectBuilder::new()).into();
    let what = "Made from the code of the program that answers it.";
    let operation = Operation::new(TAG, "readDocument", "Read this document", what);
    operation.answer(200, "OpenAPI 3.1.", "application/json", any, Value::Null).cached(ETAG)
}

pub(in crate::http) fn page() -> Operation {
    let what = "To read and to try; it loads nothing from elsewhere.";
    let operation = Operation::new(TAG, "readPage", "Read this document as a page", what);
    operation.answer(200, "The page.", "text/html", Text::schema(), Value::Null).cached(ETAG)
}

pub(in crate::http) fn asset() -> Operation {
    let operation = Operation::new(TAG, "readAsset", "Read a file of the page", "").path::<Text>(
        "file",
        "Its name.",
        "swagger-ui.css",
    );
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    let picture = ObjectBuilder::new().schema_type(Type::String).format(Some(binary));
    operation
        .answer(200, "The file.", "text/css", Text::schema(), Value::Null)
        .or_as("text/javascript", Text::schema())
        .or_as("text/html", Text::schema())
        .or_as("image/png", Schema::from(picture).into())
        .cached(ETAG)
        .refuses([Code::NotFound])
}
