//! Where a list goes on: the last key that was given, as hexadecimal text that means nothing to
//! whoever carries it.
//!
//! Invariant: a text that no list made is no cursor, never a panic.

use std::fmt::Write as _;

pub(super) fn text(key: &[u8]) -> String {
    key.iter().fold(String::with_capacity(key.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn key(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

/// The key in `text` if it is `prefix` and so many bytes more, as every key of the list is.
pub(super) fn below(text: &str, prefix: &[u8], more_bytes: usize) -> Option<Vec<u8>> {
    key(text).filter(|key| key.strip_prefix(prefix).is_some_and(|rest| rest.len() == more_bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cursor_reads_what_it_writes_and_nothing_else() {
        assert_eq!(super::key(&super::text(b"\0\x7f\xff")), Some(b"\0\x7f\xff".to_vec()));
        for foreign in ["a", "zz", "é", "+1"] {
            assert_eq!(super::key(foreign), None);
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_none() {
        let is = |text: &str, prefix: &[u8], more| super::below(text, prefix, more).is_some();
        let text = super::text(b"l12");
        assert!(is(&text, b"l", 2) && is(&text, b"", 3));
        assert!(!is(&text, b"l", 3) && !is(&text, b"p", 2));
        assert!(!is("", b"l", 0) && !is("6c6", b"l", 1));
    }
}
