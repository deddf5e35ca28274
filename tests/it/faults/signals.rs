//! Signals in the middle: the run dies of them, as whoever sent them expects, and leaves no file that is half done.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::{Folder, kill, wait};

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGTERM: i32 = 15;

#[test]
fn a_signal_while_a_report_is_written_leaves_the_one_before() {
    let folder = Folder::leaking();
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        for call in ["open", "write", "fsync"] {
            folder.write("report.json", "the one before");
            let path = if call == "open" { "-0.tmp" } else { ".tmp" };
            let args = ["check", "--format", "json", "--output", "report.json"];
            let Some(ran) = folder.with_fault(&format!("{call}:1:signal{signal}:{path}"), &args) else { return };
            assert_eq!((ran.signal(), ran.out.as_str(), ran.err.as_str()), (Some(signal), "", ""), "{call}");
            assert_eq!(folder.read("report.json"), "the one before", "{call}");
            folder.is_tidy(call);
        }
    }
    // None was there before, and none is there afterwards.
    fs::remove_file(folder.path("report.json")).unwrap();
    let ran = folder.with_fault("fsync:1:signal2", &["check", "--output", "report.json"]).unwrap();
    assert_eq!((ran.signal(), folder.path("report.json").exists()), (Some(SIGINT), false));
}

#[test]
fn a_signal_when_the_report_takes_its_place_comes_too_late_for_it() {
    let folder = Folder::leaking();
    let args = ["check", "--format", "json", "--output", "report.json"];
    let truth = folder.run(&["check", "--format", "json"]).out;
    let Some(ran) = folder.with_fault("rename:1:signal15", &args) else { return };
    assert_eq!((ran.signal(), ran.out.as_str()), (Some(SIGTERM), ""));
    assert_eq!(folder.read("report.json"), truth);
    folder.is_tidy("rename");
}

#[test]
fn bundles_and_new_folders_are_taken_back() {
    let folder = Folder::repository();
    let before = crate::common::walk(&folder.0);
    for args in [&["evidence"][..], &["init", "other"], &["new", "rule", "gamma/raw-export", "--dir", "more"], &["baseline"]] {
        let Some(ran) = folder.with_fault("fsync:1:signal2", args) else { return };
        assert_eq!(ran.signal(), Some(SIGINT), "{args:?}: {ran:?}");
        assert_eq!(crate::common::walk(&folder.0), before, "{args:?}");
        for name in ["flowgate-evidence", "other", "more"] {
            assert!(!folder.path(name).exists(), "{args:?} leaves {name}");
        }
    }
}

#[test]
fn a_run_that_waits_can_be_ended() {
    let folder = Folder::leaking();
    // For standard input, with nothing written yet; and with signals under watch, for a reader of a pipe.
    let mut waiting = folder.interruptible(&["check", "-"]);
    waiting.stdin(Stdio::piped());
    let mut child = waiting.spawn().unwrap();
    let input = child.stdin.take();
    kill(&child, "INT");
    assert_eq!(wait(child, "stdin").signal(), Some(SIGINT));
    drop(input);

    assert!(std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    for (name, signal) in [("INT", SIGINT), ("TERM", SIGTERM), ("HUP", SIGHUP)] {
        let child = folder.interruptible(&["check", "--report", "json=first.json", "--output", "pipe"]).spawn().unwrap();
        while !folder.path("first.json").exists() {
            thread::sleep(Duration::from_millis(5));
        }
        kill(&child, name);
        assert_eq!(wait(child, "pipe").signal(), Some(signal));
        serde_json::from_str::<serde_json::Value>(&folder.read("first.json")).unwrap();
        fs::remove_file(folder.path("first.json")).unwrap();
        folder.is_tidy(name);
    }
}

#[test]
fn who_starts_a_run_to_outlive_a_signal_gets_its_report() {
    let folder = Folder::leaking();
    let Some(shim) = super::shim() else { return };
    let truth = folder.run(&["check", "--format", "json"]).out;
    for (name, number) in [("HUP", SIGHUP), ("INT", SIGINT)] {
        // As `nohup` does it, and a shell with `&`.
        let script = format!("trap '' {name}; LD_PRELOAD={} FAULT=fsync:1:signal{number} exec \"$@\"", shim.display());
        let ran = folder.under(&script, &["check", "--format", "json", "--output", "report.json"]);
        assert_eq!((ran.code(), folder.read("report.json")), (1, truth.clone()), "{name}: {ran:?}");
        fs::remove_file(folder.path("report.json")).unwrap();
    }
}

#[test]
fn a_run_that_was_killed_outright_is_not_in_the_way_of_the_next() {
    let folder = Folder::leaking();
    let Some(ran) = folder.with_fault("fsync:1:signal9", &["check", "--output", "report.txt"]) else { return };
    assert_eq!((ran.signal(), folder.path("report.txt").exists()), (Some(9), false));
    // In a container the next run has the same process id, and so would name its file alike.
    let script = "i=0; while [ $i -lt 3 ]; do echo left >.flowgate-$$-$i.tmp; i=$((i+1)); done; exec \"$@\"";
    let ran = folder.under(script, &["check", "--output", "report.txt"]);
    assert_eq!((ran.code(), folder.read("report.txt")), (1, folder.run(&["check"]).out), "{ran:?}");
}
