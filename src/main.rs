//! The binary: parse the arguments, call the library, exit with its code.

use std::process::ExitCode;

use clap::Parser as _;
use flowgate::cli::{Args, run};

fn main() -> ExitCode {
    run(&Args::parse()).into()
}
