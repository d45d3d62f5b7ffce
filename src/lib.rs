//! Doorbuster: a commerce backend for the minute in which everybody comes at once.
//!
//! Modules in reading order; imports run from the bottom of this list to the top.

pub mod domain;
pub mod load;
