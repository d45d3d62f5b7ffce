//! A sealed value: personal data or a payment token as ciphertext.
//!
//! Machines, events and snapshots carry it as it is; only the journal's keyring can seal and
//! open one. Erasing a person destroys the key and leaves these bytes where they are.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Ciphertext under the key named `key`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The key's number in the key file.
    pub key: u64,
    /// Which value under that key: it makes the nonce, so it must never repeat under one key.
    pub field: u8,
    /// Ciphertext and tag.
    #[serde(with = "bytes")]
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {}, field {}, {} bytes)", self.key, self.field, self.bytes.len())
    }
}

/// Bytes as one binary value where the format has one, else as lower-case hexadecimal.
mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};
    use std::{
        fmt::{self, Write as _},
        sync::Arc,
    };

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let mut digits = String::new();
            for byte in bytes {
                write!(digits, "{byte:02x}").map_err(S::Error::custom)?;
            }
            serializer.serialize_str(&digits)
        } else {
            serializer.serialize_bytes(bytes)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<[u8]>, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Arc<[u8]>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Arc<[u8]>, E> {
                Ok(bytes.into())
            }
        }
        if !deserializer.is_human_readable() {
            return deserializer.deserialize_bytes(Bytes);
        }
        let digits = String::deserialize(deserializer)?;
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
                u8::from_str_radix(pair, 16).map_err(D::Error::custom)
            })
            .collect()
    }
}
