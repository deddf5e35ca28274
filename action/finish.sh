#!/usr/bin/env bash
# The last step: what the run comes to. It alone fails for findings, so that reports and uploads are there by then.
#
# Reads: EXIT_CODE, INPUT_FAIL_ON, UPLOAD_OUTCOME, PR_HEAD_REPO, GITHUB_EVENT_NAME, GITHUB_REPOSITORY.
# shellcheck disable=SC2016 # backticks in single quotes are text
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ "${UPLOAD_OUTCOME:-}" = failure ]; then
  text='the upload to code scanning was refused; the verdict stands. It needs `security-events: write`'
  text="$text, and a private repository needs GitHub Code Security. \`sarif: false\` turns it off"
  if [ "${GITHUB_EVENT_NAME:-}" = pull_request ] && [ "${PR_HEAD_REPO:-}" != "$GITHUB_REPOSITORY" ]; then
    notice "$text"
  else
    warning "$text"
  fi
fi

case "${EXIT_CODE:-}" in
  0)
    echo 'nothing at or above the threshold'
    exit 0
    ;;
  1) text='findings' ;;
  2) text='could not judge: no finding is not a pass' ;;
  *) die 'the check left no exit code' ;;
esac
case "$INPUT_FAIL_ON/$EXIT_CODE" in
  never/* | not-judged/1)
    printf '%s; the step passes, because fail-on is %s\n' "$text" "$INPUT_FAIL_ON"
    exit 0
    ;;
esac
printf '%s; what is wrong stands in the annotations and in the summary\n' "$text"
exit "$EXIT_CODE"
