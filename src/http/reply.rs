//! What handlers answer with: JSON straight to bytes, and pages of lists.

use super::problem::Problem;
use axum::{
    extract::Query,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// What comes back: an answer, or why there is none.
pub type Answer = Result<Response, Problem>;

/// Says that a command was accepted before, under the same key.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// `body` as the bytes of JSON.
pub fn bytes(body: &impl Serialize) -> Vec<u8> {
    // What is answered with has string keys only, so this can't fail.
    serde_json::to_vec(body).unwrap_or_default()
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

/// How long a page is when nobody says, and at most.
pub const USUAL_LIMIT: usize = 50;
const MOST: usize = 200;

/// Which part of a list is wanted.
#[derive(Debug)]
pub struct Wanted {
    /// How many.
    pub limit: usize,
    /// What the page before answered as `next`.
    pub cursor: Option<String>,
    /// The list's one filter, if it has one and it is used.
    pub only: Option<String>,
}

impl Wanted {
    /// Reads `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// A parameter is unknown, comes twice, or has a value that it can't have.
    pub fn of(uri: &Uri) -> Result<Wanted, Problem> {
        Wanted::filtered(uri, None)
    }

    /// As [`Wanted::of`], of a list that can be filtered by this parameter.
    ///
    /// # Errors
    /// As [`Wanted::of`].
    pub fn filtered(uri: &Uri, filter: Option<&str>) -> Result<Wanted, Problem> {
        let mut wanted = Wanted { limit: USUAL_LIMIT, cursor: None, only: None };
        for (name, value) in parameters(uri, "")? {
            match name.as_str() {
                "limit" => {
                    wanted.limit = limit(&value).map_err(|why| Problem::invalid(name, why))?;
                }
                "cursor" => wanted.cursor = Some(value),
                other if filter == Some(other) => wanted.only = Some(value),
                _ => {
                    let filter = filter.map(|filter| format!(", {filter}")).unwrap_or_default();
                    let why = format!("is not known here; there are limit, cursor{filter}");
                    return Err(Problem::invalid(name, why));
                }
            }
        }
        Ok(wanted)
    }
}

/// What stands behind the `?`; only `many` may come more than once.
///
/// # Errors
/// Another parameter does.
pub fn parameters(uri: &Uri, many: &str) -> Result<Vec<(String, String)>, Problem> {
    let parameters = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(parameters) =
        parameters.map_err(|_| Problem::invalid("", "the query does not read"))?;
    let mut seen = BTreeSet::new();
    match parameters.iter().find(|(name, _)| name != many && !seen.insert(name)) {
        Some((name, _)) => Err(Problem::invalid(name, "comes twice")),
        None => Ok(parameters),
    }
}

/// The value of `limit`.
///
/// # Errors
/// Says what it must be.
pub fn limit(value: &str) -> Result<usize, &'static str> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or("must be a whole number from 1 to 200")
}

/// Part of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is here.
    pub items: Vec<T>,
    /// Where the next part begins.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_which_parameter_it_does_not_take() {
        let field = |query: &str, filter| {
            let uri = format!("/api/orders?{query}").parse().unwrap();
            let refused = Wanted::filtered(&uri, filter).err();
            refused.map(|problem| problem.field().unwrap_or_default().to_owned())
        };
        for (query, wrong) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=", "limit"),
            ("limit=2&limit=2", "limit"),
            ("cursor=a&cursor=b", "cursor"),
            ("limt=2", "limt"),
            ("email=a", "email"),
        ] {
            assert_eq!(field(query, None).as_deref(), Some(wrong), "{query}");
        }
        for query in ["", "limit=1", "limit=200&cursor=", "cursor=%C3%A9"] {
            assert_eq!(field(query, None), None, "{query}");
        }
        assert_eq!(field("email=a&limit=3", Some("email")), None);
        assert_eq!(field("email=a&email=b", Some("email")).as_deref(), Some("email"));
    }
}
