#!/usr/bin/env bash
# Tries the scripts of the action with a given binary, on small repositories in a temporary folder, as the runner would call them. Needs bash, git, curl,
# tar and python3. `cargo test --test it action` holds action.yml to the same; this one runs where there is no cargo, such as on macOS in CI.
#
# usage: tests/action/try.sh path/to/flowgate
# shellcheck disable=SC2016 # dollars in single quotes are text
set -euo pipefail

binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for tool in git curl tar python3; do
  command -v "$tool" >/dev/null || {
    echo "try.sh needs $tool" >&2
    exit 1
  }
done

home=$(mktemp -d)
server=''
# shellcheck disable=SC2317,SC2329 # called by the trap
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$home"
}
trap cleanup EXIT
export GIT_CONFIG_GLOBAL="$home/gitconfig" GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1
git config --global user.name tester
git config --global user.email tester@example.com
git config --global init.defaultBranch main
# What GitHub allows: asking for a commit by its name.
git config --global uploadpack.allowAnySHA1InWant true
git config --global protocol.file.allow always

passed=0 failed=0 scenario=''
begin() { scenario=$1; }
ok() {
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: %s\n' "$scenario" "$1"
    sed 's/^/    /' "$out" | tail -n 25
  fi
}
says() { grep -qF -- "$1" "$out"; }
silent() { ! says "$1"; }
is() { [ "$1" = "$2" ] || { printf '    found `%s`, wanted `%s`\n' "$1" "$2"; return 1; }; }
less_than() { [ "$1" -lt "$2" ]; }
in_file() { grep -qF -- "$2" "$1"; }
not_in_file() { ! in_file "$1" "$2"; }
# A forged line counts only where the runner obeys: at the beginning of a line, and not while commands are stopped.
obeyed_nothing_forged() {
  awk '/^::stop-commands::/ { word = "::" substr($0, 18) "::"; next } $0 == word { word = ""; next } word == ""' "$out" >"$out.obeyed"
  ! grep -qE '^[[:space:]]*::[a-z-]*::forged' "$out.obeyed"
}
absent() { ! [ -e "$1" ]; }

# The value of an output, from the runner's file with its delimiters.
output() {
  awk -v name="$1" '
    end != "" && $0 == end { end = ""; if (take) exit; next }
    end != "" { if (take) print; next }
    { split($0, part, "<<"); end = part[2]; take = part[1] == name }
  ' "$GITHUB_OUTPUT"
}

# A repository: `main` with a clean project in `service`, and `feature` that adds one leaking flow. What GitHub would check out is the merge.
origin="$home/origin"
mkdir -p "$origin"
cp -R "$repository/examples/clinic-notes/fixed" "$origin/service"
(
  cd "$origin"
  git init -q
  git add -A
  git commit -qm base
  git checkout -qb feature
  flow='  - { from: redact, to: summarizer, fields: \[note\] }'
  sed -i.bak "s/^$flow\$/&\\
  - { from: ehr, to: summarizer, fields: [note] }   # leak/" service/flows/note-summary.flow.yaml
  rm service/flows/*.bak
  grep -q '# leak' service/flows/note-summary.flow.yaml
  git commit -qam leak
  # The base moves on while the pull request is open.
  git checkout -q main
  echo 'a change by others' >other.txt
  git add -A
  git commit -qm other
  git checkout -qb merge
  git merge -q --no-ff -m 'Merge feature into main' feature
)
base=$(git -C "$origin" rev-parse main)
stale=$(git -C "$origin" rev-parse main~1)
head=$(git -C "$origin" rev-parse feature)
merge=$(git -C "$origin" rev-parse merge)

# A fresh runner: folders, files and defaults of action.yml.
runner() {
  local event=$1 name=$2 at=${3:-$base}
  run="$home/run-$RANDOM-$RANDOM"
  mkdir -p "$run/temp"
  out="$run/log"
  : >"$out"
  export RUNNER_TEMP="$run/temp" GITHUB_OUTPUT="$run/output" GITHUB_STEP_SUMMARY="$run/summary" GITHUB_EVENT_PATH="$run/event.json"
  : >"$GITHUB_OUTPUT"
  : >"$GITHUB_STEP_SUMMARY"
  export GITHUB_EVENT_NAME=$event GITHUB_REPOSITORY=acme/clinic GITHUB_WORKSPACE="$run/workspace" GITHUB_SERVER_URL=https://github.com GITHUB_SHA=$merge
  sed -e "s/\"HEAD\"/\"$head\"/" -e "s/\"BASE\"/\"$at\"/" "$repository/tests/action/$name.json" >"$GITHUB_EVENT_PATH"
  export FLOWGATE=$binary ACTOR=maya
  export INPUT_PATH=. INPUT_PACKS='' INPUT_SEVERITY=error INPUT_BASE='' INPUT_BASELINE='' INPUT_AS_OF='' INPUT_FAIL_ON=findings INPUT_FORMAT=github
  export INPUT_SUMMARY=true INPUT_SARIF=true INPUT_COMMENT=false INPUT_HTML='' INPUT_TOKEN=
  PR_BASE_SHA=$(event pull_request base sha) PR_HEAD_SHA=$(event pull_request head sha) PR_NUMBER=$(event pull_request number)
  PR_HEAD_REPO=$(event pull_request head repo full_name) MERGE_GROUP_BASE_SHA=$(event merge_group base_sha) PUSH_BEFORE=$(event before)
  export PR_BASE_SHA PR_HEAD_SHA PR_NUMBER PR_HEAD_REPO MERGE_GROUP_BASE_SHA PUSH_BEFORE
}

# A value of the payload, as the runner's expressions give it: empty where there is none.
event() {
  python3 - "$GITHUB_EVENT_PATH" "$@" <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value.get(key) if isinstance(value, dict) else None
print("" if value is None else value)
PYTHON
}

clone() {
  local depth=$1 what=$2
  rm -rf "$GITHUB_WORKSPACE"
  git init -q "$GITHUB_WORKSPACE"
  git -C "$GITHUB_WORKSPACE" remote add origin "file://$origin"
  case "$depth" in
    all) git -C "$GITHUB_WORKSPACE" fetch -q origin '+refs/heads/*:refs/remotes/origin/*' ;;
    *) git -C "$GITHUB_WORKSPACE" fetch -q --depth="$depth" origin "$what" ;;
  esac
  git -C "$GITHUB_WORKSPACE" checkout -q --detach "$what"
}

check() {
  local code=0
  bash "$repository/action/check.sh" >>"$out" 2>&1 || code=$?
  [ "$code" = 0 ] || { status=$code && return 0; }
  EXIT_CODE=$(output exit-code) COMMENT_FILE=$(output comment)
  export EXIT_CODE COMMENT_FILE
  if [ "$INPUT_COMMENT" = true ]; then TOKEN=t0ken bash "$repository/action/comment.sh" >>"$out" 2>&1; fi
  status=0
  UPLOAD_OUTCOME=${UPLOAD_OUTCOME:-skipped} bash "$repository/action/finish.sh" >>"$out" 2>&1 || status=$?
}

begin 'pull request, shallow clone of the merge'
runner pull_request pull_request "$stale"
clone 1 "$merge"
check
ok 'the step fails' is "$status" 1
ok 'annotation at the line of the leak, from the root of the repository' says '::error file=service/flows/note-summary.flow.yaml,line=64'
ok 'the base is the first parent of the merge, not the older one of the payload' says "judged against $base"
ok 'output errors' less_than 0 "$(output errors)"
ok 'output new' less_than 0 "$(output new)"
ok 'output exit-code' is "$(output exit-code)" 1
ok 'sarif is there' test -s "$(output sarif)"
ok 'markdown is there' test -s "$(output markdown)"
ok 'upload' is "$(output upload)" true
ok 'summary' in_file "$GITHUB_STEP_SUMMARY" route/raw-must-stay

begin 'pull request, the head is checked out'
runner pull_request pull_request
clone 1 "$head"
check
ok 'the step fails' is "$status" 1
ok 'the base of the payload' says "judged against $base"

begin 'pull request, a merge of the author is checked out'
runner pull_request pull_request
clone 1 "$merge"
GITHUB_SHA=$head check
ok 'the base of the payload' says "judged against $base"
PR_BASE_SHA=$stale GITHUB_SHA=$head check
ok 'whatever its parents are' says "judged against $stale"

begin 'pull request that adds nothing'
runner pull_request pull_request "$stale"
clone 1 "$base"
check
ok 'the step passes' is "$status" 0
ok 'exit-code' is "$(output exit-code)" 0

begin 'pull request on a repository that leaks already'
runner pull_request pull_request "$merge"
clone 1 "$merge"
PR_HEAD_SHA=$base check
ok 'what was there before does not fail' is "$status" 0
ok 'output new' is "$(output new)" 0

begin 'base is not to be had'
runner pull_request pull_request 1111111111111111111111111111111111111111
clone 1 "$head"
check
ok 'the step fails' is "$status" 2
ok 'says what to do' says 'fetch-depth: 0'
ok 'summary says so' in_file "$GITHUB_STEP_SUMMARY" 'could not judge'

begin 'no repository'
runner pull_request pull_request
cp -R "$repository/examples/clinic-notes/fixed" "$GITHUB_WORKSPACE"
check
ok 'the step fails' is "$status" 2
ok 'says why' says 'not a git repository'
ok 'says what to do' says 'base: none'

begin 'fork'
runner pull_request fork "$stale"
clone 1 "$merge"
export INPUT_COMMENT=true GITHUB_API_URL=http://127.0.0.1:9 GITHUB_GRAPHQL_URL=http://127.0.0.1:9/graphql
UPLOAD_OUTCOME=failure check
ok 'the verdict is the same' is "$status" 1
ok 'annotations' says '::error file=service/'
ok 'no comment is tried' says 'no comment: the pull request comes from a fork'
ok 'a refused upload is a notice' says '::notice title=flowgate::the upload to code scanning was refused'
ok 'nothing of the payload ran' absent "$GITHUB_WORKSPACE/pwned"

begin 'deleted fork'
runner pull_request deleted_fork "$stale"
clone 1 "$merge"
INPUT_COMMENT=true check
ok 'counts as a fork' says 'no comment: the pull request comes from a fork'

begin 'push'
runner push push "$base"
clone 1 "$head"
check
ok 'is judged whole' says 'judged whole'
ok 'fails for what is there' is "$status" 1

begin 'push against what was before'
runner push push "$head"
clone 1 "$merge"
INPUT_BASE=before check
ok 'the base is the commit before' says "judged against $head"
ok 'what was there before does not fail' is "$status" 0

begin 'first push'
runner push first_push
clone 1 "$head"
INPUT_BASE=before check
ok 'is judged whole' says 'a first push has nothing before it'
ok 'fails for what is there' is "$status" 1

begin 'push over a commit that is gone'
runner push push 1111111111111111111111111111111111111111
clone 1 "$head"
INPUT_BASE=before check
ok 'is judged whole' says 'what was there before this push is gone'
ok 'fails for what is there' is "$status" 1

begin 'push by Dependabot'
runner push push
clone 1 "$head"
ACTOR='dependabot[bot]' check
ok 'no upload' is "$(output upload)" false

begin 'merge group'
runner merge_group merge_group
clone 1 "$merge"
check
ok 'the base of the group' says "judged against $base"
ok 'fails' is "$status" 1

begin 'dispatch'
runner workflow_dispatch workflow_dispatch
clone 1 "$base"
check
ok 'is judged whole' says 'judged whole'
ok 'passes' is "$status" 0

begin 'base by the name of a branch'
runner workflow_dispatch workflow_dispatch
clone 1 "$merge"
INPUT_BASE=main check
ok 'is fetched' says "judged against $base"
ok 'fails' is "$status" 1

begin 'base none'
runner pull_request pull_request "$merge"
clone 1 "$merge"
INPUT_BASE=none check
ok 'everything is judged' is "$status" 1

begin 'pull_request_target'
runner pull_request_target fork
clone 1 "$base"
INPUT_FAIL_ON=never check
ok 'is refused' is "$status" 1
ok 'and says what to use' says 'use `pull_request`'

begin 'fail-on'
for row in 'findings 1' 'not-judged 0' 'never 0'; do
  runner pull_request pull_request
  clone 1 "$merge"
  INPUT_FAIL_ON=${row% *} check
  ok "findings under $row" is "$status" "${row#* }"
done
for row in 'findings 2' 'not-judged 2' 'never 0'; do
  runner pull_request pull_request
  clone 1 "$merge"
  INPUT_PATH='nowhere' INPUT_FAIL_ON=${row% *} check
  ok "not judged under $row" is "$status" "${row#* }"
done
runner pull_request pull_request
clone 1 "$merge"
INPUT_FAIL_ON=nevr check
ok 'a misspelt word fails' is "$status" 1
runner pull_request pull_request
clone 1 "$merge"
INPUT_SARIF=yes check
ok 'a misspelt switch fails' is "$status" 1

begin 'several paths, packs, html'
runner workflow_dispatch workflow_dispatch
clone 1 "$base"
INPUT_PATH=$'  service \r\n\n./service/flows\n' INPUT_PACKS='core, route' INPUT_HTML=out/report.html INPUT_AS_OF=2026-07-01 check
ok 'passes' is "$status" 0
ok 'html is an output' is "$(output html)" out/report.html
ok 'html is written' test -s "$GITHUB_WORKSPACE/out/report.html"

begin 'hostile inputs'
hostile=$'a\n::error::forged\n$(touch pwned);touch pwned `touch pwned`\n%0A::error::forged\n--output=pwned\n-\n../../etc/passwd\n* "\' \\'
for input in INPUT_PATH INPUT_PACKS INPUT_SEVERITY INPUT_BASE INPUT_BASELINE INPUT_AS_OF INPUT_FORMAT; do
  runner pull_request pull_request
  clone 1 "$merge"
  export "$input=$hostile"
  check
  ok "$input gives no verdict" is "$status" 2
  ok "$input runs nothing" absent "$GITHUB_WORKSPACE/pwned"
  ok "$input forges no output" not_in_file "$GITHUB_OUTPUT" '--output'
  ok "$input forges no command" obeyed_nothing_forged
done
for input in INPUT_HTML INPUT_FAIL_ON INPUT_SUMMARY INPUT_SARIF INPUT_COMMENT; do
  runner pull_request pull_request
  clone 1 "$merge"
  export "$input=$hostile"
  check
  ok "$input fails the step" is "$status" 1
  ok "$input runs nothing" absent "$GITHUB_WORKSPACE/pwned"
  ok "$input forges no command" obeyed_nothing_forged
done

# Comments.

api="$home/api"
mkdir -p "$api"
python3 "$repository/tests/action/api.py" "$api" &
server=$!
for _ in $(seq 1 100); do
  [ -e "$api/port" ] && break
  sleep 0.1
done
port=$(cat "$api/port")
commenting() {
  export INPUT_COMMENT=true GITHUB_API_URL="http://127.0.0.1:$port" GITHUB_GRAPHQL_URL="http://127.0.0.1:$port/graphql"
  rm -f "$api/requests" "$api/status"
}
body_of() { python3 -c 'import json,sys; print([c["body"] for c in json.load(open(sys.argv[1])) if c["id"] == int(sys.argv[2])][0], end="")' "$api/comments.json" "$1"; }
count() { python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))))' "$api/comments.json"; }

begin 'comment is created'
# The others cite the marker, pretend to be this workflow, or carry the keys in their text.
cat >"$api/comments.json" <<'JSON'
[
  {"id": 3000000001, "mine": false, "body": "<!-- flowgate-report -->\nnot mine"},
  {"id": 3000000002, "mine": true, "body": "another bot's\n<!-- flowgate-report -->"},
  {"id": 3000000003, "mine": false, "body": "\"url\":\"x#issuecomment-3000000001\",\"viewerDidAuthor\":true,\"body\":\"<!-- flowgate-report -->"}
]
JSON
runner pull_request pull_request
clone 1 "$merge"
commenting
check
ok 'created' says 'comment created'
ok 'one more' is "$(count)" 4
ok 'the report, byte for byte' is "$(body_of 3100000003)" "$(cat "$COMMENT_FILE")"
ok 'with the token' in_file "$api/requests" 'POST /repos/acme/clinic/issues/7/comments Bearer t0ken'
ok 'the verdict stays' is "$status" 1
ok 'the token is not in the log' silent t0ken

begin 'comment is updated, on a later page'
runner pull_request pull_request
clone 1 "$merge"
commenting
check
ok 'updated' says 'comment updated'
ok 'no further one' is "$(count)" 4
ok 'the right one' in_file "$api/requests" 'PATCH /repos/acme/clinic/issues/comments/3100000003'

begin 'comment when all is well'
runner pull_request pull_request "$stale"
clone 1 "$base"
commenting
check
ok 'the earlier comment is brought up to date' says 'comment updated'
echo '[]' >"$api/comments.json"
runner pull_request pull_request "$stale"
clone 1 "$base"
commenting
check
ok 'without an earlier one there is none' is "$(count)" 0
ok 'the step passes' is "$status" 0

begin 'comment is refused'
runner pull_request pull_request
clone 1 "$merge"
commenting
echo 403 >"$api/status"
check
ok 'a warning' says '::warning title=flowgate::no comment: the token may not'
ok 'the verdict stays' is "$status" 1

begin 'comment of a run without a pull request'
runner merge_group merge_group
clone 1 "$merge"
commenting
check
ok 'nothing is asked' absent "$api/requests"

# Installing.

begin 'install'
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$repository/Cargo.toml" | head -n 1)
triple=x86_64-unknown-linux-musl
release() {
  folder="$home/releases-$RANDOM-$RANDOM"
  name="flowgate-v$version-$triple"
  mkdir -p "$folder/v$version" "$home/pack/$name"
  printf '#!/bin/sh\n[ -z "$RAN" ] || touch "$RAN"\necho flowgate %s\n' "$version" >"$home/pack/$name/flowgate"
  chmod +x "$home/pack/$name/flowgate"
  tar -czf "$folder/v$version/$name.tar.gz" -C "$home/pack" "$name"
  (cd "$folder/v$version" && { sha256sum "$name.tar.gz" 2>/dev/null || shasum -a 256 "$name.tar.gz"; } >SHA256SUMS)
  printf '%s\n' "$head" >"$folder/v$version/COMMIT"
}
# A cargo that writes down what it was asked for, and leaves a binary.
cat >"$home/cargo" <<'CARGO'
#!/usr/bin/env bash
printf '%s in %s\n' "$*" "$PWD" >>"$CARGO_LOG"
while [ $# -gt 0 ]; do [ "$1" != --root ] || root=$2; shift; done
mkdir -p "$root/bin"
printf '#!/bin/sh\necho built\n' >"$root/bin/flowgate"
chmod +x "$root/bin/flowgate"
CARGO
chmod +x "$home/cargo"
installing() {
  runner push push
  mkdir -p "$GITHUB_WORKSPACE"
  export RUNNER_OS=Linux RUNNER_ARCH=X64 GITHUB_ACTION_PATH=$repository FLOWGATE_RELEASES="file://$folder" FLOWGATE_CARGO="$home/cargo"
  export INPUT_VERSION='' ACTION_REF="v$version" ACTION_REPOSITORY=acme/flowgate CARGO_LOG="$run/cargo" RAN="$run/ran"
}
planned() { (cd "$GITHUB_WORKSPACE" && bash "$repository/action/install.sh" plan) >>"$out" 2>&1; }
install() {
  PLAN_HOW=$(output how) PLAN_DIR=$(output dir) PLAN_VERSION=$(output version) PLAN_ADDRESS=$(output address)
  PLAN_ARCHIVE=$(output archive) PLAN_SUM=$(output sum)
  export PLAN_HOW PLAN_DIR PLAN_VERSION PLAN_ADDRESS PLAN_ARCHIVE PLAN_SUM
  (cd "$GITHUB_WORKSPACE" && bash "$repository/action/install.sh" install) >>"$out" 2>&1
}
refused() { ! "$@"; }

release
installing
ok 'plan' planned
ok 'a release' is "$(output how)" release
ok 'install' install
ok 'it ran' test -e "$RAN"
ok 'binary' test -x "$(output binary)"
ok 'nothing is built' absent "$CARGO_LOG"

begin 'install from the cache'
cached=$(output dir)
installing
planned
cp "$cached"/* "$(output dir)/"
rm "$folder/v$version/$name.tar.gz"
ok 'no download' install

begin 'spoilt cache'
installing
planned
echo spoilt >"$(output dir)/$name.tar.gz"
ok 'refused' refused install
ok 'says both hashes' says 'SHA256SUMS says'
ok 'never ran' absent "$RAN"

begin 'wrong checksum'
release
sed -i.bak 's/^......../00000000/' "$folder/v$version/SHA256SUMS"
installing
planned
ok 'refused' refused install
ok 'never ran' absent "$RAN"
ok 'nothing is kept' absent "$(output dir)/$name.tar.gz"
ok 'nothing is built instead' absent "$CARGO_LOG"

begin 'no release'
release
rm -r "${folder:?}/v$version"
installing
printf '[build]\nrustc-wrapper = "evil"\n' >"$GITHUB_WORKSPACE/config.toml"
ok 'plan' planned
ok 'source' is "$(output how)" source
ok 'install' install
ok 'builds the checkout of the action' in_file "$CARGO_LOG" "install --locked --path $repository --root $(output dir) in $repository"

begin 'no release for the platform'
release
installing
export RUNNER_ARCH=ARM64
planned
ok 'source' is "$(output how)" source
installing
export RUNNER_OS=Linux RUNNER_ARCH=RISCV64
planned
ok 'source' is "$(output how)" source

begin 'pinned by commit'
release
installing
export ACTION_REF=$head
planned
ok 'the release of that commit' is "$(output how)" release
installing
export ACTION_REF=$base
planned
ok 'another commit is built' is "$(output how)" source

begin 'refs'
for row in "v${version%%.*} release" "v${version%.*} release" 'v9 source' 'main source' ' source'; do
  installing
  export ACTION_REF=${row% *}
  planned
  ok "ref ${row% *}" is "$(output how)" "${row##* }"
done
installing
export ACTION_REF='' ACTION_REPOSITORY='' INPUT_VERSION=''
planned
ok 'a local path is built' is "$(output how)" source

begin 'version'
installing
export INPUT_VERSION=source
planned
ok 'source' is "$(output how)" source
key=$(output key)
ok 'the key has the hash of the sources' test "${#key}" -gt 64
installing
export INPUT_VERSION=v99.0.0
ok 'a release that is not there is not built from another version' refused planned
for wrong in latest '../../evil' $'1.0.0\n::error::forged' '--help'; do
  installing
  export INPUT_VERSION=$wrong
  ok "version $wrong" refused planned
  ok "version $wrong forges nothing" obeyed_nothing_forged
done

begin 'releases cannot be reached'
installing
export FLOWGATE_RELEASES=http://127.0.0.1:9
ok 'refused' refused planned
ok 'says how to go on' says 'version: source'
ok 'nothing is built' absent "$CARGO_LOG"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
