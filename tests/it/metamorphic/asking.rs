//! The same project judged in another way.

use flowgate::load::Limits;
use flowgate::report::{Format, Style, render};
use flowgate::{Project, check};

use super::claims::differences;
use super::hold_in;
use super::spelling::said;
use crate::common::{options, projects, root};

/// Only policies whose scope can match are asked. Asking all of them every question changes nothing.
#[test]
fn slicing_never_changes_a_verdict() {
    // One rule alone makes a small difference, and every policy every question is slow.
    hold_in(12, "slicing", 120, |subject, tally| {
        let sliced = said(&subject.before());
        let mut options = subject.options.clone();
        options.slicing = false;
        tally.pair("all questions to all", differences(&sliced, &said(&check(&subject.project, &options))));
    });
}

/// The same input gives the same bytes.
#[test]
fn a_report_is_the_same_on_repeat() {
    let style = Style { width: 100, color: true, unicode: true, links: false };
    for folder in projects("examples") {
        let once = || {
            let report = check(&Project::read(&folder, &Limits::default()), &options());
            render(&report, Format::Human, &style) + &render(&report, Format::Json, &style)
        };
        assert_eq!(once(), once(), "{}", folder.strip_prefix(root()).unwrap().display());
    }
    hold_in(12, "repeat", 120, |subject, tally| {
        let once = || render(&subject.check(&subject.project), Format::Human, &style);
        tally.pair("again", if once() == once() { Vec::new() } else { vec!["another report".to_owned()] });
    });
}
