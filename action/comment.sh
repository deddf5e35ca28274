#!/usr/bin/env bash
# Writes the pull request's one comment: the comment of this token's identity that begins with the marker is updated, else one is created.
# A comment that cannot be written is a warning, never a failure: the verdict is in the check.
#
# Reads: COMMENT_FILE, EXIT_CODE, PR_NUMBER, PR_HEAD_REPO, TOKEN, GITHUB_REPOSITORY, GITHUB_API_URL, GITHUB_GRAPHQL_URL, RUNNER_TEMP.
# shellcheck disable=SC2016 # backticks in single quotes are text
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

marker='<!-- flowgate-report -->'

if ! [[ "${PR_NUMBER:-}" =~ ^[0-9]+$ ]]; then
  notice 'no comment: this run belongs to no pull request'
  exit 0
fi
if [ "${PR_HEAD_REPO:-}" != "$GITHUB_REPOSITORY" ]; then
  # An empty name is a fork that has been deleted.
  notice 'no comment: the pull request comes from a fork, whose token may only read; the report is in the summary'
  exit 0
fi
if ! [ -s "${COMMENT_FILE:-}" ]; then
  notice 'no comment: there is no report to write'
  exit 0
fi
IFS= read -r first <"$COMMENT_FILE" || true
if [ "${first%"$carriage"}" != "$marker" ]; then
  warning 'no comment: the report does not begin with the marker, so it could not be found again'
  exit 0
fi
# It stands in a header below.
if ! [[ "$TOKEN" =~ ^[A-Za-z0-9_.=-]+$ ]] || ! [[ "$GITHUB_REPOSITORY" =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]]; then
  warning 'no comment: input `token` is no token'
  exit 0
fi

api=${GITHUB_API_URL%/}
graphql=${GITHUB_GRAPHQL_URL:-$api/graphql}
work=$(mktemp -d "$RUNNER_TEMP/flowgate-comment.XXXXXX")

# One request; the answer is in $work/answer, the status on standard output. The token goes in on standard input: arguments can be read by others.
request() {
  local method=$1 url=$2 body=$3
  printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" |
    curl --config - --silent --show-error --request "$method" --header 'Accept: application/vnd.github+json' \
      --header 'Content-Type: application/json' --header 'User-Agent: flowgate-action' --connect-timeout 20 --max-time 60 \
      --data-binary "@$body" --output "$work/answer" --write-out '%{http_code}' -- "$url" 2>"$work/errors" || true
}

# Text as a JSON string. Control characters other than line end and tab have no place in a comment.
json_string() {
  LC_ALL=C tr -d '\000-\010\013-\037' | LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e "s/$(printf '\t')/\\\\t/g" |
    LC_ALL=C awk 'BEGIN { printf "\"" } NR > 1 { printf "\\n" } { printf "%s", $0 } END { printf "\"" }'
}

gave_up() {
  local why="HTTP status $1"
  case "$1" in
    401 | 403 | 404) why="the token may not; the job needs \`pull-requests: write\` (a run of Dependabot never has it)" ;;
    000 | '') why="the API could not be reached" ;;
  esac
  show_raw "$work/errors"
  warning "no comment: $why"
  exit 0
}

# Finds the comment. `viewerDidAuthor` answers the one question that REST does not, for every kind of token: is it mine? Fields come in the order
# they are asked for, and a quotation mark inside a JSON string has a backslash before it: no body of a comment can look like the three keys.
query='query($owner:String!,$name:String!,$number:Int!,$after:String){repository(owner:$owner,name:$name){pullRequest(number:$number){comments(first:100,after:$after){pageInfo{hasNextPage endCursor} nodes{url viewerDidAuthor body}}}}}'
mine='"url": ?"[^"\\]*#issuecomment-[0-9]+", ?"viewerDidAuthor": ?true, ?"body": ?"(<|\\u003[cC])!-- flowgate-report --(>|\\u003[eE])'
id='' after=null
for _ in $(seq 1 100); do
  printf '{"query":"%s","variables":{"owner":"%s","name":"%s","number":%s,"after":%s}}' \
    "$query" "${GITHUB_REPOSITORY%%/*}" "${GITHUB_REPOSITORY#*/}" "$PR_NUMBER" "$after" >"$work/query"
  status=$(request POST "$graphql" "$work/query")
  [ "$status" = 200 ] || gave_up "$status"
  if ! grep -q '"pullRequest": *{' "$work/answer"; then gave_up 403; fi
  id=$(LC_ALL=C grep -oE "$mine" "$work/answer" | LC_ALL=C sed -n '1s/^"url": *"[^"]*#issuecomment-\([0-9]*\)".*$/\1/p') || true
  [ -z "$id" ] || break
  grep -qE '"hasNextPage": *true' "$work/answer" || break
  after=$(LC_ALL=C grep -oE '"endCursor": *"[A-Za-z0-9+/=:_-]+"' "$work/answer" | sed -n '1s/^"endCursor": *//p') || true
  [ -n "$after" ] || break
done

if [ -z "$id" ] && [ "${EXIT_CODE:-0}" = 0 ]; then
  echo 'no comment: nothing to act on, and no earlier comment to bring up to date'
  exit 0
fi

{
  printf '{"body":'
  json_string <"$COMMENT_FILE"
  printf '}'
} >"$work/body"
if [ -n "$id" ]; then
  status=$(request PATCH "$api/repos/$GITHUB_REPOSITORY/issues/comments/$id" "$work/body")
else
  status=$(request POST "$api/repos/$GITHUB_REPOSITORY/issues/$PR_NUMBER/comments" "$work/body")
fi
case "$status" in
  200 | 201) printf 'comment %s\n' "$([ -n "$id" ] && echo updated || echo created)" ;;
  *) gave_up "$status" ;;
esac
