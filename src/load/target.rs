//! Where a shop listens, and how names from outside become parts of its paths.
//!
//! Plain HTTP only: a rehearsal runs beside the shop, behind whatever ends its TLS.

use hyper::Uri;
use std::{fmt, sync::Arc};

/// The text is not an address this client can use.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address of a shop: write it as http://HOST:PORT")]
pub struct NoTarget(String);

/// Where the shop listens. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Arc<str>);

impl Target {
    /// Reads `http://HOST:PORT`; without a port it is 80.
    pub fn parse(url: &str) -> Result<Target, NoTarget> {
        let wrong = || NoTarget(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
        let host = uri.host().filter(|_| plain).ok_or_else(wrong)?;
        Ok(Target(format!("{host}:{}", uri.port_u16().unwrap_or(80)).into()))
    }

    /// `HOST:PORT`.
    pub fn authority(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

/// `text` as one segment of a path.
pub fn path_segment(text: &str) -> String {
    use fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_targets() {
        assert_eq!(
            Target::parse("http://127.0.0.1:8080/").unwrap().to_string(),
            "http://127.0.0.1:8080"
        );
        assert_eq!(Target::parse("http://localhost").unwrap().to_string(), "http://localhost:80");
        for wrong in ["127.0.0.1:8080", "https://127.0.0.1", "http://127.0.0.1/shop", "nonsense x"]
        {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sku_of_any_letters_is_one_path_segment() {
        assert_eq!(path_segment("BANK CHARGES/1-2.55"), "BANK%20CHARGES%2F1-2.55");
        assert_eq!(path_segment("größe?"), "gr%C3%B6%C3%9Fe%3F");
    }
}
