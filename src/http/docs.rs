//! A page to read the door's document and to try it: all of it from the binary.
//!
//! Each file is made once per process, on first demand, and kept as it is sent. Invariant: the page
//! loads nothing from elsewhere, so it works where there is no network.

use super::{
    Door,
    coding::{ASK_AGAIN, Coded},
    extract::Call,
    problem::{Code, Problem},
    reply::Answer,
};
use axum::http::HeaderValue;
use bytes::Bytes;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use utoipa_swagger_ui::{Config, serve};

/// Files of the page by name, as far as somebody wanted them.
static FILES: Mutex<BTreeMap<String, Arc<Coded>>> = Mutex::new(BTreeMap::new());

/// The page itself stands one step above its files.
const PAGE: &str = "index.html";

/// `GET /docs`
pub(super) async fn page(_: Door, call: Call) -> Answer {
    Ok(file(PAGE)?.answer(call.headers()))
}

/// `GET /docs/{file}`
pub(super) async fn asset(_: Door, mut call: Call) -> Answer {
    let name: String = call.id().await?;
    if name == PAGE {
        return Err(nothing());
    }
    Ok(file(&name)?.answer(call.headers()))
}

fn nothing() -> Problem {
    Problem::new(Code::NotFound, "the page has no such file")
}

fn file(name: &str) -> Result<Arc<Coded>, Problem> {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = files.get(name) {
        return Ok(file.clone());
    }
    let (media, bytes) = read(name)?;
    let file = Arc::new(Coded::new(media, ASK_AGAIN, None, bytes));
    files.insert(name.to_owned(), file.clone());
    Ok(file)
}

/// What it is, and its bytes.
fn read(name: &str) -> Result<(HeaderValue, Bytes), Problem> {
    // Relative to the page, so that it also works behind a proxy's prefix. The page would send the
    // document to a validator on the Internet if it were not told otherwise.
    let config = Config::from("openapi.json").validator_url("none");
    let file = match serve(name, Arc::new(config)) {
        Ok(file) => file.ok_or_else(nothing)?,
        Err(error) => return Err(Problem::new(Code::Internal, format!("{name}: {error}"))),
    };
    if name == PAGE {
        let page = String::from_utf8_lossy(&file.bytes).replace("=\"./", "=\"");
        let page = page.replace("src=\"", "src=\"docs/").replace("href=\"", "href=\"docs/");
        return Ok((HeaderValue::from_static("text/html; charset=utf-8"), page.into()));
    }
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let media = HeaderValue::try_from(file.content_type).map_err(|_| nothing())?;
    Ok((media, bytes))
}
