//! What anyone reads beyond one entity's own state: folds of committed events.

pub mod board;
