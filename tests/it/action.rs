//! The GitHub Action as a runner would run it: the steps, environment and conditions of action.yml itself, on small repositories, with payloads of
//! events from `tests/action`. Steps that use other actions are noted and not run. Needs bash, git, curl and tar, and says so where one is missing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flowgate::load::{Document, Format, Limits};
use serde_json::{Value as Json, json};

use crate::common::root;

const BINARY: &str = env!("CARGO_BIN_EXE_flowgate");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGET: &str = "x86_64-unknown-linux-musl";
const FLOW: &str = "service/flows/note-summary.flow.yaml";
const LEAK: &str = "  - { from: ehr, to: summarizer, fields: [note] }   # leak";
const MARKER: &str = "<!-- flowgate-report -->";
/// A commit that no repository has.
const GONE: &str = "1111111111111111111111111111111111111111";
/// What an input must not be able to do: end a line, begin a command, run a program, become an option, leave the folder.
const HOSTILE: &str =
    "a\n::error::forged\n$(touch pwned);touch pwned `touch pwned`\n%0A::error::forged\n--output=pwned\n-\n../../etc/passwd\n* \"' \\";

// The world.

/// A repository on a remote, a release in a folder, and room for runs; removed when the test ends.
struct World {
    home: PathBuf,
    /// `main`, which has moved on while the pull request was open.
    base: String,
    /// Where `main` was when it was opened.
    stale: String,
    /// The branch of the pull request: one flow more, which leaks.
    head: String,
    /// What GitHub would check out: both, merged.
    merge: String,
}

impl World {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        for tool in ["bash", "git", "curl", "tar"] {
            let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(found.is_ok_and(|s| s.success()), "the tests of the action need `{tool}` on the PATH");
        }
        let home = std::env::temp_dir().join(format!("flowgate-action-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&home).unwrap();
        let home = home.canonicalize().unwrap();
        // A user of its own, and what GitHub allows: to ask for a commit by its name.
        fs::write(
            home.join("gitconfig"),
            "[user]\nname = tester\nemail = tester@example.com\n[init]\ndefaultBranch = main\n[uploadpack]\nallowAnySHA1InWant = true\n\
             [protocol \"file\"]\nallow = always\n",
        )
        .unwrap();
        let mut world = Self { home, base: String::new(), stale: String::new(), head: String::new(), merge: String::new() };
        world.repository();
        world.release();
        world
    }

    fn repository(&mut self) {
        let origin = self.home.join("origin");
        copy(&root().join("examples/clinic-notes/fixed"), &origin.join("service"));
        self.git(&origin, &["init", "-q"]);
        self.commit(&origin, "base");
        self.stale = self.git(&origin, &["rev-parse", "HEAD"]);
        self.git(&origin, &["checkout", "-q", "-b", "feature"]);
        let text = fs::read_to_string(origin.join(FLOW)).unwrap();
        let line = "  - { from: redact, to: summarizer, fields: [note] }\n";
        assert!(text.contains(line), "{FLOW} has no flow from redact to summarizer");
        fs::write(origin.join(FLOW), text.replace(line, &format!("{line}{LEAK}\n"))).unwrap();
        self.commit(&origin, "leak");
        self.head = self.git(&origin, &["rev-parse", "HEAD"]);
        self.git(&origin, &["checkout", "-q", "main"]);
        fs::write(origin.join("other.txt"), "a change by others\n").unwrap();
        self.commit(&origin, "other");
        self.base = self.git(&origin, &["rev-parse", "HEAD"]);
        self.git(&origin, &["checkout", "-q", "-b", "merge"]);
        self.git(&origin, &["merge", "-q", "--no-ff", "-m", "Merge feature into main", "feature"]);
        self.merge = self.git(&origin, &["rev-parse", "HEAD"]);
    }

    /// A release whose binary is a script that runs the one under test, and leaves a trace.
    fn release(&self) {
        let name = format!("flowgate-v{VERSION}-{TARGET}");
        let (pack, folder) = (self.home.join("pack"), self.releases().join(format!("v{VERSION}")));
        fs::create_dir_all(pack.join(&name)).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let program = pack.join(&name).join("flowgate");
        fs::write(&program, format!("#!/bin/sh\n[ -z \"$RAN\" ] || : >\"$RAN\"\nexec '{BINARY}' \"$@\"\n")).unwrap();
        executable(&program);
        let archive = folder.join(format!("{name}.tar.gz"));
        let packed = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&pack).arg(&name).status().unwrap();
        assert!(packed.success());
        fs::write(folder.join("SHA256SUMS"), format!("{}  {name}.tar.gz\n", sha256(&archive))).unwrap();
        fs::write(folder.join("COMMIT"), format!("{}\n", self.head)).unwrap();
    }

    fn releases(&self) -> PathBuf {
        self.home.join("releases")
    }

    fn checksums(&self) -> PathBuf {
        self.releases().join(format!("v{VERSION}/SHA256SUMS"))
    }

    fn git(&self, folder: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(folder).args(args).env("GIT_CONFIG_GLOBAL", self.home.join("gitconfig")).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, folder: &Path, message: &str) {
        self.git(folder, &["add", "-A"]);
        self.git(folder, &["commit", "-q", "-m", message]);
    }

    /// A run of an event, with a shallow clone of one commit as actions/checkout leaves it.
    fn run(&self, event: &str, payload: &str, base: &str, checkout: &str) -> Run<'_> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let folder = self.home.join(format!("run-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let workspace = folder.join("workspace");
        fs::create_dir_all(folder.join("temp")).unwrap();
        fs::create_dir_all(&workspace).unwrap();
        let text = fs::read_to_string(root().join(format!("tests/action/{payload}.json"))).unwrap();
        let text = text.replace("\"HEAD\"", &format!("\"{}\"", self.head)).replace("\"BASE\"", &format!("\"{base}\""));
        fs::write(folder.join("event.json"), &text).unwrap();
        self.git(&workspace, &["init", "-q"]);
        self.git(&workspace, &["remote", "add", "origin", &format!("file://{}", self.home.join("origin").display())]);
        self.git(&workspace, &["fetch", "-q", "--depth=1", "origin", checkout]);
        self.git(&workspace, &["checkout", "-q", "--detach", "FETCH_HEAD"]);
        Run {
            world: self,
            folder,
            event: event.to_owned(),
            payload: serde_json::from_str(&text).unwrap(),
            inputs: BTreeMap::new(),
            env: BTreeMap::new(),
            actor: "maya".to_owned(),
            action_ref: format!("v{VERSION}"),
            upload: "success",
        }
    }

    /// The run of most tests: a pull request whose merge is checked out.
    fn pull_request(&self) -> Run<'_> {
        self.run("pull_request", "pull_request", &self.stale, &self.merge)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn executable(path: &Path) {
    let done = Command::new("chmod").arg("+x").arg(path).status().unwrap();
    assert!(done.success());
}

/// The SHA-256 of a file, as hexadecimal digits.
fn sha256(path: &Path) -> String {
    let script = "if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-64";
    let output = Command::new("bash").args(["-c", script]).stdin(fs::File::open(path).unwrap()).output().unwrap();
    let hash = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert_eq!(hash.len(), 64, "needs sha256sum or shasum");
    hash
}

// The runner.

struct Run<'w> {
    world: &'w World,
    folder: PathBuf,
    event: String,
    payload: Json,
    inputs: BTreeMap<&'static str, String>,
    env: BTreeMap<&'static str, String>,
    actor: String,
    action_ref: String,
    /// How the step that uploads ends, if it comes to it.
    upload: &'static str,
}

#[derive(Debug)]
struct Ran {
    /// The exit code of the step that failed the action, if one did.
    failed: Option<i32>,
    log: String,
    summary: String,
    /// The actions of others that were used.
    uses: Vec<String>,
    steps: Json,
    workspace: PathBuf,
    temp: PathBuf,
}

impl Run<'_> {
    fn input(mut self, name: &'static str, value: &str) -> Self {
        self.inputs.insert(name, value.to_owned());
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.insert(name, value.to_owned());
        self
    }

    fn at(mut self, action_ref: &str) -> Self {
        action_ref.clone_into(&mut self.action_ref);
        self
    }

    fn commenting(self, api: &Api) -> Self {
        let address = format!("http://127.0.0.1:{}", api.port);
        let graphql = format!("{address}/graphql");
        self.input("comment", "true").env("GITHUB_API_URL", &address).env("GITHUB_GRAPHQL_URL", &graphql)
    }

    /// Runs the steps of action.yml, one after the other.
    fn go(self) -> Ran {
        let action = action();
        let mut inputs = serde_json::Map::new();
        for (name, input) in action["inputs"].as_object().unwrap() {
            let default = input["default"].as_str().unwrap_or_else(|| panic!("input {name} has no default"));
            let default = if default == "${{ github.token }}" { "t0ken" } else { default };
            inputs.insert(name.clone(), Json::from(self.inputs.get(name.as_str()).map_or(default, String::as_str)));
        }
        let unknown: Vec<_> = self.inputs.keys().filter(|name| !inputs.contains_key(**name)).collect();
        assert!(unknown.is_empty(), "action.yml has no input {unknown:?}");
        let mut ran = Ran {
            failed: None,
            log: String::new(),
            summary: String::new(),
            uses: Vec::new(),
            steps: json!({}),
            workspace: self.folder.join("workspace"),
            temp: self.folder.join("temp"),
        };
        for (number, step) in action["runs"]["steps"].as_array().unwrap().iter().enumerate() {
            let context = json!({
                "inputs": inputs,
                "steps": ran.steps,
                "github": {
                    "event": self.payload,
                    "actor": self.actor,
                    "action_ref": self.action_ref,
                    "action_repository": if self.action_ref.is_empty() { "" } else { "acme/flowgate" },
                },
            });
            if step["if"].as_str().is_some_and(|condition| evaluate(condition, &context) != "true") {
                continue;
            }
            let (outcome, outputs) = if let Some(uses) = step["uses"].as_str() {
                ran.uses.push(uses.split('@').next().unwrap().to_owned());
                let outcome = if uses.contains("upload-sarif") { self.upload } else { "success" };
                (outcome, json!({}))
            } else {
                let (code, outputs) = self.step(number, step, &context, &mut ran);
                if code != 0 && step["continue-on-error"] != Json::Bool(true) {
                    ran.failed = Some(code);
                    break;
                }
                (if code == 0 { "success" } else { "failure" }, outputs)
            };
            if let Some(id) = step["id"].as_str() {
                ran.steps[id] = json!({ "outcome": outcome, "outputs": outputs });
            }
        }
        ran
    }

    /// One step that runs a script: its exit code and its outputs.
    fn step(&self, number: usize, step: &Json, context: &Json, ran: &mut Ran) -> (i32, Json) {
        let (outputs, summary) = (self.folder.join(format!("output-{number}")), self.folder.join(format!("summary-{number}")));
        fs::write(&outputs, "").unwrap();
        fs::write(&summary, "").unwrap();
        assert_eq!(step["shell"], "bash");
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "an expression inside a script: {script}");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(&ran.workspace).env_clear();
        for name in ["PATH", "TMPDIR", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", &self.world.home)
            .env("GIT_CONFIG_GLOBAL", self.world.home.join("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("RUNNER_OS", "Linux")
            .env("RUNNER_ARCH", "X64")
            .env("RUNNER_TEMP", &ran.temp)
            .env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_WORKSPACE", &ran.workspace)
            .env("GITHUB_REPOSITORY", "acme/clinic")
            .env("GITHUB_SERVER_URL", "https://github.com")
            // Nobody listens there: what is asked without being meant to fails at once.
            .env("GITHUB_API_URL", "http://127.0.0.1:9")
            .env("GITHUB_GRAPHQL_URL", "http://127.0.0.1:9/graphql")
            .env("GITHUB_EVENT_NAME", &self.event)
            .env("GITHUB_SHA", &self.world.merge)
            .env("GITHUB_EVENT_PATH", self.folder.join("event.json"))
            .env("GITHUB_OUTPUT", &outputs)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("FLOWGATE_RELEASES", format!("file://{}", self.world.releases().display()))
            .env("RAN", self.folder.join("ran"));
        command.envs(&self.env);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, evaluate(value.as_str().unwrap(), context));
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        ran.log.push_str(&String::from_utf8(output.stdout).unwrap());
        ran.log.push_str(&String::from_utf8(output.stderr).unwrap());
        ran.summary.push_str(&fs::read_to_string(&summary).unwrap());
        (output.status.code().unwrap_or(-1), delimited(&fs::read_to_string(&outputs).unwrap()))
    }
}

impl Ran {
    fn output(&self, step: &str, name: &str) -> &str {
        self.steps[step]["outputs"][name].as_str().unwrap_or_default()
    }

    fn check(&self, name: &str) -> &str {
        self.output("check", name)
    }

    fn number(&self, name: &str) -> u32 {
        self.check(name).parse().unwrap_or_else(|_| panic!("output {name} of {self:#?}"))
    }

    fn says(&self, text: &str) -> bool {
        self.log.contains(text)
    }

    fn uploaded(&self) -> bool {
        self.uses.iter().any(|u| u.contains("upload-sarif"))
    }

    /// The lines that the runner obeys: those that begin with `::`, except while commands are stopped.
    fn commands(&self) -> Vec<&str> {
        let mut stopped: Option<String> = None;
        let mut commands = Vec::new();
        for line in self.log.lines().map(str::trim_start) {
            if stopped.as_deref() == Some(line) {
                stopped = None;
            } else if let (None, Some(word)) = (&stopped, line.strip_prefix("::stop-commands::")) {
                stopped = Some(format!("::{word}::"));
            } else if stopped.is_none() && line.starts_with("::") {
                commands.push(line);
            }
        }
        commands
    }

    /// Nothing that was put into a value ran, became a command, or an output.
    fn is_unharmed(&self) {
        assert!(!self.workspace.join("pwned").exists(), "{self:#?}");
        assert!(!self.commands().iter().any(|c| c.ends_with("::forged") && !c.contains("title=")), "{self:#?}");
        for (step, one) in self.steps.as_object().unwrap() {
            for name in one["outputs"].as_object().unwrap().keys() {
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-') && name != "pwned", "{step} has the output {name}");
            }
        }
    }
}

/// action.yml as data.
fn action() -> Json {
    let bytes = fs::read(root().join("action.yml")).unwrap();
    Document::parse("action.yml", bytes, Format::Yaml, &Limits::default()).unwrap_or_else(|p| panic!("action.yml: {p}")).root().to_json()
}

/// The outputs of a step, each written between delimiters. Any other form is a hole.
fn delimited(text: &str) -> Json {
    let mut outputs = json!({});
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap_or_else(|| panic!("output without a delimiter: {text}"));
        let value: Vec<&str> = lines.by_ref().take_while(|l| *l != delimiter).collect();
        outputs[name] = Json::from(value.join("\n"));
    }
    outputs
}

/// The expressions that action.yml uses: paths, and a comparison of one with a word.
fn evaluate(text: &str, context: &Json) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").unwrap();
        result.push_str(before);
        result.push_str(&match expression.split_once("==") {
            Some((left, right)) => (look_up(left.trim(), context) == right.trim().trim_matches('\'')).to_string(),
            None => look_up(expression.trim(), context),
        });
        rest = after;
    }
    result + rest
}

fn look_up(path: &str, context: &Json) -> String {
    assert!(path.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "an expression this test cannot read: {path}");
    let mut value = context;
    for key in path.split('.') {
        value = value.get(key).unwrap_or(&Json::Null);
    }
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

// What a run comes to.

#[test]
fn a_pull_request_fails_for_what_it_adds() {
    let world = World::new();
    let ran = world.pull_request().go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    // Against the parent of the merge, not the older commit of the payload; in a clone that has neither.
    assert!(ran.says(&format!("judged against {}", world.base)), "{ran:#?}");
    let line = 1 + fs::read_to_string(ran.workspace.join(FLOW)).unwrap().lines().position(|l| l == LEAK).unwrap();
    let place = format!("file={FLOW},line={line}");
    assert!(ran.commands().iter().any(|c| c.starts_with("::error ") && c.contains(&place)), "{ran:#?}");
    assert!(ran.number("errors") > 0 && ran.number("new") > 0, "{ran:#?}");
    assert_eq!((ran.number("problems"), ran.number("fixed"), ran.check("exit-code")), (0, 0, "1"));
    assert!(ran.summary.contains("route/raw-must-stay"), "{}", ran.summary);
    assert!(ran.uploaded());
    let sarif: Json = serde_json::from_str(&fs::read_to_string(ran.check("sarif")).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif.to_string().contains(FLOW), "{sarif}");
    assert!(fs::read_to_string(ran.check("markdown")).unwrap().contains("route/raw-must-stay"));
}

#[test]
fn a_pull_request_that_checks_out_its_head_is_held_against_the_payloads_base() {
    let world = World::new();
    let ran = world.run("pull_request", "pull_request", &world.base, &world.head).go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says(&format!("judged against {}", world.base)), "{ran:#?}");
    // A merge of the author's own, whose parents are the author's choice.
    let ran = world.run("pull_request", "pull_request", &world.stale, &world.merge).env("GITHUB_SHA", &world.head).go();
    assert!(ran.says(&format!("judged against {}", world.stale)), "{ran:#?}");
}

#[test]
fn what_was_there_before_does_not_fail() {
    let world = World::new();
    // The base has the leak already: the commit that is checked out is no merge of this pull request's head.
    let ran = world.run("pull_request", "pull_request", &world.head, &world.merge).input("base", &world.head).go();
    assert_eq!((ran.failed, ran.number("new")), (None, 0), "{ran:#?}");
    let ran = world.run("pull_request", "pull_request", &world.head, &world.merge).input("base", "none").go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    // A change that takes the leak away.
    let ran = world.run("pull_request", "pull_request", &world.head, &world.base).input("base", &world.head).go();
    assert_eq!(ran.failed, None, "{ran:#?}");
    assert!(ran.number("fixed") > 0, "{ran:#?}");
}

#[test]
fn a_base_that_is_not_to_be_had_is_not_judged_and_says_what_to_do() {
    let world = World::new();
    let ran = world.run("pull_request", "pull_request", GONE, &world.head).go();
    assert_eq!((ran.failed, ran.check("exit-code")), (Some(2), "2"), "{ran:#?}");
    assert!(ran.says("fetch-depth: 0") && ran.summary.contains("could not judge"), "{ran:#?}");
    assert!(!ran.uploaded());
    let run = world.pull_request();
    fs::remove_dir_all(run.folder.join("workspace/.git")).unwrap();
    let ran = run.go();
    assert_eq!(ran.failed, Some(2), "{ran:#?}");
    assert!(ran.says("not a git repository"), "{ran:#?}");
    let ran = world.run("pull_request", "pull_request", GONE, &world.head).input("base", "no-such-branch").go();
    assert_eq!(ran.failed, Some(2), "{ran:#?}");
    // A branch that is only on the remote is fetched.
    let ran = world.run("pull_request", "pull_request", GONE, &world.merge).input("base", "main").go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says(&format!("judged against {}", world.base)), "{ran:#?}");
}

#[test]
fn a_fork_gets_the_verdict_and_nothing_is_written_for_it() {
    let world = World::new();
    let api = Api::new(&[]);
    for payload in ["fork", "deleted_fork"] {
        let mut run = world.run("pull_request", payload, &world.stale, &world.merge).commenting(&api);
        run.upload = "failure";
        let ran = run.go();
        assert_eq!(ran.failed, Some(1), "{ran:#?}");
        assert!(ran.says("::error file=") && ran.summary.contains("route/raw-must-stay"), "{ran:#?}");
        assert!(ran.says("no comment: the pull request comes from a fork"), "{ran:#?}");
        // GitHub takes results of `pull_request` runs from forks; where it does not, that is no news to anybody.
        assert!(ran.commands().iter().any(|c| c.starts_with("::notice ") && c.contains("code scanning was refused")), "{ran:#?}");
        ran.is_unharmed();
    }
    assert!(api.requests().is_empty(), "{:?}", api.requests());
}

#[test]
fn a_refused_upload_is_a_warning_and_changes_no_verdict() {
    let world = World::new();
    let mut run = world.pull_request();
    run.upload = "failure";
    let ran = run.go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.commands().iter().any(|c| c.starts_with("::warning ") && c.contains("security-events: write")), "{ran:#?}");
    let ran = world.pull_request().input("sarif", "false").go();
    assert_eq!((ran.failed, ran.uploaded()), (Some(1), false), "{ran:#?}");
    assert!(!ran.check("sarif").is_empty());
    let mut run = world.run("push", "push", &world.base, &world.head);
    run.actor = "dependabot[bot]".to_owned();
    let ran = run.go();
    assert!(!ran.uploaded() && ran.says("a push by Dependabot has a read-only token"), "{ran:#?}");
}

#[test]
fn a_push_is_judged_whole_unless_it_asks_otherwise() {
    let world = World::new();
    let whole = world.run("push", "push", &world.head, &world.merge).go();
    assert_eq!(whole.failed, Some(1), "{whole:#?}");
    assert!(whole.says("judged whole"), "{whole:#?}");
    // The second push after the leak.
    let before = world.run("push", "push", &world.head, &world.merge).input("base", "before").go();
    assert_eq!(before.failed, None, "{before:#?}");
    assert!(before.says(&format!("judged against {}", world.head)), "{before:#?}");
    let first = world.run("push", "first_push", "", &world.head).input("base", "before").go();
    assert_eq!(first.failed, Some(1), "{first:#?}");
    assert!(first.says("a first push has nothing before it"), "{first:#?}");
    let gone = world.run("push", "push", GONE, &world.head).input("base", "before").go();
    assert_eq!(gone.failed, Some(1), "{gone:#?}");
    assert!(gone.says("what was there before this push is gone"), "{gone:#?}");
    let other = world.pull_request().input("base", "before").go();
    assert_eq!(other.failed, Some(2), "{other:#?}");
    let dispatch = world.run("workflow_dispatch", "workflow_dispatch", "", &world.base).go();
    assert_eq!(dispatch.failed, None, "{dispatch:#?}");
}

#[test]
fn a_merge_group_is_held_against_its_base() {
    let world = World::new();
    let ran = world.run("merge_group", "merge_group", &world.base, &world.merge).go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says(&format!("judged against {}", world.base)), "{ran:#?}");
}

#[test]
fn pull_request_target_is_refused() {
    let world = World::new();
    let ran = world.run("pull_request_target", "fork", &world.stale, &world.base).input("fail-on", "never").go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says("use `pull_request`"), "{ran:#?}");
}

#[test]
fn fail_on_decides_about_the_step_alone() {
    let world = World::new();
    for (path, fail_on, failed) in [
        (".", "findings", Some(1)),
        (".", "not-judged", None),
        (".", "never", None),
        ("nowhere", "findings", Some(2)),
        ("nowhere", "not-judged", Some(2)),
        ("nowhere", "never", None),
    ] {
        let ran = world.pull_request().input("path", path).input("fail-on", fail_on).go();
        assert_eq!(ran.failed, failed, "{path} {fail_on}: {ran:#?}");
        assert_eq!(ran.check("exit-code"), if path == "." { "1" } else { "2" }, "{ran:#?}");
    }
    // A misspelt word must not switch the gate off.
    for (input, value) in [("fail-on", "nevr"), ("sarif", "yes"), ("summary", ""), ("comment", "True")] {
        let ran = world.pull_request().input(input, value).go();
        assert_eq!(ran.failed, Some(1), "{input}: {ran:#?}");
    }
}

#[test]
fn inputs_reach_the_command_line() {
    let world = World::new();
    let run = world.run("workflow_dispatch", "workflow_dispatch", "", &world.base);
    let ran = run.input("path", "  service \r\n\n./service/flows\n").input("packs", "core, route").input("html", "out/report.html").go();
    assert_eq!(ran.failed, None, "{ran:#?}");
    assert_eq!(ran.check("html"), "out/report.html");
    assert!(ran.workspace.join("out/report.html").exists());
    let ran = world.run("workflow_dispatch", "workflow_dispatch", "", &world.head).input("packs", "hipaa").input("format", "human").go();
    assert_eq!(ran.failed, None, "{ran:#?}");
    let ran = world.run("workflow_dispatch", "workflow_dispatch", "", &world.head).input("summary", "false").go();
    assert_eq!((ran.failed, ran.summary.as_str()), (Some(1), ""), "{ran:#?}");
}

#[test]
fn hostile_inputs_do_nothing() {
    let world = World::new();
    for (input, failed) in [
        ("path", 2),
        ("packs", 2),
        ("severity", 2),
        ("base", 2),
        ("baseline", 2),
        ("as-of", 2),
        ("format", 2),
        ("html", 1),
        ("fail-on", 1),
        ("summary", 1),
        ("sarif", 1),
        ("comment", 1),
        ("version", 1),
    ] {
        let ran = world.pull_request().input(input, HOSTILE).go();
        assert_eq!(ran.failed, Some(failed), "{input}: {ran:#?}");
        ran.is_unharmed();
    }
    // No token, no request.
    let api = Api::new(&[]);
    let ran = world.pull_request().commenting(&api).input("token", HOSTILE).go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(api.requests().is_empty());
    ran.is_unharmed();
}

// The comment.

/// A stand-in of GitHub's API: the comments of pull request 7, two on a page.
struct Api {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    comments: Vec<Comment>,
    requests: Vec<String>,
    /// What every write answers, instead of doing it.
    refuse: Option<u16>,
}

#[derive(Clone)]
struct Comment {
    id: u64,
    mine: bool,
    body: String,
}

impl Api {
    fn new(comments: &[(bool, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Longer than 32 bits, as they have been for a while.
        let numbered = comments.iter().zip(3_000_000_001..);
        let comments = numbered.map(|((mine, body), id)| Comment { id, mine: *mine, body: (*body).to_owned() }).collect();
        let state = Arc::new(Mutex::new(State { comments, ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(&stream, &shared)));
        Self { port, state }
    }

    fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    fn comments(&self) -> Vec<Comment> {
        self.state.lock().unwrap().comments.clone()
    }

    fn refuse(&self, status: u16) {
        self.state.lock().unwrap().refuse = Some(status);
    }
}

/// Reads one request and answers it.
fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut token),
            "expect" => {
                let mut writer = stream;
                writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let asked: Json = serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&body)));
    let mut state = state.lock().unwrap();
    state.requests.push(format!("{method} {path} {token}"));
    let (status, answer) = answer(method, path, &asked, &mut state);
    let text = answer.to_string();
    let mut writer = stream;
    write!(writer, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len()).unwrap();
}

fn answer(method: &str, path: &str, asked: &Json, state: &mut State) -> (u16, Json) {
    if path == "/graphql" {
        let variables = &asked["variables"];
        if (&variables["owner"], &variables["name"], &variables["number"]) != (&json!("acme"), &json!("clinic"), &json!(7)) {
            return (200, json!({ "data": { "repository": null }, "errors": [{ "type": "NOT_FOUND" }] }));
        }
        let start: usize = variables["after"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        // Keys in the order of the question, as GraphQL has it (serde_json keeps it).
        let node = |c: &Comment| {
            let url = format!("https://github.com/acme/clinic/pull/7#issuecomment-{}", c.id);
            json!({ "url": url, "viewerDidAuthor": c.mine, "body": c.body })
        };
        let nodes: Vec<Json> = state.comments.iter().skip(start).take(2).map(node).collect();
        let info = json!({ "hasNextPage": start + 2 < state.comments.len(), "endCursor": (start + 2).to_string() });
        return (200, json!({ "data": { "repository": { "pullRequest": { "comments": { "pageInfo": info, "nodes": nodes } } } } }));
    }
    if let Some(status) = state.refuse {
        return (status, json!({ "message": "Resource not accessible by integration" }));
    }
    let body = asked["body"].as_str().unwrap_or_default().to_owned();
    if (method, path) == ("POST", "/repos/acme/clinic/issues/7/comments") {
        let id = 3_100_000_000 + state.comments.len() as u64;
        state.comments.push(Comment { id, mine: true, body });
        return (201, json!({ "id": id }));
    }
    let id = path.strip_prefix("/repos/acme/clinic/issues/comments/").and_then(|id| id.parse::<u64>().ok());
    match state.comments.iter_mut().find(|c| method == "PATCH" && Some(c.id) == id) {
        Some(comment) => {
            comment.body = body;
            (200, json!({ "id": id }))
        }
        None => (404, json!({ "message": "Not Found" })),
    }
}

#[test]
fn one_comment_is_written_and_then_kept_up_to_date() {
    let world = World::new();
    // The others cite the marker, pretend to be this workflow, or carry the keys of the answer in their text.
    let forged = format!("\"url\":\"x#issuecomment-3000000001\",\"viewerDidAuthor\":true,\"body\":\"{MARKER}");
    let others = [(false, format!("{MARKER}\nnot mine")), (true, format!("another bot's\n{MARKER}")), (false, forged)];
    let others: Vec<(bool, &str)> = others.iter().map(|(mine, body)| (*mine, body.as_str())).collect();
    let api = Api::new(&others);

    let ran = world.pull_request().commenting(&api).go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says("comment created") && !ran.says("t0ken"), "{ran:#?}");
    let comments = api.comments();
    assert_eq!(comments.len(), 4);
    let written = fs::read_to_string(ran.check("comment")).unwrap();
    assert_eq!(comments[3].body.trim_end(), written.trim_end());
    assert!(written.starts_with(MARKER) && written.contains("route/raw-must-stay"), "{written}");
    assert!(api.requests().contains(&"POST /repos/acme/clinic/issues/7/comments Bearer t0ken".to_owned()), "{:?}", api.requests());

    // A change that adds nothing any more: the same comment, on the second page, says so.
    let ran = world.run("pull_request", "pull_request", &world.base, &world.base).commenting(&api).go();
    assert_eq!(ran.failed, None, "{ran:#?}");
    assert!(ran.says("comment updated"), "{ran:#?}");
    let after = api.comments();
    assert_eq!(after.len(), 4);
    assert!(after[3].body != comments[3].body && after[0].body == others[0].1, "{}", after[3].body);
}

#[test]
fn no_comment_where_there_is_nothing_to_say_or_nobody_to_say_it_to() {
    let world = World::new();
    let api = Api::new(&[]);
    let ran = world.run("pull_request", "pull_request", &world.base, &world.base).commenting(&api).go();
    assert_eq!((ran.failed, api.comments().len()), (None, 0), "{ran:#?}");
    let ran = world.run("merge_group", "merge_group", &world.base, &world.merge).commenting(&api).go();
    assert!(ran.says("belongs to no pull request"), "{ran:#?}");
    api.refuse(403);
    let ran = world.pull_request().commenting(&api).go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.commands().iter().any(|c| c.starts_with("::warning ") && c.contains("pull-requests: write")), "{ran:#?}");
}

// Installing.

/// A cargo that writes down what it was asked for and where, and leaves a binary.
fn cargo(world: &World) -> (PathBuf, PathBuf) {
    let (program, log) = (world.home.join("cargo"), world.home.join("cargo.log"));
    let text = format!(
        "#!/usr/bin/env bash\nprintf '%s in %s\\n' \"$*\" \"$PWD\" >>'{}'\nwhile [ $# -gt 0 ]; do [ \"$1\" != --root ] || root=$2; shift; done\n\
         mkdir -p \"$root/bin\"\nprintf '#!/bin/sh\\nexec \"%s\" \"$@\"\\n' '{BINARY}' >\"$root/bin/flowgate\"\nchmod +x \"$root/bin/flowgate\"\n",
        log.display()
    );
    fs::write(&program, text).unwrap();
    executable(&program);
    (program, log)
}

#[test]
fn a_release_is_run_when_its_checksum_is_right() {
    let world = World::new();
    let (cargo, log) = cargo(&world);
    let run = world.pull_request().env("FLOWGATE_CARGO", cargo.to_str().unwrap());
    let trace = run.folder.join("ran");
    let ran = run.go();
    assert_eq!((ran.failed, ran.output("plan", "how")), (Some(1), "release"), "{ran:#?}");
    assert!(trace.exists() && !log.exists());
}

#[test]
fn a_wrong_checksum_is_never_run() {
    let world = World::new();
    let (cargo, log) = cargo(&world);
    let sums = fs::read_to_string(world.checksums()).unwrap();
    fs::write(world.checksums(), format!("{}{}", "0".repeat(8), &sums[8..])).unwrap();
    let run = world.pull_request().env("FLOWGATE_CARGO", cargo.to_str().unwrap()).input("fail-on", "never");
    let trace = run.folder.join("ran");
    let ran = run.go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says("not what was released"), "{ran:#?}");
    assert!(!trace.exists() && !log.exists());
    // Gone, so that no cache keeps it.
    let left = fs::read_dir(ran.output("plan", "dir")).unwrap().count();
    assert_eq!(left, 0);

    // Two sums for one file are none.
    fs::write(world.checksums(), format!("{sums}{sums}")).unwrap();
    let ran = world.pull_request().go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
}

#[test]
fn without_a_release_the_actions_own_checkout_is_built() {
    let world = World::new();
    let (cargo, log) = cargo(&world);
    let cargo = cargo.to_str().unwrap();
    let built = |run: Run<'_>| {
        let _ = fs::remove_file(&log);
        let ran = run.env("FLOWGATE_CARGO", cargo).go();
        assert_eq!((ran.failed, ran.output("plan", "how")), (Some(1), "source"), "{ran:#?}");
        let asked = fs::read_to_string(&log).unwrap_or_else(|_| panic!("nothing was built: {ran:#?}"));
        // In the folder of the action: the workspace could tell cargo what to run.
        let action = root().display();
        assert!(asked.contains(&format!("install --locked --path {action} --root ")), "{asked}");
        assert!(asked.trim_end().ends_with(&format!(" in {action}")), "{asked}");
        assert!(ran.output("plan", "key").ends_with(ran.output("plan", "sum")) && ran.output("plan", "sum").len() == 64, "{ran:#?}");
    };
    built(world.pull_request().at("main"));
    built(world.pull_request().at(""));
    built(world.pull_request().at(&world.base));
    built(world.pull_request().input("version", "source"));
    fs::write(world.checksums(), "").unwrap();
    built(world.pull_request());
    fs::remove_file(world.checksums()).unwrap();
    built(world.pull_request());
    built(world.pull_request().input("version", VERSION));
    // Another version cannot be built from this checkout.
    let ran = world.pull_request().env("FLOWGATE_CARGO", cargo).input("version", "v99.0.0").go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says("use the action at `v99.0.0`"), "{ran:#?}");
}

#[test]
fn a_pinned_commit_takes_the_release_that_was_built_from_it() {
    let world = World::new();
    for (at, how) in [(world.head.as_str(), "release"), ("v0", "release")] {
        let ran = world.pull_request().at(at).go();
        assert_eq!(ran.output("plan", "how"), how, "{at}: {ran:#?}");
    }
}

#[test]
fn releases_that_cannot_be_reached_are_not_missing() {
    let world = World::new();
    let (cargo, log) = cargo(&world);
    let ran = world.pull_request().env("FLOWGATE_RELEASES", "http://127.0.0.1:9").env("FLOWGATE_CARGO", cargo.to_str().unwrap()).go();
    assert_eq!(ran.failed, Some(1), "{ran:#?}");
    assert!(ran.says("version: source") && !log.exists(), "{ran:#?}");
}

// The file itself.

#[test]
fn the_action_and_its_page_say_the_same() {
    let action = action();
    let page = fs::read_to_string(root().join("docs/github-action.md")).unwrap();
    for room in ["inputs", "outputs"] {
        for (name, entry) in action[room].as_object().unwrap() {
            assert!(page.contains(&format!("| `{name}` |")), "docs/github-action.md has no row for `{name}` of {room}");
            assert!(entry["description"].as_str().is_some_and(|d| !d.is_empty()), "{name} of {room} is not described");
        }
    }
}

#[test]
fn every_action_is_pinned_by_commit_with_its_version() {
    for file in ["action.yml", ".github/workflows/ci.yml", ".github/workflows/release.yml"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for line in text.lines().filter(|l| l.trim_start().trim_start_matches("- ").starts_with("uses:")) {
            let uses = line.split_once("uses:").unwrap().1.trim();
            if uses.starts_with("./") {
                continue;
            }
            let (name, version) = uses.split_once(" # v").unwrap_or_else(|| panic!("{file} has no version beside {uses}"));
            let (_, commit) = name.split_once('@').unwrap();
            assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{file} does not pin {uses}");
            assert_eq!(version.split('.').count(), 3, "{file}: {uses}");
        }
    }
}
