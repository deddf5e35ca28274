#!/usr/bin/env bash
# Runs `flowgate check` once, with every report the later steps need. It does not fail for findings: `finish.sh` does, after the uploads.
#
# Reads: FLOWGATE (the binary), INPUT_* as in action.yml, GITHUB_* and RUNNER_TEMP of the runner, and from the event PR_BASE_SHA, PR_HEAD_SHA,
# MERGE_GROUP_BASE_SHA, PUSH_BEFORE, ACTOR. action.yml takes these out of the payload, so that no JSON is read here.
# shellcheck disable=SC2016 # backticks in single quotes are text
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The token is for fetching the base, nothing else: the check runs without it.
token=${INPUT_TOKEN:-}
unset INPUT_TOKEN

# Git asks nobody for a password here.
export GIT_TERMINAL_PROMPT=0

cd "$GITHUB_WORKSPACE"
work=$(mktemp -d "$RUNNER_TEMP/flowgate-report.XXXXXX")

# Ends the step without a verdict; `finish.sh` fails unless `fail-on` is `never`.
not_judged() {
  error "$1"
  set_output exit-code 2
  set_output upload false
  if [ "${INPUT_SUMMARY:-true}" = true ]; then
    {
      printf '### flowgate could not judge\n\n'
      # As code, one line: what is said may hold text of the pull request.
      printf '    %s\n' "$(printf '%s' "$1" | tr '\r\n' '  ')"
    } >>"$GITHUB_STEP_SUMMARY"
  fi
  exit 0
}

# The set-up.

case "$GITHUB_EVENT_NAME" in
  # It runs with a write token and the secrets, and its default checkout is the base: a check of the base judges nothing that was proposed, and a
  # checkout of the head hands the token's surroundings to its author.
  pull_request_target)
    die "flowgate does not run on \`$GITHUB_EVENT_NAME\`; use \`pull_request\`, which is safe for forks, too"
    ;;
esac
switch_or_die sarif "$INPUT_SARIF"
switch_or_die summary "$INPUT_SUMMARY"
switch_or_die comment "$INPUT_COMMENT"
case "$INPUT_FAIL_ON" in
  findings | not-judged | never) ;;
  *) die "input \`fail-on\` is \`$INPUT_FAIL_ON\`; write \`findings\`, \`not-judged\` or \`never\`" ;;
esac
html=$(trimmed "$INPUT_HTML")
case "$html" in
  *"$newline"*) die 'input `html` is one path' ;;
esac

# The base.

# Tells whether a commit is here.
here() { git cat-file -e "$1^{commit}" 2>/dev/null; }

# Brings one commit or branch from the remote, without history, to `FETCH_HEAD`. A checkout that kept no credentials is tried again with the token,
# as a header in the environment: never in an argument, which other processes see.
fetch() {
  local refspec=$1 url
  local command=(git fetch --quiet --no-tags --no-recurse-submodules --depth=1 origin "$refspec")
  "${command[@]}" >"$work/fetch" 2>&1 && return 0
  url=$(git remote get-url origin 2>/dev/null) || return 1
  case "$url" in
    "${GITHUB_SERVER_URL:-https://github.com}"/*) ;;
    *) return 1 ;;
  esac
  [ -n "$token" ] || return 1
  local header
  header=$(printf 'x-access-token:%s' "$token" | base64 | tr -d '\r\n')
  printf '::add-mask::%s\n' "$header"
  GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.${GITHUB_SERVER_URL:-https://github.com}/.extraheader" \
    GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $header" "${command[@]}" >>"$work/fetch" 2>&1
}

# On a pull request the runner checks out a merge of the base and the head. Its first parent is the base that was merged, which may be newer than
# the one in the payload: against the payload's, what others have merged since would look new. A shallow clone still has the names of the parents.
base_of_merge() {
  local parents
  # The merge that GitHub made, and no commit of the author's.
  [ "$(git rev-parse --quiet --verify HEAD 2>/dev/null)" = "${GITHUB_SHA:-}" ] || return 0
  parents=$(git cat-file commit HEAD 2>/dev/null | awk '!body && $1 == "parent" { print $2 } /^$/ { body = 1 }') || return 0
  [ "$(printf '%s\n' "$parents" | wc -l | tr -d ' ')" = 2 ] || return 0
  [ "$(printf '%s\n' "$parents" | sed -n 2p)" = "${PR_HEAD_SHA:-}" ] || return 0
  printf '%s\n' "$parents" | sed -n 1p
}

# Makes a commit that the event names available, or says what to do.
need() {
  is_commit "$1" || not_judged "the event \`$GITHUB_EVENT_NAME\` names no base commit; set \`base: none\` to judge everything"
  here "$1" && return 0
  fetch "$1" && here "$1" && return 0
  show_raw "$work/fetch"
  not_judged "the base $1 is not in this clone and could not be fetched; set \`fetch-depth: 0\` (or \`2\`) on actions/checkout, or \`base: none\` here"
}

# Sets `base` to the commit to judge against; empty is none.
find_base() {
  local given
  base=''
  given=$(trimmed "$INPUT_BASE")
  case "$given" in
    none) return 0 ;;
    '')
      case "$GITHUB_EVENT_NAME" in
        pull_request | pull_request_review | pull_request_review_comment)
          base=$(base_of_merge)
          [ -n "$base" ] || base=${PR_BASE_SHA:-}
          need "$base"
          ;;
        merge_group)
          base=${MERGE_GROUP_BASE_SHA:-}
          need "$base"
          ;;
          # A push is judged whole: against what was there before it, a second push would turn the first one's leak green.
      esac
      return 0
      ;;
    before)
      [ "$GITHUB_EVENT_NAME" = push ] || not_judged "\`base: before\` is for the event \`push\`; this is \`$GITHUB_EVENT_NAME\`"
      base=${PUSH_BEFORE:-}
      if [[ "$base" =~ ^0*$ ]]; then
        notice 'a first push has nothing before it: everything is judged'
        base=''
      elif ! is_commit "$base" || ! { here "$base" || { fetch "$base" && here "$base"; }; }; then
        notice 'what was there before this push is gone: everything is judged'
        base=''
      fi
      return 0
      ;;
  esac

  # A revision of the workflow's author. What git makes of it goes on, not the text.
  local name
  for name in "$given" "origin/$given"; do
    base=$(git rev-parse --quiet --verify --end-of-options "$name^{commit}" 2>/dev/null) && return 0
  done
  if is_commit "$given"; then
    need "$given"
    base=$given
  elif [[ "$given" =~ ^[A-Za-z0-9_][A-Za-z0-9_./-]*$ ]] && fetch "refs/heads/$given"; then
    base=$(git rev-parse --quiet --verify 'FETCH_HEAD^{commit}')
  else
    show_raw "$work/fetch"
    not_judged "\`base\` is \`$given\`, and there is no such revision here or on the remote"
  fi
}

# The arguments. Every value is one word of an array, joined to its option with `=`: none can become an option or a second word.

arguments=(check "--format=$INPUT_FORMAT" "--severity=$INPUT_SEVERITY")
# Not for code scanning alone: the file is an output.
arguments+=("--report=sarif=$work/report.sarif" "--report=markdown=$work/report.md" "--report=comment=$work/comment.md" "--report=outputs=$work/outputs")
if [ -n "$html" ]; then
  case "$html" in
    */*) mkdir -p -- "${html%/*}/" ;;
  esac
  arguments+=("--report=html=$html")
fi
baseline=$(trimmed "$INPUT_BASELINE")
[ -z "$baseline" ] || arguments+=("--baseline=$baseline")
as_of=$(trimmed "$INPUT_AS_OF")
[ -z "$as_of" ] || arguments+=("--as-of=$as_of")
while IFS= read -r line; do
  line=$(trimmed "$line")
  case "$line" in
    '') ;;
    ./*) arguments+=("--packs=$line") ;;
    *) arguments+=("--pack=$line") ;;
  esac
done <<<"${INPUT_PACKS//,/$newline}"
paths=()
while IFS= read -r line; do
  line=$(trimmed "$line")
  case "$line" in
    '') ;;
    # `-` alone would be standard input.
    -*) paths+=("./$line") ;;
    *) paths+=("$line") ;;
  esac
done <<<"$INPUT_PATH"
[ "${#paths[@]}" -gt 0 ] || paths=(.)

find_base
if [ -n "$base" ]; then
  arguments+=("--base=$base")
  printf 'judged against %s: what was there before does not fail\n' "$base"
else
  printf 'judged whole: there is no base for `%s`\n' "$GITHUB_EVENT_NAME"
fi

# The check.

code=0
"$FLOWGATE" "${arguments[@]}" -- "${paths[@]}" >"$work/log" 2>"$work/errors" </dev/null || code=$?
if [ "$INPUT_FORMAT" = github ]; then
  # Annotations and folds, which flowgate has escaped, are orders; nothing else in there is one.
  LC_ALL=C awk -v word="$(random)" '
    { order = /^::(error|warning|notice|group|endgroup)[ :]/ }
    order && stopped { print "::" word "::"; stopped = 0 }
    !order && !stopped { print "::stop-commands::" word; stopped = 1 }
    { print }
    END { if (stopped) print "::" word "::" }
  ' "$work/log"
else
  show_raw "$work/log"
fi
show_raw "$work/errors"

# The outputs: known names with numbers, nothing else of the file.
if [ -s "$work/outputs" ]; then
  while IFS='=' read -r key value; do
    value=${value%"$carriage"}
    case "$key" in
      errors | warnings | notes | problems | findings | waived | baseline | new | worsened | fixed | unchanged)
        if [[ "$value" =~ ^[0-9]+$ ]]; then set_output "$key" "$value"; fi
        ;;
    esac
  done <"$work/outputs"
fi
[ ! -s "$work/report.sarif" ] || set_output sarif "$work/report.sarif"
[ ! -s "$work/report.md" ] || set_output markdown "$work/report.md"
[ ! -s "$work/comment.md" ] || set_output comment "$work/comment.md"
if [ -n "$html" ] && [ -s "$html" ]; then set_output html "$html"; fi

case "$code" in
  0 | 1 | 2) ;;
  *) not_judged "flowgate ended with $code" ;;
esac
if ! [ -s "$work/outputs" ]; then
  # Bad arguments, mostly: what is wrong stands on standard error.
  not_judged "$(head -c 2000 "$work/errors" | head -n 20 | grep . || echo "flowgate ended with $code and wrote no report")"
fi
set_output exit-code "$code"

# A step may add 1 MiB to the summary; one byte more and all of it is dropped.
if [ "$INPUT_SUMMARY" = true ] && [ -s "$work/report.md" ]; then
  if [ "$(wc -c <"$work/report.md")" -le 1000000 ]; then
    cat -- "$work/report.md" >>"$GITHUB_STEP_SUMMARY"
  else
    {
      # Whole lines, so that no character and no table row is cut.
      LC_ALL=C awk '{ size += length($0) + 1; if (size > 990000) exit; print }' "$work/report.md"
      printf '\n\nThe report is longer than a summary may be; the log and the SARIF file have all of it.\n'
    } >>"$GITHUB_STEP_SUMMARY"
  fi
fi

# Code scanning takes results of `pull_request` runs whatever the token may do, forks and Dependabot included; of other events only with
# `security-events: write`, which a push by Dependabot never has.
upload=$INPUT_SARIF
if [ "$upload" = true ]; then
  if ! [ -s "$work/report.sarif" ]; then
    upload=false
  elif [ "${ACTOR:-}" = 'dependabot[bot]' ] && [ "$GITHUB_EVENT_NAME" = push ]; then
    upload=false
    notice 'no upload to code scanning: a push by Dependabot has a read-only token'
  fi
fi
set_output upload "$upload"
