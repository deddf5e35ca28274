//! The binary: parse the arguments, call the library, exit with its code.

use std::io::{self, ErrorKind, Write as _};
use std::panic::{self, PanicHookInfo};
use std::process::{self, ExitCode};

use clap::Parser as _;
use flowgate::cli::{Args, Exit, run};

fn main() -> ExitCode {
    panic::set_hook(Box::new(defect));
    match Args::try_parse() {
        Ok(args) => run(&args).into(),
        Err(told) => match told.print() {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::NotJudged.into(),
            _ => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2)),
        },
    }
}

/// A defect of flowgate's own is no verdict: exit code 2, never 1. Says where, and not what: a panic's text may quote the files that were read.
fn defect(about: &PanicHookInfo<'_>) {
    let place = about.location().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(
        io::stderr(),
        "error[flowgate/defect]: flowgate {} panicked at {place}; nothing was judged\n  help: this is a defect of flowgate and not of the \
         project: please report it with this line and the command",
        env!("CARGO_PKG_VERSION")
    );
    process::exit(2)
}
