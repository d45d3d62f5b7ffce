//! What stands at an address: a handler, the count of how it ended, and what the document says.
//!
//! Invariant: there is no way to put a handler on the map without its description, so the router
//! and the document always know the same addresses.

use super::{
    Door,
    counts::Counts,
    extract::Call,
    openapi::{Described, Description},
    reply::{Answer, json},
};
use axum::{
    Router,
    extract::State,
    handler::Handler,
    http::StatusCode,
    routing::{MethodFilter, MethodRouter, get, on},
};
use utoipa::openapi::HttpMethod;

/// One method at an address.
pub(super) struct Route {
    method: HttpMethod,
    handler: MethodRouter<Door>,
    description: Description,
}

/// All addresses, for the router and for the document.
#[derive(Default)]
pub(super) struct Map {
    router: Router<Door>,
    described: Vec<Described>,
}

impl Map {
    /// These methods at this address.
    pub(super) fn at<const N: usize>(mut self, path: &'static str, routes: [Route; N]) -> Map {
        for Route { method, handler, description } in routes {
            self.router = self.router.route(path, handler);
            self.described.push((path, method, description));
        }
        self
    }

    /// What answers.
    pub(super) fn into_router(self) -> Router<Door> {
        self.router
    }

    /// What is said of it, in this order.
    pub(super) fn into_described(self) -> Vec<Described> {
        self.described
    }
}

/// A handler that changes nothing.
pub(super) fn read<F: Pending>(handler: impl Handle<F>, description: Description) -> Route {
    let handler = get(move |State(door): State<Door>, call: Call| handler(door, call));
    Route { method: HttpMethod::Get, handler, description }
}

/// A handler that turns its request into a socket.
pub(super) fn socket<T: 'static>(
    handler: impl Handler<T, Door>,
    description: Description,
) -> Route {
    Route { method: HttpMethod::Get, handler: get(handler), description }
}

pub(super) fn post<F: Pending>(
    kind: &'static str,
    handler: impl Handle<F>,
    description: Description,
) -> Route {
    let handler = command(MethodFilter::POST, kind, handler);
    Route { method: HttpMethod::Post, handler, description }
}

pub(super) fn put<F: Pending>(
    kind: &'static str,
    handler: impl Handle<F>,
    description: Description,
) -> Route {
    let handler = command(MethodFilter::PUT, kind, handler);
    Route { method: HttpMethod::Put, handler, description }
}

pub(super) fn delete<F: Pending>(
    kind: &'static str,
    handler: impl Handle<F>,
    description: Description,
) -> Route {
    let handler = command(MethodFilter::DELETE, kind, handler);
    Route { method: HttpMethod::Delete, handler, description }
}

/// An answer on its way.
pub(super) trait Pending: Future<Output = Answer> + Send + 'static {}
impl<F: Future<Output = Answer> + Send + 'static> Pending for F {}

/// What stands at an address.
pub(super) trait Handle<F>: Fn(Door, Call) -> F + Clone + Send + Sync + 'static {}
impl<H: Fn(Door, Call) -> F + Clone + Send + Sync + 'static, F> Handle<F> for H {}

/// A handler that changes something, and the count of how that ended.
fn command<F: Pending>(
    method: MethodFilter,
    kind: &'static str,
    handler: impl Handle<F>,
) -> MethodRouter<Door> {
    let counts = Counts::of(kind);
    let counted = move |State(door): State<Door>, call: Call| {
        let (counts, answer) = (counts.clone(), handler(door, call));
        async move {
            let answer = answer.await;
            counts.count(&answer);
            answer
        }
    };
    on(method, counted)
}

/// `POST /noop`: JSON in, JSON out, nothing done. For benches only, so no document has it.
pub(super) fn noop() -> MethodRouter<Door> {
    command(MethodFilter::POST, "noop", async |_: Door, call: Call| {
        let body: serde_json::Value = call.json()?;
        Ok(json(StatusCode::OK, &body))
    })
}
