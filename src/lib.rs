//! flowgate: policy-as-code compliance checks for AI data flows. [`check`] is the whole pipeline: declared flows in, findings out.
//!
//! The modules stand in the order data passes through them; `ARCHITECTURE.md` has the same table.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "a test that fails should fail loudly"
    )
)]

pub mod embedded;
pub mod problem;
pub mod table;

pub mod declare;
pub mod load;

pub mod validate;

pub mod packs;
pub mod vocabulary;

pub mod graph;

pub mod propagate;

pub mod facts;

pub mod judge;

pub mod finding;

pub mod record;

pub mod report;

mod check;
mod project;

pub mod compare;

pub mod rulebook;

pub mod cli;

pub use self::check::{Checked, Comparison, Options, Report, SeverityChange, check};
pub use self::project::Project;
