//! What handlers answer with: JSON straight to bytes, and pages of lists.

use super::problem::Problem;
use axum::{
    extract::Query,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde::{Deserialize, Serialize};

/// What comes back: an answer, or why there is none.
pub type Answer = Result<Response, Problem>;

/// Says that a command was accepted before, under the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Room for a cart or an order of a line or two, so that writing one seldom moves it.
const USUAL_BYTES: usize = 1_024;

/// `body` as the bytes of JSON.
pub fn bytes(body: &impl Serialize) -> Vec<u8> {
    // What is answered with has string keys only, so this can't fail.
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    let written = serde_json::to_writer(&mut bytes, body);
    written.map(|()| bytes).unwrap_or_default()
}

/// `body` as JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(bytes(body).into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Marks the answer to a repeated command.
pub fn mark_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}

/// Says where what was made can be read.
pub fn locate(response: &mut Response, location: String) {
    if let Ok(location) = HeaderValue::from_maybe_shared(bytes::Bytes::from(location)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default = "Wanted::fifty")]
    limit: usize,
    /// What the page before answered as `next`.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Only this buyer's, in a list of orders.
    #[serde(default)]
    pub email: Option<String>,
}

impl Wanted {
    /// The longest page.
    const MOST: usize = 200;

    fn fifty() -> usize {
        50
    }

    /// Reads `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// The limit is no number from 1 to 200.
    pub fn of(uri: &Uri) -> Result<Wanted, Problem> {
        let wrong = || Problem::invalid("limit", "must be a whole number from 1 to 200");
        let Query(wanted) = Query::<Wanted>::try_from_uri(uri).map_err(|_| wrong())?;
        if (1..=Self::MOST).contains(&wanted.limit) { Ok(wanted) } else { Err(wrong()) }
    }

    /// How many.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// Part of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is here.
    pub items: Vec<T>,
    /// Where the next part begins.
    pub next: Option<String>,
}
