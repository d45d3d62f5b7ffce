//! A running server as a shelf.

use super::{Held, Look, Shelf};
use crate::{
    domain::{ProductId, Sku, product::Spec},
    exchange::api::{Client, Failed},
};
use reqwest::Method;
use serde::de::IgnoredAny;

/// A running server.
#[derive(Clone, Debug)]
pub struct Server(pub Client);

/// No body.
const NOTHING: Option<&()> = None;

impl Look for Server {
    async fn find(&self, id: ProductId) -> Result<Option<Held>, Failed> {
        self.0.read(&["api", "products", &id.to_string()], &[]).await
    }

    async fn knows(&self, sku: &Sku) -> Result<bool, Failed> {
        let found = self.0.read::<IgnoredAny>(&["api", "inventory", sku.as_str()], &[]).await;
        Ok(found?.is_some())
    }
}

impl Shelf for Server {
    async fn make(&self, spec: &Spec) -> Result<(), Failed> {
        // A product has its id from its handle, so a repeat finds the first.
        let body = serde_json::to_vec(spec).unwrap_or_default();
        let key = format!("import-{}", blake3::hash(&body).to_hex());
        self.0.send(Method::POST, &["api", "products"], Some(&key), Some(spec)).await
    }

    async fn change(&self, id: ProductId, spec: &Spec) -> Result<(), Failed> {
        let path = ["api", "products", &id.to_string()];
        self.0.send(Method::PUT, &path, None, Some(spec)).await
    }

    async fn set_archived(&self, id: ProductId, archived: bool) -> Result<(), Failed> {
        let id = id.to_string();
        if archived {
            self.0.send(Method::DELETE, &["api", "products", &id], None, NOTHING).await
        } else {
            let path = ["api", "products", &id, "restore"];
            self.0.send(Method::POST, &path, None, NOTHING).await
        }
    }
}
