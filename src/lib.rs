//! Doorbuster: a commerce backend for the minute in which everybody comes at once.
//!
//! Modules in reading order; imports run from the bottom of this list to the top.

pub mod actors;
pub mod domain;
pub mod journal;
pub mod ports;
pub mod views;
