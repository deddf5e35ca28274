#!/usr/bin/env bash
# Puts a flowgate binary in place: `plan` decides which and where, `install` gets it. The step between the two restores the cache.
#
# A release archive is unpacked only when its SHA-256 is the one in the release's SHA256SUMS, from the cache or not. Where there is no release
# for this commit or platform, the action's own checkout is built.
#
# Reads: GITHUB_ACTION_PATH, GITHUB_OUTPUT, RUNNER_TEMP, RUNNER_OS, RUNNER_ARCH; `plan` also INPUT_VERSION, ACTION_REF, ACTION_REPOSITORY; `install`
# what `plan` wrote: PLAN_HOW, PLAN_DIR, PLAN_VERSION, PLAN_ADDRESS, PLAN_ARCHIVE, PLAN_SUM. FLOWGATE_RELEASES replaces the address of the releases (a
# mirror, a test), FLOWGATE_CARGO the program that builds.
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sha256() {
  # Standard input, not a name: GNU's tool marks odd names with a backslash before the hash.
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum <"$1" | cut -c1-64
  else
    shasum -a 256 <"$1" | cut -c1-64
  fi
}

# The platform as Rust names it; empty where no release is built.
target() {
  case "$RUNNER_OS/$RUNNER_ARCH" in
    Linux/X64) echo x86_64-unknown-linux-musl ;;
    Linux/ARM64) echo aarch64-unknown-linux-musl ;;
    macOS/X64) echo x86_64-apple-darwin ;;
    macOS/ARM64) echo aarch64-apple-darwin ;;
    Windows/X64) echo x86_64-pc-windows-msvc ;;
    *) echo '' ;;
  esac
}

# Where the action came from. The runner leaves the context empty for some composite actions; the folder says the same:
# …/_actions/OWNER/REPO/REF.
locate() {
  repository=${ACTION_REPOSITORY:-} ref=${ACTION_REF:-}
  local path=${GITHUB_ACTION_PATH//\\//} rest
  if [ -z "$repository" ] && [[ "$path" == */_actions/*/*/* ]]; then
    rest=${path##*/_actions/}
    repository=$(printf '%s' "$rest" | cut -d/ -f1-2)
    ref=$(printf '%s' "$rest" | cut -d/ -f3-)
  fi
}

own_version() {
  sed -n 's/^version = "\([0-9A-Za-z.+-]*\)".*$/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1
}

# Gets a file of a release: 0 it is there, 1 there is none. Anything else ends the step: a release that cannot be reached is not a release that
# does not exist.
fetched() {
  local url="$address/v$version/$1" file=$2 protocols='=https' status code=0
  # Another address is the workflow's own choice: a mirror inside a network, or a folder.
  [ -z "${FLOWGATE_RELEASES:-}" ] || protocols='=https,http,file'
  status=$(curl --silent --show-error --location --proto "$protocols" --proto-redir '=https' --retry 3 --connect-timeout 20 --max-time 300 \
    --output "$file" --write-out '%{http_code}' -- "$url") || code=$?
  case "$code/$status" in
    0/200) return 0 ;;
    # A file: address has no status.
    0/000) return 0 ;;
    0/404 | 37/000) return 1 ;;
  esac
  die "could not get $url: curl ended with $code, HTTP status $status; try again, or set \`version: source\` to build instead"
}

# The one line of SHA256SUMS for a file.
listed() {
  awk -v name="$2" '{ sub(/\r$/, "") } $2 == name || $2 == "*" name { print $1 }' "$1"
}

plan() {
  local repository ref version wanted address='' triple archive dir sum how=release why='' commit_of_ref=''
  locate
  wanted=$(trimmed "${INPUT_VERSION:-}")
  version=$(own_version)
  triple=$(target)

  case "$wanted" in
    '')
      if [[ "$ref" =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]]; then
        version=${ref#v}
      elif [[ "$ref" =~ ^v[0-9]+(\.[0-9]+)?$ ]]; then
        # A tag that moves along with the releases: the checkout says which one it stands at.
        case "$version" in
          "${ref#v}".*) ;;
          *) how=source why="\`$ref\` holds version $version" ;;
        esac
      elif is_commit "$ref"; then
        commit_of_ref=$ref
      else
        how=source why="\`${ref:-a local path}\` is no release"
      fi
      ;;
    source) how=source why="\`version: source\`" ;;
    *)
      if ! [[ "$wanted" =~ ^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]]; then
        die "input \`version\` is \`$wanted\`; write a release such as \`v$version\`, or \`source\`"
      fi
      version=${wanted#v}
      ;;
  esac
  if [ "$how" = release ] && [ -z "$repository" ] && [ -z "${FLOWGATE_RELEASES:-}" ]; then
    how=source why='the action is a local path'
  fi
  if [ "$how" = release ] && [ -z "$triple" ]; then
    how=source why="no release is built for $RUNNER_OS/$RUNNER_ARCH"
  fi

  if [ "$how" = release ]; then
    address=${FLOWGATE_RELEASES:-https://github.com/$repository/releases/download}
    address=${address%/}
    archive="flowgate-v$version-$triple.tar.gz"
    dir="$RUNNER_TEMP/flowgate/v$version-$triple"
    mkdir -p "$dir"
    if ! fetched SHA256SUMS "$RUNNER_TEMP/flowgate/SHA256SUMS"; then
      how=source why="there is no release v$version"
    elif [ -n "$commit_of_ref" ]; then
      # Pinned by commit: the release counts only when it was built from that commit.
      if ! fetched COMMIT "$RUNNER_TEMP/flowgate/COMMIT" || [ "$(trimmed "$(head -c 100 "$RUNNER_TEMP/flowgate/COMMIT")")" != "$commit_of_ref" ]; then
        how=source why="release v$version was not built from $commit_of_ref"
      fi
    fi
    if [ "$how" = release ]; then
      sum=$(listed "$RUNNER_TEMP/flowgate/SHA256SUMS" "$archive")
      if [ -z "$sum" ]; then
        how=source why="release v$version has no $archive"
      elif ! [[ "$sum" =~ ^[0-9a-f]{64}$ ]]; then
        die "SHA256SUMS of release v$version does not have exactly one SHA-256 for $archive"
      fi
    fi
  fi

  if [ "$how" = source ]; then
    # The checkout is one version; another one that was asked for by name cannot be built from it.
    if [ -n "$wanted" ] && [ "$wanted" != source ] && [ "$version" != "$(own_version)" ]; then
      die "$why, and the action's own checkout is $(own_version): use the action at \`v$version\`"
    fi
    version=$(own_version) archive='' sum=$(digest_of_sources)
    dir="$RUNNER_TEMP/flowgate/source"
    mkdir -p "$dir"
  fi

  case "$how" in
    release) printf 'flowgate %s for %s from %s\n' "$version" "$triple" "$(escaped "$address")" ;;
    source) printf 'flowgate %s, built from the checkout of the action: %s\n' "$version" "$(escaped "$why")" ;;
  esac
  set_output how "$how"
  set_output dir "$dir"
  set_output version "$version"
  # Kept, and not found out again: after a step that uses another action the context may speak of that one.
  set_output address "$address"
  set_output archive "$archive"
  set_output sum "$sum"
  set_output key "flowgate-$how-v$version-$RUNNER_OS-$RUNNER_ARCH-$sum"
}

# What a build depends on, as one hash: the key of the cache, so that another source never gets this binary.
digest_of_sources() (
  cd "$GITHUB_ACTION_PATH"
  local tool=(sha256sum) list
  command -v sha256sum >/dev/null 2>&1 || tool=(shasum -a 256)
  list=$(mktemp "$RUNNER_TEMP/flowgate-sources.XXXXXX")
  # One process for all files: starting one for each takes half a minute on Windows.
  find Cargo.toml Cargo.lock build.rs src policies schemas -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 "${tool[@]}" >"$list"
  sha256 "$list"
  rm -f "$list"
)

install() {
  local binary
  case "$PLAN_HOW" in
    release) install_release ;;
    source) install_source ;;
    *) die 'install.sh install runs after install.sh plan' ;;
  esac
  "$binary" --version || die "the binary for $RUNNER_OS/$RUNNER_ARCH does not run here; set \`version: source\` to build it"
  set_output binary "$binary"
}

install_release() {
  local found folder version=$PLAN_VERSION address=$PLAN_ADDRESS name=${PLAN_ARCHIVE%.tar.gz}
  if ! [ -f "$PLAN_DIR/$PLAN_ARCHIVE" ]; then
    fetched "$PLAN_ARCHIVE" "$PLAN_DIR/$PLAN_ARCHIVE" || die "release v$version lists $PLAN_ARCHIVE and does not have it"
  fi
  found=$(sha256 "$PLAN_DIR/$PLAN_ARCHIVE")
  if [ "$found" != "$PLAN_SUM" ]; then
    # Gone before anything can use it, and before the cache can keep it.
    rm -f "$PLAN_DIR/$PLAN_ARCHIVE"
    die "$PLAN_ARCHIVE has SHA-256 $found, and SHA256SUMS says $PLAN_SUM: not what was released, so it is not run"
  fi
  folder=$(mktemp -d "$RUNNER_TEMP/flowgate-bin.XXXXXX")
  # A relative name: GNU tar takes what stands before a colon for a host, and D:\ has one.
  (cd "$PLAN_DIR" && tar -xzf "$PLAN_ARCHIVE" -O "$name/flowgate$(suffix)") >"$folder/flowgate$(suffix)"
  chmod +x "$folder/flowgate$(suffix)"
  binary="$folder/flowgate$(suffix)"
}

install_source() {
  local cargo=${FLOWGATE_CARGO:-cargo} action=$GITHUB_ACTION_PATH
  binary="$PLAN_DIR/bin/flowgate$(suffix)"
  if [ -x "$binary" ]; then
    echo 'built before: from the cache'
    return 0
  fi
  command -v "$cargo" >/dev/null 2>&1 ||
    die "flowgate is built from source here, and there is no cargo: add a step that installs Rust $(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$action/Cargo.toml") or newer, or use a release"
  # In the action's folder: cargo takes orders from `.cargo/config.toml` and `rust-toolchain.toml` of the folder it runs in, and the workspace
  # belongs to the pull request.
  (cd "$action" && CARGO_TARGET_DIR="$RUNNER_TEMP/flowgate-target" "$cargo" install --locked --path "$action" --root "$PLAN_DIR")
  [ -x "$binary" ] || die "the build left no $binary"
}

suffix() { [ "$RUNNER_OS" != Windows ] || printf '.exe'; }

case "${1:-}" in
  plan) plan ;;
  install) install ;;
  *) die 'usage: install.sh plan|install' ;;
esac
