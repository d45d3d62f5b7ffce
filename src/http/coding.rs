//! Content codings: a body as a client can take it, each made once and only when asked for.
//!
//! Not a layer: what changes something answers in a few hundred bytes and should not even be asked
//! whether it is to be made smaller. Invariant: an `ETag` names the bytes that are sent, so each
//! coding has its own, and an answer that depends on what a client takes says so (RFC 9110, 8.8.3.3
//! and 12.5.5).

use super::etag;
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY},
    },
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use std::{convert::Infallible, io::Write as _, sync::OnceLock};

/// Smaller bodies fit into one packet as they are.
const LEAST_BYTES: usize = 1 << 10;

/// Quick rather than small: a page may be shown once only, until the next unit is sold.
const GZIP_LEVEL: u32 = 2;
const BROTLI_QUALITY: u32 = 2;

/// Whoever keeps it asks each time whether it is still so: prices and stock change any moment.
pub const ASK_AGAIN: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// Its address changes with its content.
pub const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// For one reader only, and not to be kept.
pub const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// JSON.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
    /// Brotli.
    Brotli,
}

impl Coding {
    /// What a client likes best of what there is, and can take; smaller where all is the same to it.
    /// Who takes nothing of it gets the body as it is: that helps more than a refusal.
    pub fn wanted(asked: &HeaderMap) -> Coding {
        let (mut gzip, mut brotli, mut identity, mut rest) = (None, None, None, None);
        for line in asked.get_all(ACCEPT_ENCODING) {
            for part in line.to_str().unwrap_or_default().split(',') {
                let (name, weight) = part.split_once(';').unwrap_or((part, ""));
                let (name, weight) = (name.trim(), weight_of(weight));
                if name.eq_ignore_ascii_case("br") {
                    brotli = weight;
                } else if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                    gzip = weight;
                } else if name.eq_ignore_ascii_case("identity") {
                    identity = weight;
                } else if name == "*" {
                    rest = weight;
                }
            }
        }
        // Who does not name it takes it, but asks for something else.
        let identity = identity.unwrap_or(0).max(1);
        let gzip = gzip.or(rest).unwrap_or(0);
        match brotli.or(rest).unwrap_or(0) {
            brotli if brotli >= identity && brotli >= gzip => Coding::Brotli,
            _ if gzip >= identity => Coding::Gzip,
            _ => Coding::Identity,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Coding::Identity => None,
            Coding::Gzip => Some("gzip"),
            Coding::Brotli => Some("br"),
        }
    }

    /// Compresses; `None` where that gains nothing.
    fn encode(self, body: &[u8]) -> Option<Bytes> {
        let encoded = match self {
            Coding::Identity => return None,
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(vec![], Compression::new(GZIP_LEVEL));
                encoder.write_all(body).ok()?;
                encoder.finish().ok()?
            }
            Coding::Brotli => {
                let window = body.len().max(2).next_power_of_two().ilog2().clamp(10, 20);
                let mut encoded = Vec::with_capacity(body.len() / 4);
                let mut encoder =
                    brotli::CompressorWriter::new(&mut encoded, 4_096, BROTLI_QUALITY, window);
                encoder.write_all(body).ok()?;
                drop(encoder);
                encoded
            }
        };
        (encoded.len() < body.len()).then(|| encoded.into())
    }
}

/// A `q` in thousandths; `None` when it is none, so the coding counts as not named.
fn weight_of(parameters: &str) -> Option<u32> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1_000);
    }
    let weight: f32 =
        parameters.strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim().parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000")]
    (0.0..=1.0).contains(&weight).then_some((weight * 1_000.0).round() as u32)
}

/// A body in every coding that somebody asked for.
#[derive(Debug)]
pub struct Coded {
    media: HeaderValue,
    cache: HeaderValue,
    /// Names the body as it is; absent where nobody may keep it.
    etag: Option<HeaderValue>,
    identity: Bytes,
    gzip: OnceLock<Option<Sent>>,
    brotli: OnceLock<Option<Sent>>,
}

/// A coded body and its `ETag`.
#[derive(Clone, Debug)]
struct Sent {
    body: Bytes,
    etag: Option<HeaderValue>,
}

impl Coded {
    /// A body that readers may keep under an `ETag`, of this revision if it has one.
    pub fn new(
        media: HeaderValue,
        cache: HeaderValue,
        revision: Option<u64>,
        body: impl Into<Bytes>,
    ) -> Coded {
        let identity = body.into();
        let etag = Some(etag::of(revision, &identity));
        Coded { etag, ..Coded::unkept(media, cache, identity) }
    }

    fn unkept(media: HeaderValue, cache: HeaderValue, identity: Bytes) -> Coded {
        let (gzip, brotli) = (OnceLock::new(), OnceLock::new());
        Coded { media, cache, etag: None, identity, gzip, brotli }
    }

    /// Bytes of the body as it is.
    pub fn len(&self) -> usize {
        self.identity.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.identity.is_empty()
    }

    /// The answer to whoever asked with these headers: in the coding that he wants, or 304 when
    /// he has just that.
    pub fn answer(&self, asked: &HeaderMap) -> Response {
        let (coding, Sent { body, etag }) = self.sent(Coding::wanted(asked));
        let known = etag.as_ref().is_some_and(|etag| etag::is_known(asked, etag));
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.reserve(5);
        headers.insert(CACHE_CONTROL, self.cache.clone());
        if self.identity.len() >= LEAST_BYTES {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(etag) = etag {
            headers.insert(ETAG, etag);
        }
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            // Of no known length: a HEAD would be told that the representation has 0 bytes.
            *response.body_mut() = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
            return response;
        }
        headers.insert(CONTENT_TYPE, self.media.clone());
        if let Some(name) = coding.name() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        *response.body_mut() = body.into();
        response
    }

    fn sent(&self, wanted: Coding) -> (Coding, Sent) {
        let made = match wanted {
            _ if self.identity.len() < LEAST_BYTES => None,
            Coding::Identity => None,
            Coding::Gzip => self.gzip.get_or_init(|| self.encode(wanted)).clone(),
            Coding::Brotli => self.brotli.get_or_init(|| self.encode(wanted)).clone(),
        };
        let identity = || Sent { body: self.identity.clone(), etag: self.etag.clone() };
        made.map_or_else(|| (Coding::Identity, identity()), |sent| (wanted, sent))
    }

    fn encode(&self, coding: Coding) -> Option<Sent> {
        let body = coding.encode(&self.identity)?;
        let etag = self.etag.as_ref().and_then(|etag| {
            let open = etag.to_str().ok()?.strip_suffix('"')?;
            HeaderValue::try_from(format!("{open}{}\"", coding.name()?)).ok()
        });
        Some(Sent { body, etag })
    }
}

/// A long body for one reader, as he can take it.
pub fn once(asked: &HeaderMap, body: Vec<u8>) -> Response {
    Coded::unkept(JSON, NOT_KEPT, body.into()).answer(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::to_bytes, http::header::IF_NONE_MATCH};
    use std::io::Read as _;

    fn asked(accepts: &[&str]) -> HeaderMap {
        let lines = accepts.iter();
        lines.map(|line| (ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn the_best_that_a_client_takes_is_chosen() {
        use Coding::{Brotli, Gzip, Identity};
        for (accepts, coding) in [
            (&[][..], Identity),
            (&[""], Identity),
            (&["gzip, deflate, br, zstd"], Brotli),
            (&["gzip"], Gzip),
            (&["X-GZIP"], Gzip),
            (&["gzip;q=1.0, br;q=0.5"], Gzip),
            (&["gzip; Q=0.5 , BR;q=0.5"], Brotli),
            (&["br;q=0, gzip"], Gzip),
            (&["br;q=0, *"], Gzip),
            (&["*"], Brotli),
            (&["*;q=0"], Identity),
            (&["*;q=0, gzip;q=0.001"], Gzip),
            (&["gzip;q=0", "br;q=0.000"], Identity),
            (&["deflate", "gzip"], Gzip),
            (&["identity;q=0"], Identity),
            (&["identity, gzip;q=0.5"], Identity),
            (&["identity;q=0.5, gzip, br;q=0.4"], Gzip),
            (&["identity, gzip"], Gzip),
            (&["gzip;q=0.5, identity;q=0"], Gzip),
            (&["br;q=2, gzip;q=x"], Identity),
            (&["zstd, broccoli"], Identity),
        ] {
            assert_eq!(Coding::wanted(&asked(accepts)), coding, "{accepts:?}");
        }
    }

    async fn body(response: Response) -> Bytes {
        to_bytes(response.into_body(), 1 << 20).await.unwrap()
    }

    fn coded() -> (String, Coded) {
        let text = "each variant of each product ".repeat(200);
        (text.clone(), Coded::new(JSON, ASK_AGAIN, Some(7), text))
    }

    #[tokio::test]
    async fn every_coding_is_the_same_body_under_a_name_of_its_own() {
        let (text, coded) = coded();
        let plain = coded.answer(&asked(&[]));
        let gzip = coded.answer(&asked(&["gzip"]));
        let brotli = coded.answer(&asked(&["br"]));
        let tags = [&plain, &gzip, &brotli].map(|response| response.headers()[ETAG].clone());
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
        for (response, tag) in [&plain, &gzip, &brotli].into_iter().zip(&tags) {
            assert_eq!(response.headers()[VARY], "accept-encoding");
            assert_eq!(response.headers()[CACHE_CONTROL], ASK_AGAIN);
            assert!(tag.to_str().unwrap().starts_with("\"7-"), "{tag:?}");
            assert_eq!(
                etag::wanted_revision(
                    &[("if-match".parse().unwrap(), tag.clone())].into_iter().collect()
                )
                .unwrap(),
                Some(7)
            );
        }
        assert!(plain.headers().get(CONTENT_ENCODING).is_none());
        assert_eq!(gzip.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(brotli.headers()[CONTENT_ENCODING], "br");
        assert_eq!(body(plain).await, text);
        let (gzip, brotli) = (body(gzip).await, body(brotli).await);
        assert!(gzip.len() < text.len() / 4 && brotli.len() < text.len() / 4);
        let mut decoded = String::new();
        flate2::read::GzDecoder::new(&*gzip).read_to_string(&mut decoded).unwrap();
        assert_eq!(decoded, text);
        decoded.clear();
        brotli::Decompressor::new(&*brotli, 4_096).read_to_string(&mut decoded).unwrap();
        assert_eq!(decoded, text);
    }

    #[tokio::test]
    async fn a_reader_is_told_so_only_of_the_coding_that_he_has() {
        let (_, coded) = coded();
        let gzip = coded.answer(&asked(&["gzip"])).headers()[ETAG].clone();
        let mut again = asked(&["gzip"]);
        again.insert(IF_NONE_MATCH, gzip.clone());
        let known = coded.answer(&again);
        assert_eq!((known.status(), &known.headers()[ETAG]), (StatusCode::NOT_MODIFIED, &gzip));
        assert_eq!(known.headers()[CACHE_CONTROL], ASK_AGAIN);
        assert_eq!(known.headers()[VARY], "accept-encoding");
        assert!(known.headers().get(CONTENT_TYPE).is_none());
        assert!(body(known).await.is_empty());
        let mut other = asked(&["br"]);
        other.insert(IF_NONE_MATCH, gzip);
        assert_eq!(coded.answer(&other).status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn what_gains_nothing_is_sent_as_it_is() {
        let mut noise = vec![0; 4_096];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        for (text, varies) in [(b"short".to_vec(), false), (noise, true)] {
            let coded = Coded::new(JSON, ASK_AGAIN, None, text.clone());
            let response = coded.answer(&asked(&["gzip, br"]));
            assert!(response.headers().get(CONTENT_ENCODING).is_none());
            assert_eq!(response.headers().get(VARY).is_some(), varies);
            assert_eq!(body(response).await, text);
        }
    }

    #[tokio::test]
    async fn what_is_for_one_reader_is_not_kept() {
        let text = "each order ".repeat(200);
        let response = once(&asked(&["gzip"]), text.clone().into_bytes());
        assert_eq!(response.headers()[CACHE_CONTROL], NOT_KEPT);
        assert!(response.headers().get(ETAG).is_none());
        assert!(body(response).await.len() < text.len());
    }
}
