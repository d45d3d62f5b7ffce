//! Codes for variants that come without one, out of the product's handle and the variant's options.
//!
//! Invariant: a code is a function of both, so the same row gets the same code in every run.

use crate::domain::Sku;

/// Hexadecimal digits that tell apart what reads the same.
const HASH_DIGITS: usize = 8;

/// The readable code: `CLASSIC-VARSITY-TOP-SMALL`. `None` when there is nothing to read, or more
/// than fits.
fn readable(handle: &str, options: &[String]) -> Option<String> {
    let code = letters(handle, options);
    (!code.is_empty() && code.len() <= Sku::MAX_BYTES).then_some(code)
}

fn letters(handle: &str, options: &[String]) -> String {
    let mut code = String::new();
    for part in std::iter::once(handle).chain(options.iter().map(String::as_str)) {
        let words = part.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for word in words {
            if !code.is_empty() {
                code.push('-');
            }
            code.extend(word.chars().flat_map(char::to_uppercase));
        }
    }
    code
}

/// The code of a variant whose readable code nobody else has.
pub fn plain(handle: &str, options: &[String]) -> Option<Sku> {
    match readable(handle, options) {
        Some(code) => Sku::parse(&code),
        None => hashed(handle, options),
    }
}

/// The code of one whose readable code another variant has, or that is cut: with a hash behind.
pub fn hashed(handle: &str, options: &[String]) -> Option<Sku> {
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(handle).chain(options.iter().map(String::as_str)) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    let hash = hash.get(..HASH_DIGITS).unwrap_or_default().to_uppercase();
    let mut code = String::new();
    for letter in letters(handle, options).chars() {
        if code.len() + letter.len_utf8() + 1 + HASH_DIGITS > Sku::MAX_BYTES {
            break;
        }
        code.push(letter);
    }
    let code = code.trim_end_matches('-');
    Sku::parse(&format!("{}-{hash}", if code.is_empty() { "SKU" } else { code }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(handle: &str, options: &[&str]) -> (String, String) {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let text = |code: Option<Sku>| code.unwrap().to_string();
        (text(plain(handle, &options)), text(hashed(handle, &options)))
    }

    #[test]
    fn a_code_can_be_read_aloud() {
        assert_eq!(codes("classic-varsity-top", &["Small"]).0, "CLASSIC-VARSITY-TOP-SMALL");
        assert_eq!(codes("tee", &["Größe M / L", "b@r"]).0, "TEE-GRÖSSE-M-L-B-R");
        assert_eq!(codes("ocean-blue-shirt", &[]).0, "OCEAN-BLUE-SHIRT");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_told_apart() {
        let long = "é".repeat(60);
        let (one, other) = (codes(&long, &["a"]).0, codes(&long, &["b"]).0);
        assert!(one.len() <= Sku::MAX_BYTES && other.len() <= Sku::MAX_BYTES);
        assert_ne!(one, other);
        assert_eq!(one, codes(&long, &["a"]).0);
        assert!(codes("---", &[]).0.starts_with("SKU-"));
        assert_ne!(codes("a", &["b-c"]).1, codes("a-b", &["c"]).1);
    }
}
