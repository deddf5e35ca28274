//! Everything that is not a rule's own fixture, in one binary: each binary that links Cedar is large.

mod bench;
mod common;
mod examples;
mod mutation;
mod properties;
mod tidy;
mod traps;
