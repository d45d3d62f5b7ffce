//! The short texts that an admin writes beside a change: reasons, references and places.
//!
//! Invariant: they stand in the log for ever and in every list of movements, so each is one line
//! and bounded.

use super::problem::Problem;

/// The longest name of a location, in characters.
pub(super) const MAX_LOCATION: usize = 64;

/// The longest reason or reference, in characters.
pub(super) const MAX_TEXT: usize = 500;

/// `field` is the text's JSON pointer.
///
/// # Errors
/// It is blank, longer than `most` characters, or has control characters.
pub(super) fn check_text(field: &str, text: &str, most: usize) -> Result<(), Problem> {
    if !text.trim().is_empty()
        && text.chars().nth(most).is_none()
        && !text.contains(char::is_control)
    {
        return Ok(());
    }
    Err(Problem::invalid(field, format!("must be a text of 1 to {most} characters on one line")))
}
