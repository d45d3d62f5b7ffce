//! A running server, asked as its admin over HTTP.
//!
//! A server that is busy is asked again, with the same key, so nothing is done twice. Invariant: a
//! refusal is about what was sent; whatever else goes wrong is about the server, and ends the work.

use super::Error;
use crate::{journal::Layout, ports::clock};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header::RETRY_AFTER};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use std::{path::Path, time::Duration};

/// The largest body that a server takes, in bytes, as the contract says.
pub const MOST_BODY_BYTES: usize = 64 << 10;

/// How often a busy server is asked.
const MOST_ATTEMPTS: u32 = 30;
/// The longest pause between two attempts, and the one when the server names none.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// Longer than a server takes for anything.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// What was sent is not taken: the field's JSON pointer, if it is one field's fault, and why.
    Refused(Option<String>, String),
    /// Nothing can be done at all.
    Stopped(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Stopped(error)
    }
}

/// A refusal is as final as anything else, where nothing is sent.
impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(_, why) => Error(why),
            Failed::Stopped(error) => error,
        }
    }
}

/// A running server instead of a stopped store.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OnServer {
    /// A running server's address, instead of a stopped store
    #[arg(long)]
    pub url: Option<String>,
    /// The server's admin token [default: that of the settings, else the store's]
    #[arg(long, value_name = "TOKEN")]
    pub admin_token: Option<String>,
}

impl OnServer {
    /// A client, if a server is named.
    ///
    /// # Errors
    /// It is no address, or there is no token for it.
    pub fn client(&self, set: Option<String>, store: &Path) -> Result<Option<Client>, Error> {
        let Some(url) = &self.url else { return Ok(None) };
        Client::new(url, token(self.admin_token.clone().or(set), store)?).map(Some)
    }
}

/// A server and the key to it.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

/// What a refusal says.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

/// Part of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// What is here.
    pub items: Vec<T>,
    /// Where the next part begins.
    pub next: Option<String>,
}

impl Client {
    /// A client of the server at `url`, `http://HOST:PORT` or `https://HOST`.
    ///
    /// # Errors
    /// It is no such address.
    pub fn new(url: &str, token: String) -> Result<Client, Error> {
        let wrong =
            || Error(format!("`{url}` is no address of a shop: write it as http://HOST:PORT"));
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = base.filter(|base| !base.cannot_be_a_base()).ok_or_else(wrong)?;
        // Another part of the process may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build();
        let http = http.map_err(|error| Error(format!("no HTTP client: {}", chain(&error))))?;
        Ok(Client { http, base, token })
    }

    /// Asks for something that only the admin gets.
    ///
    /// # Errors
    /// No answer, or the token is another.
    pub async fn check(&self) -> Result<(), Failed> {
        self.read::<IgnoredAny>(&["api", "quarantine"], &[]).await.map(drop)
    }

    /// An address below the server's.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// What is there; `None` when nothing is.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub async fn read<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, Failed> {
        let url = self.url(path, query);
        let answer = self.ask(|| self.http.get(url.clone())).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = accepted(answer).await?;
        let body = answer.json().await;
        let wrong = |error| Error(format!("{url} answers something else: {}", chain(&error)));
        Ok(Some(body.map_err(wrong)?))
    }

    /// Has something done; the same `key` does it once.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &[&str],
        key: Option<&str>,
        body: Option<&impl Serialize>,
    ) -> Result<(), Failed> {
        let url = self.url(path, &[]);
        let request = || {
            let mut request = self.http.request(method.clone(), url.clone());
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        accepted(self.ask(request).await?).await.map(drop)
    }

    /// Asks until the server has time.
    async fn ask(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Failed> {
        let mut attempt = 1;
        loop {
            let answer = request().bearer_auth(&self.token).send().await;
            let last = attempt >= MOST_ATTEMPTS;
            let pause = match answer {
                Ok(answer) if last || !is_busy(answer.status()) => return Ok(answer),
                Ok(answer) => match busy_for(answer).await {
                    Ok(pause) => pause,
                    Err(refused) => return Err(refused),
                },
                Err(error) if last || error.is_connect() => {
                    let why = chain(&error);
                    let (base, hint) = (&self.base, "start one with `doorbuster serve`");
                    return Err(Error(format!("no answer from {base}: {why}; {hint}")).into());
                }
                Err(_) => PAUSE,
            };
            attempt += 1;
            clock::pause(pause.min(LONGEST_PAUSE)).await;
        }
    }
}

/// These may mean: not now.
fn is_busy(status: StatusCode) -> bool {
    let busy =
        [StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    busy.contains(&status)
}

/// How long to wait; a conflict that waiting does not mend is a refusal.
async fn busy_for(answer: Response) -> Result<Duration, Failed> {
    let status = answer.status();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let named = seconds.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let problem: Problem = answer.json().await.unwrap_or_default();
    let lasting = status == StatusCode::CONFLICT && problem.code != "in-progress";
    if lasting || problem.code == "quarantined" {
        return Err(refused(status, problem));
    }
    let told = problem.retry_after_ms.map(Duration::from_millis);
    Ok(told.or(named).unwrap_or(PAUSE))
}

async fn accepted(answer: Response) -> Result<Response, Failed> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let problem: Problem = answer.json().await.unwrap_or_default();
    Err(refused(status, problem))
}

fn refused(status: StatusCode, problem: Problem) -> Failed {
    let Problem { code, detail, field, .. } = problem;
    let why = match (detail.is_empty(), code.is_empty()) {
        (false, _) => detail,
        (true, false) => code,
        (true, true) => format!("the server answers {status}"),
    };
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let how = "give the shop's own with --admin-token or DOORBUSTER_ADMIN_TOKEN";
        return Error(format!("the server does not take the admin token ({why}); {how}")).into();
    }
    if status.is_server_error() {
        return Error(format!("the server fails: {why}")).into();
    }
    Failed::Refused(field, why)
}

/// An error and what it came from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |line, source| format!("{line}: {source}"))
}

/// The admin's token: as it is set, else where the store has it.
fn token(set: Option<String>, store: &Path) -> Result<String, Error> {
    let layout = Layout(store.to_owned());
    set.map_or_else(|| layout.read_admin_token(), Ok).map_err(|error| {
        let how = "give it with --admin-token or DOORBUSTER_ADMIN_TOKEN";
        Error(format!("no admin token in {}: {error}; {how}", layout.admin_token().display()))
    })
}
