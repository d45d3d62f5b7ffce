//! What happened in a run, as lines for people and as one hash.
//!
//! Invariant: everything that a run decided or saw goes through here, the bytes of the log
//! included, so two runs with the same hash were the same run.

use std::fmt;

/// The trace of one run.
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    /// Kept when somebody is to read them.
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new(keep_lines: bool) -> Trace {
        Trace { hasher: blake3::Hasher::new(), lines: keep_lines.then(Vec::new) }
    }

    /// Something happened.
    pub(super) fn note(&mut self, ms: u64, what: fmt::Arguments<'_>) {
        let line = format!("{:>9}.{:03} s  {what}", ms / 1_000, ms % 1_000);
        self.hasher.update(line.as_bytes()).update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// The log grew by this.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// All of it as one number.
    pub(crate) fn hash(&self) -> String {
        let mut hex = self.hasher.finalize().to_hex().to_string();
        hex.truncate(16);
        hex
    }

    /// The lines, if they were kept.
    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
