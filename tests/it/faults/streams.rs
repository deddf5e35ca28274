//! Standard streams that are full, closed, slow, or gone.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::{Folder, wait};

/// Every command that prints, with the exit code it has when it can.
const PRINTING: [(&[&str], i32); 17] = [
    (&["check"], 1),
    (&["check", "--format", "json"], 1),
    (&["check", "--format", "sarif"], 1),
    (&["check", "--format", "github"], 1),
    (&["check", "--format", "markdown"], 1),
    (&["check", "--format", "junit"], 1),
    (&["check", "--format", "html"], 1),
    (&["check", "--output", "/dev/stdout"], 1),
    (&["graph"], 0),
    (&["graph", "--format", "svg"], 0),
    (&["diff", "main"], 0),
    (&["rules"], 0),
    (&["explain", "core"], 0),
    (&["schema", "flow"], 0),
    (&["test", "packs"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
];

#[test]
fn a_report_that_does_not_fit_on_standard_output_gives_two() {
    let folder = Folder::repository();
    for (args, _) in PRINTING {
        let ran = folder.under("exec \"$@\" >/dev/full", args);
        assert_eq!(ran.code(), 2, "{args:?}: {ran:?}");
    }
    let ran = folder.under("exec \"$@\" >/dev/full", &["check"]);
    assert_eq!(
        ran.err,
        "error[cli/output]: cannot write to standard output: no storage space\n  \
         help: what was printed is not whole; `--output FILE` writes a report whole or not at all\n"
    );
    // The near miss: nothing is wrong with standard output.
    for (args, code) in PRINTING {
        let ran = folder.run(args);
        assert_eq!((ran.code(), ran.out.is_empty()), (code, false), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_file_that_may_grow_no_more_gives_two_and_a_message() {
    let folder = Folder::leaking();
    // The shell counts blocks of 512 or of 1024 bytes: the report has more.
    let ran = folder.under("ulimit -f 1; exec \"$@\" >report.txt", &["check"]);
    assert_eq!(ran.code(), 2, "{ran:?}");
    assert!(ran.err.starts_with("error[cli/output]: cannot write to standard output: file too large\n"), "{}", ran.err);
    let ran = folder.under("ulimit -f 1; exec \"$@\"", &["check", "--output", "own.txt"]);
    assert_eq!(ran.code(), 2, "{ran:?}");
    assert!(ran.err.starts_with("error[cli/output]: cannot write `own.txt`: file too large\n"), "{}", ran.err);
    assert!(!folder.path("own.txt").exists());
    folder.is_tidy("ulimit -f");
}

#[test]
fn a_reader_that_leaves_does_not_change_the_verdict() {
    let folder = Folder::repository();
    for (args, code) in PRINTING {
        let mut child = folder.command(args).spawn().unwrap();
        drop(child.stdout.take());
        let ran = wait(child, &format!("{args:?}"));
        assert!(ran.code() == code && !ran.err.contains("error["), "{args:?}: {ran:?}");
        // It leaves when it has seen one byte.
        let mut child = folder.command(args).spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        assert_eq!(wait(child, &format!("{args:?}")).code(), code, "{args:?}");
    }
}

#[test]
fn streams_that_were_never_open_are_like_the_null_device() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check"]);
    for script in ["exec \"$@\" >&-", "exec \"$@\" 2>&-", "exec \"$@\" <&-", "exec \"$@\" <&- >&- 2>&-", "exec \"$@\" 2>/dev/full"] {
        assert_eq!(folder.under(script, &["check"]).code(), 1, "{script}");
    }
    assert_eq!(folder.under("exec \"$@\" 2>&-", &["check"]).out, truth.out);
    // A file that is opened gets the number of a stream that was closed: the report must not run into it.
    let ran = folder.under("exec \"$@\" <&- >&- 2>&-", &["check", "--output", "report.txt"]);
    assert_eq!((ran.code(), folder.read("report.txt")), (1, truth.out));
}

#[test]
fn no_standard_input_is_no_workflow() {
    let folder = Folder::leaking();
    let ran = folder.under("exec \"$@\" <&-", &["check", "-"]);
    assert!(ran.code() == 2 && ran.out.contains("the file is empty"), "{ran:?}");
    let ran = folder.under("exec \"$@\" <flows", &["check", "-"]);
    assert!(ran.code() == 2 && ran.out.contains("cannot read standard input: is a directory"), "{ran:?}");
    let ran = folder.under("exec \"$@\" <flows/example.flow.yaml", &["check", "-"]);
    assert_eq!(ran.code(), 1, "{ran:?}");
}

#[test]
fn a_stream_that_takes_no_more_for_now_is_waited_for() {
    let folder = Folder::leaking();
    let args = ["check", "--format", "html"];
    let truth = folder.run(&args);
    let (mut reader, writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let mut command = folder.command(&args);
    command.stdout(Stdio::from(OwnedFd::from(writer)));
    let child = command.spawn().unwrap();
    // The command keeps a copy of the other end.
    drop(command);
    let mut out = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match reader.read(&mut piece).unwrap() {
            0 => break,
            n => out.extend_from_slice(&piece[..n]),
        }
        thread::sleep(Duration::from_millis(1));
    }
    let ran = wait(child, "nonblocking");
    assert_eq!((ran.code(), ran.err.as_str()), (1, ""));
    assert!(out.len() > 50_000 && out == truth.out.into_bytes(), "{} bytes", out.len());
}

#[test]
fn two_reports_on_standard_output_stand_one_behind_the_other() {
    let folder = Folder::leaking();
    let (json, human) = (folder.run(&["check", "--format", "json"]).out, folder.run(&["check"]).out);
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let report = format!("--report=json={name}");
        // As a file, whose beginning a second opening would write over.
        let ran = folder.under("exec \"$@\" >both.txt", &["check", &report]);
        assert_eq!((ran.code(), folder.read("both.txt")), (1, format!("{json}{human}")), "{name}");
        assert_eq!(folder.run(&["check", &report]).out, format!("{json}{human}"), "{name}");
    }
    let ran = folder.run(&["check", "--report=json=/dev/stderr"]);
    assert_eq!((ran.code(), ran.out, ran.err), (1, human, json));
}

#[test]
fn short_and_failing_writes_are_seen() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check"]);
    // Half of each write is taken: the rest follows.
    if let Some(ran) = folder.with_fault("write:0:short", &["check"]) {
        assert_eq!((ran.code(), ran.out), (1, truth.out.clone()));
    }
    folder.each_failing("write", super::EIO, &["check"], || (), |fault, ran| ran.is_refused_or(&truth, fault));
    if let Some(ran) = folder.with_fault(&format!("write:0:{}", super::EIO), &["check"]) {
        assert_eq!((ran.code(), ran.out.as_str()), (2, ""), "{ran:?}");
    }
}
