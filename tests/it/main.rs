//! Everything that is not a rule's own fixture, in one binary: each binary that links Cedar is large.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that fails should fail loudly, and one that cannot run, or counts what it tried, says so"
)]

mod action;
#[cfg(unix)]
mod bad_input;
mod base;
mod bench;
mod cli;
mod common;
mod diff;
mod drawings;
mod evidence;
mod evidence_bundle;
mod examples;
#[cfg(unix)]
mod faults;
mod formats;
mod fuzz;
mod headlines;
mod leaks;
mod limits;
mod metamorphic;
mod oracle;
mod page;
mod rulebook;
mod security;
mod summary;
mod tidy;
mod traps;
