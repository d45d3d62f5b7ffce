//! Around every request: its id, its count, a panic caught, and the end of the day.
//!
//! One layer, because adds run through it by the ten thousand. The id rides in a task-local
//! instead of a span, so that a log line has it and a request without one pays nothing.

use super::{
    Door,
    coding::NOT_KEPT,
    problem::{Code, Problem},
};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri,
        header::{CACHE_CONTROL, CONNECTION},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// What one request is called in every log line about it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over.
const MAX_ID_BYTES: usize = 128;

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// The id of the request that this task answers, for whoever writes log lines.
pub fn current_request_id() -> Option<String> {
    CURRENT.try_with(|id| id.to_str().unwrap_or_default().to_owned()).ok()
}

/// Answers under the id that a request before has.
pub(super) async fn within<F: Future>(id: HeaderValue, answer: F) -> F::Output {
    CURRENT.scope(id, answer).await
}

pub(super) async fn manners(State(door): State<Door>, request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| door.new_request_id());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = CURRENT.scope(id.clone(), answer(&door, request, next)).await;
    note(&id, &method, &uri, &response);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    // What says nothing of it is about one buyer, for the admin, or so for this moment only.
    headers.entry(CACHE_CONTROL).or_insert(NOT_KEPT);
    response
}

async fn answer(door: &Door, request: Request, next: Next) -> Response {
    if door.is_closing() && !matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        let problem = Problem::new(Code::Unavailable, "the shop is closing; repeat in a moment");
        let mut response = problem.into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    let _under_way = door.enter();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Internal, "the door failed; nothing changed").into_response(),
    }
}

/// A line for each failure of ours; for the rest only when somebody asked for them.
pub(super) fn note(id: &HeaderValue, method: &Method, uri: &Uri, response: &Response) {
    let status = response.status();
    let code = response.extensions().get::<Code>().copied();
    if status.is_server_error() && code != Some(Code::Overloaded) {
        let code = code.map_or("none", Code::name);
        tracing::warn!(request_id = ?id, %method, path = uri.path(), %status, code, "failed");
    } else {
        tracing::debug!(request_id = ?id, %method, path = uri.path(), %status, "answered");
    }
}

/// The id that a client gave its request.
pub(super) fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(REQUEST_ID).filter(|id| is_sane(id)).cloned()
}

fn is_sane(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=MAX_ID_BYTES).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

pub(super) async fn no_such_address() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this address")
}

pub(super) async fn wrong_method(method: Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{method} is not for this address; see Allow"))
}
