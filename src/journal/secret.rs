//! The store's secret, and the keyed hashes that are made with it.
//!
//! Tokens are checked and request bodies compared by hashes that nobody can make without the
//! secret; each purpose has hashes of its own. The secret never leaves this file. Its file holds
//! 32 bytes and their CRC-32C, so a damaged one is refused instead of refusing every token.

use super::disk::{self, Failure};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};
use subtle::ConstantTimeEq as _;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not what was written.
    #[error("{} is damaged; restore it from a copy", .0.display())]
    Damaged(PathBuf),
    /// The system gave no random bytes.
    #[error("no entropy from the system: {0}")]
    Entropy(getrandom::Error),
    /// The file can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// 32 secret bytes.
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Reads the secret at `path`; makes one from the system's entropy when there is none.
    ///
    /// # Errors
    /// The file is damaged or out of reach.
    pub fn open(path: &Path) -> Result<Secret, Error> {
        match fs::read(path) {
            Ok(bytes) => parse(&bytes).ok_or_else(|| Error::Damaged(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret).map_err(Error::Entropy)?;
                let crc = crc32c::crc32c(&secret).to_le_bytes();
                disk::replace(path, &[secret.as_slice(), &crc].concat())?;
                Ok(Secret(secret))
            }
            Err(source) => Err(Failure::new("reading", path, source).into()),
        }
    }

    /// A secret that anybody can know: for tests and simulations.
    #[must_use]
    pub fn from_seed(seed: u64) -> Secret {
        Secret(blake3::derive_key("doorbuster 2026 seeded secret", &seed.to_le_bytes()))
    }

    /// A code for `bytes` that only the holder of the secret can make, another for each purpose.
    #[must_use]
    pub fn mac(&self, purpose: &'static str, bytes: &[u8]) -> [u8; 16] {
        self.keyed(purpose, bytes)
    }

    /// Whether `mac` is the code for `bytes`; takes as long whichever byte is wrong.
    #[must_use]
    pub fn verify_mac(&self, purpose: &'static str, bytes: &[u8], mac: &[u8]) -> bool {
        self.mac(purpose, bytes).as_slice().ct_eq(mac).into()
    }

    /// A number that tells contents apart and reveals nothing about them.
    #[must_use]
    pub fn fingerprint(&self, purpose: &'static str, bytes: &[u8]) -> u64 {
        u64::from_le_bytes(self.keyed(purpose, bytes))
    }

    /// BLAKE3 in its keyed mode over the purpose, led by its length so that no purpose and
    /// content read as another purpose and content.
    fn keyed<const N: usize>(&self, purpose: &'static str, bytes: &[u8]) -> [u8; N] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes()).update(bytes);
        let mut hash = [0; N];
        hasher.finalize_xof().fill(&mut hash);
        hash
    }
}

fn parse(bytes: &[u8]) -> Option<Secret> {
    let (secret, crc) = bytes.split_first_chunk::<32>()?;
    (crc == crc32c::crc32c(secret).to_le_bytes()).then_some(Secret(*secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let made = Secret::open(&path).unwrap().mac("token", b"x");
        assert_eq!(Secret::open(&path).unwrap().mac("token", b"x"), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let other = Secret::open(&folder.path().join("other")).unwrap();
        assert_ne!(other.mac("token", b"x"), made);
    }

    #[test]
    fn a_damaged_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        Secret::open(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(Secret::open(&path), Err(Error::Damaged(_))), "cut at {length}");
        }
        let mut flipped = whole;
        flipped[3] ^= 1;
        fs::write(&path, flipped).unwrap();
        assert!(matches!(Secret::open(&path), Err(Error::Damaged(_))));
    }

    #[test]
    fn only_the_same_secret_purpose_and_content_verify() {
        let secret = Secret::from_seed(1);
        let mac = secret.mac("cart token", b"cart");
        assert!(secret.verify_mac("cart token", b"cart", &mac));
        assert!(!secret.verify_mac("cart token", b"carT", &mac));
        assert!(!secret.verify_mac("cart tokenc", b"art", &mac));
        assert!(!Secret::from_seed(2).verify_mac("cart token", b"cart", &mac));
        assert!(!secret.verify_mac("cart token", b"cart", &mac[..15]));
        assert!(!secret.verify_mac("cart token", b"cart", b""));
        assert_ne!(secret.fingerprint("body", b"a"), secret.fingerprint("mail", b"a"));
        assert_eq!(secret.fingerprint("body", b"a"), secret.fingerprint("body", b"a"));
    }
}
