//! Every parser of bytes from outside against bytes that nobody meant: mutations of what the real
//! writers wrote, so that most of each input is right and reaches deep.
//!
//! A parser may refuse, it may not panic, and it may not take more memory than its input is worth.
//! `DOORBUSTER_FUZZ=1000000 cargo test --release --test fuzz` tries so many inputs on each; the
//! default is short. `DOORBUSTER_FUZZ_SEED=7` begins elsewhere. A failure names target, seed and
//! input number, and shows the input; the same seed makes the same inputs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what is not so fails the test"
)]

mod door;
mod files;
mod harness;
mod log;
mod text;
