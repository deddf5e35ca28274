//! Everything that is not a rule's own fixture, in one binary: each binary that links Cedar is large.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails should fail loudly"
)]

mod bench;
mod cli;
mod common;
mod evidence;
mod examples;
mod leaks;
mod properties;
mod rulebook;
mod tidy;
mod traps;
