//! The machine as given, when, then tables.
