//! Files that change, grow or vanish between listing and reading, and disks that cannot be read for a moment.

use std::fs;

use super::{EACCES, EIO, EMFILE, Folder};

const WAIVER: &str = "waivers:\n  - { rule: acme/raw-export, workflow: support-answers, from: tickets, to: drafter, datum: tickets.text, reason: known, \
                      approver: robin, expires: 2027-06-30 }\n";

#[test]
fn a_call_that_fails_changes_no_verdict() {
    let folder = Folder::repository();
    let truth = folder.run(&["check"]);
    assert!(truth.code() == 1 && truth.out.contains("acme/raw-export") && truth.out.contains("beta/raw-export"), "{truth:?}");
    for (call, what) in [("stat", EACCES), ("stat", EIO), ("opendir", EMFILE), ("readdir", EIO), ("open", EMFILE), ("realpath", EIO)] {
        folder.each_failing(call, what, &["check"], || (), |fault, ran| ran.is_refused_or(&truth, fault));
    }
}

#[test]
fn a_call_that_fails_while_the_base_is_read_changes_no_verdict() {
    let folder = Folder::repository();
    let args = ["check", "--base", "main"];
    let truth = folder.run(&args);
    assert!(truth.code() == 1 && truth.out.contains("new"), "{truth:?}");
    for (call, what) in [("open", EMFILE), ("mmap", 12), ("read", EIO), ("opendir", EACCES)] {
        folder.each_failing(call, what, &args, || (), |fault, ran| ran.is_refused_or(&truth, fault));
    }
}

#[test]
fn a_base_that_lacks_an_object_makes_nothing_look_unchanged() {
    let folder = Folder::repository();
    // The base has the leak and a waiver of it; the change takes the waiver away.
    folder.write("flowgate.waivers.yaml", WAIVER);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "two"]);
    fs::remove_file(folder.path("flowgate.waivers.yaml")).unwrap();
    let blob = |name: &str| {
        let ran = std::process::Command::new("git").current_dir(&folder.0).args(["rev-parse", &format!("HEAD:{name}")]).output().unwrap();
        let id = String::from_utf8(ran.stdout).unwrap().trim().to_owned();
        folder.path(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))
    };
    for name in ["flowgate.waivers.yaml", FLOW_NAME, "packs/acme/PACK.md"] {
        let object = blob(name);
        let kept = fs::read(&object).unwrap();
        fs::remove_file(&object).unwrap();
        for args in [&["check", "--base", "main"][..], &["diff", "main"]] {
            let ran = folder.run(args);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(ran.code() == 2 && said.contains("load/commit-unreadable"), "{name} {args:?}: {ran:?}");
        }
        fs::write(object, kept).unwrap();
    }
    assert_eq!(folder.run(&["check", "--base", "main"]).code(), 1);
}

/// The same of a base that is a folder: what the disk does not give of it may be a waiver, a permit or a document that the change takes away.
#[test]
fn a_base_folder_that_cannot_be_read_makes_nothing_look_unchanged() {
    let (folder, base) = (Folder::repository(), Folder::new());
    let paper = "evidence:\n  book: { type: runbook, uri: papers/runbook.md, owner: robin, date: 2026-01-05, covers: [support-answers] }\n";
    folder.write("flowgate.yaml", &(folder.read("flowgate.yaml") + paper));
    folder.write("papers/runbook.md", "what to do");
    folder.write("flowgate.waivers.yaml", WAIVER);
    crate::base::copy(&folder.0, &base.0.join("before"));
    for gone in ["flowgate.waivers.yaml", "papers/runbook.md"] {
        fs::remove_file(folder.path(gone)).unwrap();
    }
    let before = base.path("before").to_string_lossy().into_owned();
    let args = ["check", "--base-dir", &before];
    let truth = folder.run(&args);
    assert!(truth.code() == 1 && truth.out.contains("2 new"), "{truth:?}");
    // (the call that fails, on what of the base, what is said)
    let cases = [
        ("open", "flowgate.waivers.yaml", "cannot read `flowgate.waivers.yaml`"),
        ("open", "flowgate.yaml", "cannot read `flowgate.yaml`"),
        ("open", FLOW_NAME, "cannot read `flows/example.flow.yaml`"),
        ("opendir", "flows", "cannot read `flows`"),
        ("stat", "flowgate.waivers.yaml", "flowgate.waivers.yaml`: permission denied"),
        ("opendir", "packs/acme", "cannot read `packs/acme`"),
        ("open", "packs/acme/raw-export/rule.cedar", "`packs/acme/raw-export/rule.cedar` cannot be read"),
        ("stat", "packs/acme/PACK.md", "`packs/acme/PACK.md` cannot be read"),
        ("realpath", "papers/runbook.md", "`papers/runbook.md` cannot be read"),
    ];
    for (call, name, says) in cases {
        let Some(ran) = folder.with_fault(&format!("{call}:0:{EACCES}:before/{name}"), &args) else { return };
        let said = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ran.code() == 2 && said.contains("error[base/un") && said.contains(says), "{call} {name}: {ran:?}");
        assert!(said.contains("permission denied") && said.contains("can be read"), "{call} {name}: {said}");
    }
    // A file that goes between listing and reading, too.
    let vanishes = format!("open:1:shrm {before}/flows/example.flow.yaml:before/{FLOW_NAME}");
    let ran = folder.with_fault(&vanishes, &args).unwrap();
    assert!(ran.code() == 2 && ran.out.contains("error[base/unreadable]"), "{ran:?}");
    base.write(&format!("before/{FLOW_NAME}"), &folder.read(FLOW_NAME));
    // The near misses: a file that is no part of the base, and a base that is read and broken, as a change may mend it.
    base.write("before/README.md", "");
    assert_eq!(folder.with_fault(&format!("open:0:{EACCES}:before/README.md"), &args).unwrap().out, truth.out);
    base.write("before/flows/other.flow.yaml", "workflow: [\n");
    let broken = folder.run(&args);
    assert!(broken.code() == 1 && broken.out.contains("base/problems"), "{broken:?}");
}

#[test]
fn a_pack_that_cannot_be_looked_at_is_not_passed_over() {
    let folder = Folder::repository();
    for pack in ["acme", "beta"] {
        let path = format!("packs/{pack}/PACK.md");
        let Some(ran) = folder.with_fault(&format!("stat:0:{EACCES}:{path}"), &["check"]) else { return };
        assert!(ran.code() == 2 && ran.out.contains(&format!("cannot read `{path}`: permission denied")), "{ran:?}");
    }
    // The near miss: a folder beside them that is no pack.
    folder.write("packs/notes/readme.txt", "");
    assert_eq!(folder.run(&["check"]).code(), 1);
}

#[test]
fn a_file_that_changes_between_listing_and_reading_is_judged_as_it_was_read() {
    let folder = Folder::leaking();
    let leaking = folder.read(FLOW_NAME);
    let truth = folder.run(&["check"]);
    let clean = Folder::started();
    folder.write("other", &clean.read(FLOW_NAME));
    let at = |what: &str| format!("open:1:sh{what}:example.flow.yaml");
    // (what happens just before the file is opened, the exit code, what the report says)
    let cases = [
        ("rm flows/example.flow.yaml", 2, "cannot read `flows/example.flow.yaml`: no such file or folder"),
        ("rm flows/example.flow.yaml; mkdir flows/example.flow.yaml", 2, "cannot read `flows/example.flow.yaml`: not a regular file"),
        ("truncate -s 0 flows/example.flow.yaml", 2, "the file is empty"),
        ("truncate -s 1000 flows/example.flow.yaml", 2, "error["),
        ("truncate -s 2G flows/example.flow.yaml", 2, "error["),
        ("printf '}{' >>flows/example.flow.yaml", 2, "error["),
        ("cp other flows/example.flow.yaml", 0, "no finding"),
        ("mv other flows/example.flow.yaml", 0, "no finding"),
    ];
    for (what, code, says) in cases {
        let Some(ran) = folder.with_fault(&at(what), &["check"]) else { return };
        assert!(ran.code() == code && ran.out.contains(says), "{what}: {ran:?}");
        let _ = fs::remove_file(folder.path(FLOW_NAME)).or_else(|_| fs::remove_dir(folder.path(FLOW_NAME)));
        folder.write(FLOW_NAME, &leaking);
        folder.write("other", &clean.read(FLOW_NAME));
    }
    // Another file comes after the list was made: it is not judged by this run, and the next has it.
    let ran = folder.with_fault(&at("cp flows/example.flow.yaml flows/later.flow.yaml"), &["check"]).unwrap();
    assert_eq!((ran.code(), ran.out), (1, truth.out));
    assert_eq!(folder.run(&["check"]).code(), 2, "two workflows of one name");
}

const FLOW_NAME: &str = super::FLOW;

#[test]
fn a_file_that_grows_while_it_is_read_is_read_to_an_end() {
    let folder = Folder::leaking();
    let text = folder.read(FLOW_NAME);
    for (what, code) in [("printf '# a comment\\n' >>flows/example.flow.yaml", 1), ("printf 'x' >>flows/example.flow.yaml", 2)] {
        let Some(ran) = folder.with_fault(&format!("read:1:sh{what}:example.flow.yaml"), &["check"]) else { return };
        assert_eq!(ran.code(), code, "{what}: {ran:?}");
        folder.write(FLOW_NAME, &text);
    }
    // At every piece that is read, for ever: the limit ends it.
    let fault = "read:0:shhead -c 20000000 /dev/zero | tr '\\0' '#' >>flows/example.flow.yaml:example.flow.yaml";
    let ran = folder.with_fault(fault, &["check"]).unwrap();
    assert!(ran.code() == 2 && ran.out.contains("error["), "{ran:?}");
}

#[test]
fn a_bundle_says_when_an_input_changed_after_it_was_judged() {
    let folder = Folder::repository();
    for (what, says) in [
        ("printf '# later\\n' >>flows/example.flow.yaml", "`flows/example.flow.yaml` has changed since it was judged"),
        ("rm flows/example.flow.yaml", "cannot read `flows/example.flow.yaml`: no such file or folder"),
    ] {
        let Some(ran) = folder.with_fault(&format!("open:2:sh{what}:example.flow.yaml"), &["evidence"]) else { return };
        let bundle = folder.read("flowgate-evidence/evidence.json");
        assert!(ran.code() == 2 && bundle.contains("\"whole\": false") && bundle.contains(says), "{what}: {ran:?}");
        folder.git(&["checkout", "-q", "flows"]);
    }
}

#[test]
fn a_repository_that_cannot_be_read_is_not_the_same_as_none() {
    let folder = Folder::repository();
    let truth = folder.run(&["evidence"]);
    assert_eq!(truth.code(), 0, "{truth:?}");
    let dated = |text: &str| text.contains("\"dated_by\": \"commit\"");
    assert!(dated(&folder.read("flowgate-evidence/evidence.json")));
    for (call, what) in [("open", EMFILE), ("mmap", 12), ("opendir", EACCES)] {
        folder.each_failing(
            call,
            what,
            &["evidence"],
            || (),
            |fault, ran| {
                assert!(matches!(ran.code(), 0 | 2), "{fault}: {ran:?}");
                if ran.code() == 0 {
                    assert!(dated(&folder.read("flowgate-evidence/evidence.json")), "{fault}: {ran:?}");
                }
            },
        );
    }
    fs::write(folder.path(".git/HEAD"), "ref: refs/heads/gone\n").unwrap();
    assert_eq!(folder.run(&["evidence"]).code(), 0, "before its first commit a repository has none");
    fs::write(folder.path(".git/HEAD"), "0123456789012345678901234567890123456789\n").unwrap();
    let ran = folder.run(&["evidence"]);
    let bundle = folder.read("flowgate-evidence/evidence.json");
    assert!(ran.code() == 2 && bundle.contains("cannot read the current commit"), "{ran:?}");
}

#[test]
fn an_output_folder_that_vanishes_leaves_no_report() {
    let folder = Folder::leaking();
    for call in ["fsync", "rename"] {
        fs::create_dir(folder.path("out")).unwrap();
        let fault = format!("{call}:1:shrm -r out");
        let Some(ran) = folder.with_fault(&fault, &["check", "--output", "out/report.txt"]) else { return };
        assert!(ran.code() == 2 && ran.err.contains("cannot write `out/report.txt`: no such file or folder"), "{ran:?}");
        assert!(!folder.path("out").exists());
    }
}

#[test]
fn pipes_and_devices_in_a_project_are_refused_and_not_waited_for() {
    let folder = Folder::leaking();
    let made = std::process::Command::new("mkfifo").arg(folder.path("flows/pipe.flow.yaml")).status().unwrap();
    assert!(made.success());
    let ran = folder.run(&["check"]);
    assert!(ran.code() == 2 && ran.out.contains("`flows/pipe.flow.yaml` is not a regular file"), "{ran:?}");
    assert!(ran.out.contains("route/raw-must-stay"), "one bad file hides nothing: {}", ran.out);
}
