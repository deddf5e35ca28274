//! The two streams: results to standard output, everything else to standard error. It knows the terminal's width and abilities, and never
//! fails because a reader went away.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::{Exit, Global, When, output, text};
use crate::problem::{Place, Problem, why};
use crate::report::Style;

/// Columns where neither the terminal nor the user says how many.
const COLUMNS: usize = 100;

/// What the streams can do, and what the user asked of them.
#[derive(Debug)]
pub(super) struct Console {
    color: bool,
    always: bool,
    unicode: bool,
    links: bool,
    width: Option<usize>,
    quiet: bool,
    watched: bool,
}

impl Console {
    /// Looks at the streams and the environment once.
    pub(super) fn new(global: &Global) -> Self {
        let terminal = io::stdout().is_terminal();
        let smart = terminal && variable("TERM").as_deref() != Some("dumb");
        let color = match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto if variable("NO_COLOR").is_some() => false,
            When::Auto if variable("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
            When::Auto => smart && variable("CLICOLOR").as_deref() != Some("0"),
        };
        // No more than `--width` takes: tables are padded to it.
        let stated = || variable("COLUMNS")?.parse::<usize>().ok().filter(|n| *n >= 20).map(|n| n.min(usize::from(u16::MAX)));
        let told = global.width.map(usize::from).or_else(stated);
        let told = told.or_else(|| Some(usize::from(terminal_size::terminal_size_of(io::stdout())?.0.0).max(20)));
        Self {
            color,
            always: global.color == When::Always,
            unicode: smart && speaks_utf8(),
            links: smart && color && shows_links(),
            width: told.or(terminal.then_some(80)),
            quiet: global.quiet,
            watched: io::stderr().is_terminal(),
        }
    }

    /// How reports to standard output look.
    pub(super) fn style(&self) -> Style {
        Style { width: self.width.unwrap_or(COLUMNS), color: self.color, unicode: self.unicode, links: self.links }
    }

    /// How reports in a file look: as in a pipe; colour only where it was asked for.
    pub(super) fn style_of_file(&self) -> Style {
        Style { width: self.width.unwrap_or(COLUMNS), color: self.always, unicode: false, links: false }
    }

    /// The columns to wrap lists and pages at; none in a pipe, where one line for each thing serves best.
    pub(super) fn wrap(&self) -> Option<usize> {
        self.width
    }

    /// The user wants silence where there is nothing to act on.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Somebody watches standard error.
    pub(super) fn watched(&self) -> bool {
        self.watched && !self.quiet
    }

    /// Text in bold, where the terminal can.
    pub(super) fn bold(&self, text: &str) -> String {
        if self.color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Writes a result to standard output. A closed pipe is the reader's choice and no failure.
    pub(super) fn print(&self, text: &str) -> Result<(), Problem> {
        output::put(&mut io::stdout().lock(), text).or_else(output::reader_left).map_err(|error| {
            Problem::new("cli/output", format!("cannot write to standard output: {}", why(&error)))
                .help("what was printed is not whole; `--output FILE` writes a report whole or not at all")
        })
    }

    /// Writes a line to standard error. There is nobody to tell when that fails.
    pub(super) fn tell(&self, line: &str) {
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "{}", text::line(line));
    }

    /// Says what stands in the way; the run could not judge.
    pub(super) fn refuse(&self, problems: &[Problem]) -> Exit {
        for problem in problems {
            self.tell(&format!("error[{}]: {}", problem.code, problem.message));
            for place in &problem.places {
                self.tell(&format!("  at {}", spot(place)));
            }
            if let Some(help) = &problem.help {
                self.tell(&format!("  help: {help}"));
            }
        }
        if problems.is_empty() { Exit::Clean } else { Exit::NotJudged }
    }
}

/// `file:line:column`, and what is there.
fn spot(place: &Place) -> String {
    let (line, column) = place.file.line_column(place.span.start);
    let label = if place.label.is_empty() { String::new() } else { format!(": {}", place.label) };
    if place.file.text.is_empty() { format!("{}{label}", place.file.name) } else { format!("{}:{line}:{column}{label}", place.file.name) }
}

/// A path as messages show it.
pub(super) fn shown(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    match path.strip_prefix("./") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ if path.is_empty() => ".".to_owned(),
        _ => path,
    }
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|v| !v.is_empty())
}

fn speaks_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default().to_ascii_lowercase();
    cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8")
}

/// Terminals that are known to make links of OSC 8; others print nothing or rubbish.
fn shows_links() -> bool {
    const PROGRAMS: [&str; 6] = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio"];
    let program = variable("TERM_PROGRAM").is_some_and(|p| PROGRAMS.contains(&p.as_str()));
    let vte = variable("VTE_VERSION").and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v >= 5000);
    program || vte || ["WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION"].into_iter().any(|name| variable(name).is_some())
}
