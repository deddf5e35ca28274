# shellcheck shell=bash
# What the scripts of the action share. Must run on bash 3.2 (macOS) and git-bash (Windows): no mapfile, no associative arrays, no ${x,,}.
#
# Values that come from outside (inputs, the event, files of a pull request) are never evaluated, never part of a format string, and
# reach the log only through the functions below: a line that begins with `::` is an order to the runner.

# Git-bash rewrites arguments that look like paths before a Windows program gets them. All paths here are the runner's own, which such a program knows.
export MSYS_NO_PATHCONV=1 MSYS2_ARG_CONV_EXCL='*'

# Inside double quotes bash 3.2 takes $'\n' literally.
newline=$'\n' carriage=$'\r'

# The text of a workflow command, with what would end or begin a command written out.
escaped() {
  local text=$1
  text=${text//'%'/%25}
  text=${text//$carriage/%0D}
  text=${text//$newline/%0A}
  printf '%s' "$text"
}

notice() { printf '::notice title=flowgate::%s\n' "$(escaped "$1")"; }
warning() { printf '::warning title=flowgate::%s\n' "$(escaped "$1")"; }
error() { printf '::error title=flowgate::%s\n' "$(escaped "$1")"; }

# Something is wrong with the set-up, not with what is checked: the step fails, whatever `fail-on` says.
die() {
  error "$1"
  exit 1
}

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Prints a file whose lines nobody vouches for. The runner obeys none of them until the random word is said again.
show_raw() {
  [ -s "$1" ] || return 0
  local word
  word=$(random)
  printf '::stop-commands::%s\n' "$word"
  cat -- "$1"
  # A last line without an end would swallow the word.
  printf '\n::%s::\n' "$word"
}

# An output of the step. The delimiter is random, so that no value can end itself and begin another output.
set_output() {
  local delimiter
  delimiter="flowgate-$(random)"
  printf '%s<<%s\n%s\n%s\n' "$1" "$delimiter" "$2" "$delimiter" >>"$GITHUB_OUTPUT"
}

# Leading and trailing blanks off; a carriage return is one (files and inputs written on Windows).
trimmed() {
  local text=$1
  text="${text#"${text%%[![:space:]]*}"}"
  text="${text%"${text##*[![:space:]]}"}"
  printf '%s' "$text"
}

# `true` or `false`, or a word on what was written instead: a misspelt switch must not silently be off.
switch_or_die() {
  case "$2" in
    true | false) ;;
    *) die "input \`$1\` is \`$2\`; write \`true\` or \`false\`" ;;
  esac
}

is_commit() { [[ "$1" =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]]; }
