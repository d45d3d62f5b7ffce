//! What stands behind the address: nobody but this file until the shop is open, then its router.
//!
//! The log is replayed before anything can be asked, and that may take a while; whoever watches
//! the process should hear meanwhile that it lives. Invariant: each request goes to the router as
//! soon as there is one, on old connections, too.

use super::{
    middleware::{REQUEST_ID, given_id},
    operate,
    problem::{Code, Problem},
};
use axum::{
    Router,
    extract::Request,
    http::HeaderValue,
    response::{IntoResponse as _, Response},
};
use futures_util::future::{Either, ready};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tower::ServiceExt as _;

/// An address before and after the shop is open.
#[derive(Default)]
pub(super) struct Front {
    shop: OnceLock<Router>,
    /// Requests that came too early without an id.
    early: AtomicU64,
}

impl Front {
    /// From here on the shop answers.
    pub(super) fn open(&self, router: Router) {
        assert!(self.shop.set(router).is_ok(), "a shop opens once");
    }

    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        match self.shop.get() {
            Some(router) => Either::Left(router.clone().oneshot(request)),
            None => Either::Right(ready(Ok(self.too_early(&request)))),
        }
    }

    fn too_early(&self, request: &Request<Incoming>) -> Response {
        let mut response = if request.uri().path() == "/healthz" {
            operate::is_alive()
        } else {
            let detail = "the shop is opening and reads its log; repeat in a moment";
            Problem::new(Code::Unavailable, detail).into_response()
        };
        let id = given_id(request.headers()).unwrap_or_else(|| {
            let id = format!("early-{:x}", self.early.fetch_add(1, Ordering::Relaxed));
            HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("early"))
        });
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}
