//! What a run finds around it: variables, folders that are gone, clocks that are wrong, terminals that are odd, and a defect of its own.

use super::{Folder, finish};

/// Variables that other tools obey, with values that would lead astray.
const HOSTILE: [(&str, &str); 36] = [
    ("GIT_DIR", "/nonexistent"),
    ("GIT_WORK_TREE", "/nonexistent"),
    ("GIT_COMMON_DIR", "/nonexistent"),
    ("GIT_INDEX_FILE", "/nonexistent"),
    ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
    ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nonexistent"),
    ("GIT_CEILING_DIRECTORIES", "/"),
    ("GIT_DISCOVERY_ACROSS_FILESYSTEM", "nonsense"),
    ("GIT_NAMESPACE", "other"),
    ("GIT_REPLACE_REF_BASE", "refs/heads"),
    ("GIT_SHALLOW_FILE", "/nonexistent"),
    ("GIT_GRAFT_FILE", "/nonexistent"),
    ("GIT_CONFIG", "/nonexistent"),
    ("GIT_CONFIG_GLOBAL", "/dev/full"),
    ("GIT_CONFIG_SYSTEM", "/nonexistent"),
    ("GIT_CONFIG_COUNT", "99999999"),
    ("GIT_CONFIG_PARAMETERS", "'core.bare=true"),
    ("GIT_TRACE", "1"),
    ("GIT_EXTERNAL_DIFF", "false"),
    ("GIT_SSH_COMMAND", "false"),
    ("CARGO_MANIFEST_DIR", "/nonexistent"),
    ("CARGO_HOME", "/nonexistent"),
    ("RUST_BACKTRACE", "full"),
    ("RUST_LOG", "trace"),
    ("RUST_MIN_STACK", "1"),
    ("RAYON_NUM_THREADS", "4000000000"),
    ("RAYON_RS_NUM_CPUS", "4000000000"),
    ("HOME", "/nonexistent"),
    ("TMPDIR", "/nonexistent"),
    ("XDG_CONFIG_HOME", "/nonexistent"),
    ("TZ", ":/nonexistent/../../etc/passwd"),
    ("LC_ALL", "xx_XX.ISO-8859-15"),
    ("LANG", "\u{1}"),
    ("TERM", "\u{1b}]0;x"),
    ("PATH", "/nonexistent"),
    ("SOURCE_DATE_EPOCH", "0"),
];

#[test]
fn no_variable_changes_a_verdict() {
    let folder = Folder::repository();
    for args in [&["check", "--base", "main"][..], &["check", "--format", "json"], &["diff", "main"], &["rules"]] {
        let truth = folder.run(args);
        let mut hostile = folder.command(args);
        hostile.envs(HOSTILE);
        let mut none = folder.command(args);
        none.env_clear();
        for command in [hostile, none] {
            let ran = finish(command);
            assert_eq!((ran.code(), &ran.out, &ran.err), (truth.code(), &truth.out, &truth.err), "{args:?}");
        }
    }
    // One by one, for what two of them hide together.
    let truth = folder.run(&["check", "--base", "main"]);
    for (name, value) in HOSTILE.into_iter().filter(|(name, _)| name.starts_with("GIT_")) {
        let mut command = folder.command(&["check", "--base", "main"]);
        command.env(name, value);
        let ran = finish(command);
        assert_eq!((ran.code(), &ran.out), (truth.code(), &truth.out), "{name}");
    }
}

#[test]
fn any_width_is_a_width() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check", "--format", "json"]).out;
    let widths = ["0", "-1", "19", "20", "65535", "65536", "100000000", "9223372036854775807", "18446744073709551615", "1e9", "x"];
    for width in widths {
        for (args, code) in [(&["check"][..], 1), (&["rules"], 0), (&["explain", "core"], 0), (&["check", "--help"], 0)] {
            let mut command = folder.command(args);
            command.env("COLUMNS", width);
            let ran = finish(command);
            assert_eq!((ran.code(), ran.err.as_str()), (code, ""), "COLUMNS={width} {args:?}");
            assert!(ran.out.len() < 2_000_000, "COLUMNS={width} {args:?}: {} bytes", ran.out.len());
        }
        let mut command = folder.command(&["check", "--format", "json"]);
        command.env("COLUMNS", width);
        assert_eq!(finish(command).out, truth);
    }
    for width in ["0", "19", "65536", "-1"] {
        assert_eq!(folder.run(&["check", &format!("--width={width}")]).code(), 2);
    }
}

#[test]
fn a_folder_that_is_gone_is_no_project() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check"]);
    let gone = "mkdir gone && cd gone && rmdir ../gone && exec \"$@\"";
    for args in [&["check"][..], &["evidence"], &["baseline"], &["graph"], &["diff", "main"], &["init"], &["check", "-"]] {
        let ran = folder.under(gone, args);
        assert_eq!(ran.code(), 2, "{args:?}: {ran:?}");
        assert!(format!("{}{}", ran.out, ran.err).contains("error["), "{args:?}: {ran:?}");
    }
    // A project by its own path is judged from nowhere, too.
    let path = folder.0.to_str().unwrap();
    let ran = folder.under(gone, &["check", path]);
    assert_eq!((ran.code(), ran.out), (1, truth.out));
}

#[test]
fn a_clock_that_cannot_be_right_dates_nothing() {
    let folder = Folder::leaking();
    let says = |seconds: &str, what: &str| {
        for args in [&["check"][..], &["evidence"], &["graph"], &["baseline"], &["diff", "."]] {
            let Some(ran) = folder.with_fault(&format!("clock:0:{seconds}"), args) else { return };
            assert_eq!(ran.code(), 2, "{args:?}: {ran:?}");
            let expected = format!(
                "error[cli/clock]: the clock says {what}, which cannot be: there was no flowgate before 2026-01-01\n  \
                 help: set the clock, or name the day of judging (`--as-of YYYY-MM-DD`)\n"
            );
            assert_eq!(ran.err, expected, "{args:?}");
            assert!(!folder.path("flowgate-evidence").exists() && !folder.path("flowgate.baseline.json").exists());
        }
        // With a date of its own a run asks no clock.
        let args = ["check", "--as-of", "2026-07-01"];
        let (ran, truth) = (folder.with_fault(&format!("clock:0:{seconds}"), &args).unwrap(), folder.run(&args));
        assert_eq!((ran.code(), ran.out), (1, truth.out));
    };
    says("-1000000", "1969-12-20");
    says("0", "1970-01-01");
    says("1767225599", "2025-12-31");
    says("9999999999999", "no date");
    // The near miss: the first second that can be.
    let Some(ran) = folder.with_fault("clock:0:1767225600", &["check"]) else { return };
    assert!(ran.out.contains("2026-01-01"), "{ran:?}");
    // A commit dates a bundle without a clock.
    let folder = Folder::repository();
    assert_eq!(folder.with_fault("clock:0:0", &["evidence"]).unwrap().code(), 0);
}

#[test]
fn a_defect_of_its_own_is_no_verdict() {
    let folder = Folder::leaking();
    // The standard library panics when the system has no clock at all: a panic that nobody had to build in.
    let Some(ran) = folder.with_fault("clock:0:fails", &["check", "--output", "report.txt"]) else { return };
    assert_eq!((ran.code(), ran.out.as_str()), (2, ""), "{ran:?}");
    let (first, help) = ran.err.split_once('\n').unwrap();
    assert!(first.starts_with(&format!("error[flowgate/defect]: flowgate {} panicked at /", env!("CARGO_PKG_VERSION"))), "{first}");
    assert!(first.ends_with("; nothing was judged"), "{first}");
    assert_eq!(help, "  help: this is a defect of flowgate and not of the project: please report it with this line and the command\n");
    assert!(!folder.path("report.txt").exists());
}
