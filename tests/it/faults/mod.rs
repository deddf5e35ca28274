//! Faults around the binary: full disks, closed streams, signals, files that change or vanish, exhausted limits, hostile surroundings. Whatever
//! happens, exit code 0 or 1 means that everything was judged and the report is whole, and a file is whole or not there.
//!
//! A small library (`inject.c`) makes one call into the C library fail, or something happen just before it, so that every fault comes when it is wanted.
//! `FLOWGATE_FAULTS=all` lets every single call fail; without it a sample of them does.

mod limits;
mod outputs;
mod races;
mod signals;
mod streams;
mod surroundings;

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_flowgate");
const FLOW: &str = "flows/example.flow.yaml";
/// No run takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Calls of one kind that fail in turn, unless all are asked for.
const SAMPLE: usize = 12;

// Errors of Linux.
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

/// A folder of its own, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("flowgate-faults-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir_all(path.join(".git")).unwrap();
        Self(path)
    }

    /// The starter, which checks clean.
    fn started() -> Self {
        let folder = Self::new();
        assert_eq!(folder.run(&["init"]).code(), 0);
        folder
    }

    /// The starter, leaking: raw tickets go to the hosted model.
    fn leaking() -> Self {
        let folder = Self::started();
        folder.leak();
        folder
    }

    fn leak(&self) {
        let text = self.read(FLOW).replace("{ from: tickets, to: redact,", "{ from: tickets, to: drafter,");
        self.write(
            FLOW,
            &text.replace("{ from: redact, to: drafter, fields: [text] }", "{ from: drafter, to: prompt-log, fields: [completion] }"),
        );
    }

    /// Leaking, in a repository whose one commit is clean, with two private packs in one folder.
    fn repository() -> Self {
        let folder = Self::started();
        for rule in ["acme/raw-export", "beta/raw-export"] {
            assert_eq!(folder.run(&["new", "rule", rule, "--dir", "packs"]).code(), 0);
        }
        let text = folder.read("flowgate.yaml").replace("packs: [core, route]", "packs: [core, route, ./packs]");
        folder.write("flowgate.yaml", &text);
        fs::remove_dir(folder.0.join(".git")).unwrap();
        folder.git(&["init", "-q", "-b", "main"]);
        folder.git(&["add", "-A"]);
        folder.git(&["commit", "-qm", "one"]);
        folder.leak();
        folder
    }

    fn git(&self, args: &[&str]) {
        let settings = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"];
        let ran = Command::new("git").current_dir(&self.0).args(settings).args(args).env("GIT_CONFIG_NOSYSTEM", "1").output();
        assert!(ran.expect("these tests need git").status.success(), "git {args:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args);
        self.set(&mut command);
        command
    }

    /// The binary under a shell, which sets limits and streams first: `script` ends in `exec "$@"` and what is to be redirected.
    fn under(&self, script: &str, args: &[&str]) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", BINARY]).args(args);
        self.set(&mut command);
        finish(command)
    }

    fn set(&self, command: &mut Command) {
        command.current_dir(&self.0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM"] {
            command.env_remove(name);
        }
    }

    /// Runs with a fault; see `inject.c`. None where there is no way to inject one.
    fn with_fault(&self, fault: &str, args: &[&str]) -> Option<Ran> {
        shim()?;
        let mut command = self.interruptible(args);
        command.env("FAULT", fault);
        Some(finish(command))
    }

    /// A run that hears signals, where there is a way to see to that, although the tests may have been started to ignore them.
    fn interruptible(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        if let Some(shim) = shim() {
            command.env("LD_PRELOAD", shim).env("FAULT_SIGNALS", "heard");
        }
        command
    }

    /// How many calls a fault could meet in a run.
    fn calls(&self, call: &str, path: &str, args: &[&str]) -> Option<usize> {
        let count = self.path(".count");
        let mut command = self.command(args);
        command.env("LD_PRELOAD", shim()?).env("FAULT", format!("{call}:99999999:{EIO}:{path}")).env("FAULT_COUNT", &count);
        finish(command);
        let counted = fs::read_to_string(&count).unwrap().trim().parse().unwrap();
        fs::remove_file(count).unwrap();
        Some(counted)
    }

    /// Lets calls fail one after the other, one in each run, each after the same beginning, and hands over every run.
    fn each_failing(&self, call: &str, what: i32, args: &[&str], begin: impl Fn(), mut then: impl FnMut(&str, Ran)) {
        begin();
        let Some(calls) = self.calls(call, "", args) else { return };
        assert!(calls > 0, "{args:?} never calls {call}");
        let all = std::env::var_os("FLOWGATE_FAULTS").is_some_and(|v| v == "all");
        let step = if all { 1 } else { calls.div_ceil(SAMPLE).max(1) };
        for nth in (1..=calls).step_by(step) {
            let fault = format!("{call}:{nth}:{what}");
            begin();
            let Some(ran) = self.with_fault(&fault, args) else { return };
            then(&fault, ran);
        }
    }

    /// No temporary file was left, here or below.
    fn is_tidy(&self, why: &str) {
        let left: Vec<PathBuf> = crate::common::walk(&self.0).into_iter().filter(|p| p.to_string_lossy().ends_with(".tmp")).collect();
        assert!(left.is_empty(), "{why}: {left:?}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Debug)]
struct Ran {
    status: ExitStatus,
    out: String,
    err: String,
}

impl Ran {
    fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("killed: {self:?}"))
    }

    fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Refused with a message, or said exactly what a run without faults says.
    fn is_refused_or(&self, truth: &Self, why: &str) {
        assert!(!self.err.contains("panicked"), "{why}: {self:?}");
        match self.status.code() {
            Some(2) => assert!(self.err.contains("error[") || self.out.contains("error["), "{why}: no message: {self:?}"),
            Some(code) => assert_eq!((code, &self.out), (truth.code(), &truth.out), "{why}: {}", self.err),
            None => panic!("{why}: killed: {self:?}"),
        }
    }
}

/// Runs to the end; a run that hangs fails the test.
fn finish(mut command: Command) -> Ran {
    let child = command.spawn().unwrap();
    wait(child, &format!("{command:?}"))
}

fn wait(mut child: std::process::Child, what: &str) -> Ran {
    fn all(stream: Option<impl std::io::Read + Send + 'static>) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
    let (out, err) = (all(child.stdout.take()), all(child.stderr.take()));
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("{what} hangs");
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ran { status, out: out.join().unwrap(), err: err.join().unwrap() }
}

/// Sends a signal.
fn kill(child: &std::process::Child, signal: &str) {
    let ran = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(ran.success());
}

/// Says that a test could not show anything here, and why.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The library that injects faults, built once; none where there is no C compiler, or no Linux.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            skipped("faults are injected on Linux with glibc alone");
            return None;
        }
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inject-{}.so", std::process::id()));
        let source = crate::common::root().join("tests/it/faults/inject.c");
        let built =
            Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).args(["-ldl", "-lpthread"]).output();
        match built {
            Ok(built) => assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr)),
            Err(_) => {
                skipped("no C compiler to build the library that injects faults");
                return None;
            }
        }
        Some(library)
    };
    SHIM.get_or_init(build).as_deref()
}
