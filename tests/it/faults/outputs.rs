//! Files that are written: whole, or as they were before.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::{EACCES, EIO, ENOSPC, Folder, skipped};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn whatever_call_fails_a_report_is_the_new_one_or_the_old_one() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check", "--format", "json"]).out;
    let args = ["check", "--format", "json", "--output", "report.json"];
    for (call, what) in [("open", ENOSPC), ("write", ENOSPC), ("fsync", EIO), ("rename", EACCES), ("realpath", EIO)] {
        for before in [None, Some("the one before")] {
            let begin =
                || before.map_or_else(|| drop(fs::remove_file(folder.path("report.json"))), |text| folder.write("report.json", text));
            folder.each_failing(call, what, &args, begin, |fault, ran| {
                let now = fs::read_to_string(folder.path("report.json")).ok();
                match ran.code() {
                    // A message after the report is for people, and may get lost.
                    1 => assert_eq!(now.as_deref(), Some(truth.as_str()), "{fault}"),
                    2 if now.as_deref() == before => assert!(ran.err.contains("error[") || call == "write", "{fault}: {ran:?}"),
                    // Something that was to be judged could not be read, and the report says so.
                    2 => assert!(now.is_some_and(|now| !now.contains("\"problems\": []")), "{fault}: {ran:?}"),
                    code => panic!("{fault}: {code}"),
                }
                folder.is_tidy(fault);
            });
        }
    }
}

#[test]
fn one_report_that_cannot_be_written_keeps_none_of_the_others_back() {
    let folder = Folder::leaking();
    let truth = folder.run(&["check"]).out;
    let args = [
        "check",
        "--report",
        "json=a.json",
        "--report",
        "github=no/such/b.txt",
        "--report",
        "outputs=/dev/full",
        "--report",
        "junit=d.xml",
    ];
    let ran = folder.run(&args);
    assert_eq!((ran.code(), ran.out.as_str()), (2, truth.as_str()));
    assert_eq!(
        ran.err,
        "error[cli/output]: cannot write `no/such/b.txt`: no such file or folder\n  \
         help: name a file in a folder that exists and that you may write to\n\
         error[cli/output]: cannot write `/dev/full`: no storage space\n  \
         help: make room, or name a file on another disk\n"
    );
    assert_eq!(folder.read("a.json"), folder.run(&["check", "--format", "json"]).out);
    assert_eq!(folder.read("d.xml"), folder.run(&["check", "--format", "junit"]).out);
    assert!(!folder.path("no").exists());
    // And the one that goes to standard output, or into `--output`, keeps none back either.
    let ran = folder.under("exec \"$@\" >/dev/full", &["check", "--report", "json=e.json"]);
    assert_eq!((ran.code(), folder.read("e.json")), (2, folder.read("a.json")));
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let folder = Folder::leaking();
    folder.write("disk/.keep", "");
    // A disk of its own, with room for a small report and not for a large one.
    let script = "mount -t tmpfs -o size=48k none disk && cd disk && echo before >report && echo before >new && \
                  \"$1\" check .. --output report --format html; echo $?; \"$1\" check .. --output new; echo $?; \
                  ls -A; cat report; cmp new report >/dev/null || echo new";
    let ran = Command::new("unshare").args(["-m", "sh", "-c", script, "sh", super::BINARY]).current_dir(&folder.0).output();
    let Ok(ran) = ran else { return skipped("no `unshare` to mount a small disk") };
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if err.contains("unshare") || err.contains("mount") {
        return skipped(&format!("no right to mount a small disk: {err}"));
    }
    assert_eq!(out, "2\n1\nnew\nreport\nbefore\nnew\n", "{err}");
    assert!(err.contains("cannot write `report`: no storage space\n  help: make room, or name a file on another disk"), "{err}");
}

#[test]
fn a_report_keeps_the_rights_of_the_one_before() {
    let folder = Folder::leaking();
    folder.write("report.txt", "before");
    for rights in [0o600, 0o640, 0o666] {
        fs::set_permissions(folder.path("report.txt"), fs::Permissions::from_mode(rights)).unwrap();
        assert_eq!(folder.run(&["check", "--output", "report.txt"]).code(), 1);
        assert_eq!(mode(&folder.path("report.txt")), rights);
    }
    // One that cannot have them is none: the one before was not for everybody.
    fs::set_permissions(folder.path("report.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    if let Some(ran) = folder.with_fault(&format!("fchmod:1:{EACCES}"), &["check", "--output", "report.txt"]) {
        assert!(ran.code() == 2 && ran.err.contains("permission denied"), "{ran:?}");
        folder.is_tidy("fchmod");
    }
    // A new one has those that the user's mask leaves.
    let ran = folder.under("umask 027; exec \"$@\"", &["check", "--output", "new.txt"]);
    assert_eq!((ran.code(), mode(&folder.path("new.txt"))), (1, 0o640));
}

#[test]
fn links_keep_pointing_and_long_names_are_names() {
    let folder = Folder::leaking();
    fs::create_dir(folder.path("far")).unwrap();
    folder.write("far/there", "before");
    symlink("far/there", folder.path("link")).unwrap();
    symlink("far/not-yet", folder.path("dangling")).unwrap();
    let long = "r".repeat(255);
    let truth = folder.run(&["check"]).out;
    for (name, at) in [("link", "far/there"), ("dangling", "far/not-yet"), (long.as_str(), long.as_str())] {
        let ran = folder.run(&["check", "--output", name]);
        assert_eq!((ran.code(), folder.read(at)), (1, truth.clone()), "{ran:?}");
    }
    assert!(["link", "dangling"].iter().all(|name| folder.path(name).is_symlink()));
    let ran = folder.run(&["check", "--output", &"r".repeat(256)]);
    assert_eq!(ran.code(), 2, "{ran:?}");
    folder.is_tidy("links");
}

#[test]
fn files_below_dev_are_files_where_they_are() {
    let Ok(shm) = folder_below(Path::new("/dev/shm")) else { return skipped("no /dev/shm") };
    let folder = Folder::leaking();
    let report = shm.join("report.json");
    let ran = folder.run(&["check", "--format", "json", "--output", report.to_str().unwrap()]);
    let read = fs::read_to_string(&report);
    fs::remove_dir_all(shm).unwrap();
    assert_eq!((ran.code(), read.unwrap()), (1, folder.run(&["check", "--format", "json"]).out), "{ran:?}");
    // Two of them in one file are one too many, as anywhere.
    let twice = ["check", "--output", "/dev/shm/flowgate-twice", "--report", "json=/dev/shm/flowgate-twice"];
    let ran = folder.run(&twice);
    assert!(ran.code() == 2 && ran.err.contains("two reports would go into"), "{ran:?}");
}

fn folder_below(folder: &Path) -> std::io::Result<std::path::PathBuf> {
    let path = folder.join(format!("flowgate-faults-{}", std::process::id()));
    fs::create_dir(&path).map(|()| path)
}

#[test]
fn folders_files_and_disks_without_the_right_to_write_are_refused() {
    let folder = Folder::leaking();
    fs::create_dir(folder.path("closed")).unwrap();
    folder.write("open/protected.txt", "before");
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(folder.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(folder.path("open/protected.txt"), fs::Permissions::from_mode(0o444)).unwrap();
    // Root may write everywhere: as somebody else.
    let script = "[ $(id -u) = 0 ] || exec \"$@\"; exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let who = folder.under(script, &["--version"]);
    if who.status.code() != Some(0) {
        return skipped(&format!("cannot run as somebody who is not root: {}", who.err));
    }
    let refused: [&[&str]; 6] = [
        &["check", "--output", "closed/report.txt"],
        &["check", "--output", "open/protected.txt"],
        &["evidence", "--output", "closed/bundle"],
        &["graph", "--output", "closed/flows.mmd"],
        &["baseline", "--output", "closed/baseline.json"],
        &["init", "closed/project"],
    ];
    for args in refused {
        let ran = folder.under(script, args);
        assert_eq!(ran.code(), 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains("permission denied"), "{args:?}: {}", ran.err);
    }
    assert_eq!(folder.read("open/protected.txt"), "before");
    assert!(fs::read_dir(folder.path("closed")).unwrap().next().is_none());
    // A project that may only be read is judged all the same.
    let ran = folder.under(script, &["check"]);
    assert_eq!((ran.code(), ran.out), (1, folder.run(&["check"]).out));
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn new_files_are_all_there_or_none_of_them() {
    let folder = Folder::new();
    for args in [&["init", "a/b"][..], &["new", "rule", "acme/raw-export", "--dir", "a/packs"]] {
        for (call, what) in [("open", ENOSPC), ("write", ENOSPC), ("fsync", EIO), ("mkdir", EACCES)] {
            folder.each_failing(
                call,
                what,
                args,
                || drop(fs::remove_dir_all(folder.path("a"))),
                |fault, ran| {
                    // The last thing written is the list of what was.
                    match ran.code() {
                        2 if ran.err.contains("standard output") => {}
                        2 => assert!(!folder.path("a").exists(), "{args:?} {fault}: {ran:?}"),
                        code => assert_eq!(code, 0, "{args:?} {fault}: {ran:?}"),
                    }
                },
            );
        }
        let _ = fs::remove_dir_all(folder.path("a"));
        // A file that another program puts there meanwhile is not written over, and nothing else stays.
        let name = if args[0] == "init" { "flows/example.flow.yaml" } else { "rule.cedar" };
        let fault = format!(
            "fsync:1:shmkdir -p a/b/flows a/packs/acme/raw-export; echo other >a/{}/{name}:.tmp",
            if args[0] == "init" { "b" } else { "packs/acme/raw-export" }
        );
        let Some(ran) = folder.with_fault(&fault, args) else { return };
        assert!(ran.code() == 2 && ran.err.contains("is there already"), "{args:?}: {ran:?}");
        let left: Vec<_> = crate::common::walk(&folder.path("a"));
        assert!(left.len() == 1 && fs::read_to_string(&left[0]).unwrap() == "other\n", "{left:?}");
        fs::remove_dir_all(folder.path("a")).unwrap();
    }
}

#[test]
fn file_systems_without_links_get_new_files_too() {
    let folder = Folder::new();
    // EPERM, as FAT has it.
    let Some(ran) = folder.with_fault("link:0:1", &["init"]) else { return };
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert_eq!(folder.run(&["check"]).code(), 0);
    folder.is_tidy("no links");
}

#[test]
fn a_bundle_is_whole_or_not_there() {
    let folder = Folder::repository();
    assert_eq!(folder.run(&["evidence", "--output", "truth"]).code(), 0);
    for (call, what) in [("write", ENOSPC), ("fsync", EIO), ("mkdir", EACCES)] {
        let bundle = folder.path("flowgate-evidence");
        folder.each_failing(
            call,
            what,
            &["evidence"],
            || drop(fs::remove_dir_all(&bundle)),
            |fault, ran| match ran.code() {
                0 => {
                    let same = Command::new("diff").arg("-r").args([folder.path("truth"), bundle.clone()]).status().unwrap();
                    assert!(same.success(), "{fault}");
                }
                _ => assert!(ran.code() == 2 && !bundle.exists(), "{fault}: {ran:?}"),
            },
        );
    }
    // In the place of another one: while nothing could be written, that one stays.
    assert_eq!(folder.run(&["evidence", "--as-of", "2027-01-01"]).code(), 0);
    let before = folder.read("flowgate-evidence/SHA256SUMS");
    for nth in 1..=6 {
        let Some(ran) = folder.with_fault(&format!("fsync:{nth}:{ENOSPC}"), &["evidence"]) else { return };
        assert_eq!((ran.code(), folder.read("flowgate-evidence/SHA256SUMS")), (2, before.clone()));
        let sums =
            Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(folder.path("flowgate-evidence")).status();
        assert!(sums.unwrap().success(), "{nth}");
    }
    folder.is_tidy("bundle");
}

#[test]
fn every_command_that_writes_says_so_when_it_cannot() {
    let folder = Folder::repository();
    for args in [&["check"][..], &["graph"], &["diff", "main"], &["baseline"], &["evidence"]] {
        let Some(ran) = folder.with_fault(&format!("fsync:1:{ENOSPC}"), &[args, &["--output", "out"]].concat()) else { return };
        assert_eq!(ran.code(), 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains("no storage space") && ran.err.contains("make room"), "{args:?}: {}", ran.err);
        assert!(!folder.path("out").exists(), "{args:?}");
    }
    folder.is_tidy("every command");
}

#[test]
fn a_baseline_that_cannot_be_looked_at_is_no_first_one() {
    let folder = Folder::leaking();
    folder.write("baseline.json", "{\"format_version\":1,\"about\":\"\",\"findings\":{}}");
    let before = folder.read("baseline.json");
    for nth in 1.. {
        let Some(ran) = folder.with_fault(&format!("stat:{nth}:{EIO}:baseline.json"), &["baseline", "--output", "baseline.json"]) else {
            return;
        };
        if ran.code() == 0 {
            assert!(nth > 1, "the fault came at no call");
            assert!(ran.err.contains("are not in it and count"), "{}", ran.err);
            break;
        }
        assert_eq!((ran.code(), folder.read("baseline.json")), (2, before.clone()), "{nth}: {ran:?}");
    }
    // One that appears while the project is judged is not written over either.
    fs::remove_file(folder.path("baseline.json")).unwrap();
    let ran = folder.with_fault("fsync:1:shecho mine >baseline.json:.tmp", &["baseline", "--output", "baseline.json"]).unwrap();
    assert_eq!((ran.code(), folder.read("baseline.json").as_str()), (2, "mine\n"), "{ran:?}");
}
