//! Limits of the system: memory, stack, threads, open files, sizes. A run that cannot go on ends with 2, or is killed; it never says 0 or 1.

use std::fs::{self, File};
use std::time::Instant;

use super::{EAGAIN, EMFILE, Folder, Ran};

/// Judged as without limits, or no verdict at all and no report.
fn is_judged_or_ended(folder: &Folder, ran: &Ran, truth: &Ran, why: &str) {
    let report = fs::read_to_string(folder.path("report.json")).ok();
    if ran.status.code() == truth.status.code() && report.is_some() {
        assert_eq!(report.as_deref(), Some(truth.out.as_str()), "{why}");
    } else {
        // The loader of the system has codes of its own when a program cannot even start.
        assert!(!matches!(ran.status.code(), Some(0 | 1)), "{why}: {ran:?}");
        assert!(report.is_none() || report.is_some_and(|r| r.contains("\"problems\"")), "{why}: {ran:?}");
    }
    folder.is_tidy(why);
    let _ = fs::remove_file(folder.path("report.json"));
}

#[test]
fn without_open_files_nothing_is_judged() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check", "--format", "json"]);
    for files in [3, 4, 5, 6, 8, 12, 64] {
        let ran = folder.under(&format!("ulimit -n {files}; exec \"$@\""), &["check", "--format", "json", "--output", "report.json"]);
        is_judged_or_ended(&folder, &ran, &truth, &format!("{files} files"));
    }
    let Some(ran) = folder.with_fault(&format!("open:0:{EMFILE}"), &["check"]) else { return };
    assert!(ran.code() == 2 && format!("{}{}", ran.out, ran.err).contains("too many open files"), "{ran:?}");
}

#[test]
fn without_memory_or_stack_there_is_no_report() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check", "--format", "json"]);
    let args = ["check", "--format", "json", "--output", "report.json"];
    let mut judged = 0;
    for kib in [30_000, 60_000, 100_000, 150_000, 200_000, 230_000, 260_000, 300_000, 400_000, 4_000_000] {
        let ran = folder.under(&format!("ulimit -v {kib}; exec \"$@\""), &args);
        judged += usize::from(ran.status.code() == Some(1));
        is_judged_or_ended(&folder, &ran, &truth, &format!("{kib} KiB of memory"));
    }
    assert!((1..10).contains(&judged), "{judged} of 10 were judged");
    for kib in [16, 64, 128, 256, 512, 8192] {
        let ran = folder.under(&format!("ulimit -s {kib}; exec \"$@\""), &args);
        is_judged_or_ended(&folder, &ran, &truth, &format!("{kib} KiB of stack"));
    }
}

#[test]
fn without_threads_nothing_is_judged_and_with_few_everything() {
    let folder = Folder::repository();
    let commands: [&[&str]; 7] =
        [&["check"], &["check", "--base", "main"], &["graph"], &["diff", "main"], &["rules"], &["test", "packs"], &["evidence"]];
    for args in commands {
        let truth = folder.run(args);
        let Some(ran) = folder.with_fault(&format!("thread:0:{EAGAIN}"), args) else { return };
        assert_eq!(ran.code(), 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains("error[judge/no-threads]: cannot start threads"), "{args:?}: {}", ran.err);
        // One that cannot be had is done without, where there is another.
        if std::thread::available_parallelism().is_ok_and(|n| n.get() == 1) {
            continue;
        }
        let ran = folder.with_fault(&format!("thread:1:{EAGAIN}"), args).unwrap();
        assert_eq!((ran.code(), ran.out), (truth.code(), truth.out), "{args:?}");
    }
}

#[test]
fn a_file_of_two_gigabytes_is_refused_unread() {
    let folder = Folder::leaking();
    File::create(folder.path("flows/huge.flow.yaml")).unwrap().set_len(2 << 30).unwrap();
    let start = Instant::now();
    // Less than half of it would not fit.
    let ran = folder.under("ulimit -v 900000; exec \"$@\"", &["check"]);
    assert!(ran.code() == 2 && ran.out.contains("huge.flow.yaml"), "{ran:?}");
    assert!(ran.out.contains("route/raw-must-stay"), "the other file is judged: {}", ran.out);
    assert!(start.elapsed().as_secs() < 60);
}

#[test]
fn a_document_of_two_gigabytes_is_refused_unread() {
    let folder = Folder::leaking();
    let text = folder.read("flowgate.yaml");
    let evidence = "\nevidence:\n  big: { type: risk_analysis, uri: big.bin, date: 2026-01-01, owner: x, sha256: 00 }\n";
    folder.write("flowgate.yaml", &(text + evidence));
    File::create(folder.path("big.bin")).unwrap().set_len(2 << 30).unwrap();
    for args in [&["check"][..], &["evidence"]] {
        let ran = folder.under("ulimit -v 900000; exec \"$@\"", args);
        assert!(matches!(ran.status.code(), Some(1 | 2)), "{args:?}: {ran:?}");
    }
    let bundle = folder.read("flowgate-evidence/evidence.json");
    assert!(bundle.contains("cannot read `big.bin`: it has more than 1073741824 bytes"), "{bundle:.2000}");
    // As a baseline, and as a pack's file.
    let ran = folder.under("ulimit -v 900000; exec \"$@\"", &["check", "--baseline", "big.bin"]);
    assert!(ran.code() == 2 && ran.err.contains("it has more than"), "{ran:?}");
}
