# shellcheck shell=bash
# What the scripts of Deploy share. Sourced, never run.

# Ends the script: what happened, what to do next, and a status of sysexits.h.
# usage: fail STATUS WHAT [NEXT]
fail() {
  printf 'apus: %s\n' "$2" >&2
  if [ -n "${3:-}" ]; then printf '  next: %s\n' "$3" >&2; fi
  exit "$1"
}

# Runs one step and prints what it is and how long it took. The step's output goes to the terminal.
# usage: step TITLE COMMAND [ARGUMENT...]
step() {
  local title=$1 started=$SECONDS status=0
  shift
  printf '== %s\n' "$title"
  "$@" || status=$?
  if [ "$status" -ne 0 ]; then
    printf '== %s: failed after %d s\n' "$title" "$((SECONDS - started))" >&2
    exit "$status"
  fi
  printf '== %s: done in %d s\n' "$title" "$((SECONDS - started))"
}

# Runs a command whose output matters only when it fails: then its last lines are shown.
# usage: quietly COMMAND [ARGUMENT...]
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    printf '%s\n' "the last lines of: $*" >&2
    tail -n 15 "$log" >&2
  fi
  rm -f "$log"
  return "$status"
}

# Runs a command as root: directly, or with a sudo that asks nothing.
# usage: as_root COMMAND [ARGUMENT...]
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    fail 77 "this user may not install packages" \
      "run it as root, or with a sudo that asks for no password: sudo env PATH=\"\$PATH\" $0"
  fi
}

# Says how long the script took so far: wall time, and the CPU time of all it waited for.
# usage: say_ready          (not in a subshell, whose times are its own)
say_ready() {
  local log
  log=$(mktemp)
  times >"$log"
  awk -v wall="$SECONDS" '
    { for (i = 1; i <= NF; i++) { split($i, part, /[ms]/); cpu += 60 * part[1] + part[2] } }
    END { printf "ready after %d s, which took %d s of CPU time\n", wall, cpu }' "$log"
  rm -f "$log"
}

# Checks the one thing these scripts do not install.
# usage: need_swift MAJOR MINOR
need_swift() {
  local said version major minor
  if ! command -v swift >/dev/null; then
    local next="install Swift $1.$2 or newer (https://www.swift.org/install/linux/) and put its usr/bin on PATH"
    if [ -n "${SUDO_USER:-}" ]; then next="sudo resets PATH: sudo env PATH=\"\$PATH\" $0; or $next"; fi
    fail 69 "Swift is not on PATH" "$next"
  fi
  if ! said=$(swift --version 2>&1); then
    fail 69 "$(command -v swift) does not run: $(tail -n 1 <<<"$said")" \
      "install what Swift itself needs (https://www.swift.org/install/linux/)"
  fi
  version=$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$said" | head -n 1)
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  if [ -z "$version" ] || [ "$major" -lt "$1" ] || { [ "$major" -eq "$1" ] && [ "${minor:-0}" -lt "$2" ]; }; then
    fail 69 "Swift ${version:-of an unknown version} is too old; Apus needs $1.$2 or newer" \
      "install it (https://www.swift.org/install/linux/) and put its usr/bin first on PATH"
  fi
  printf 'swift %s (%s)\n' "$version" "$(command -v swift)"
}

# Builds, with a line of progress for every hundred steps in place of one for each and for each package fetched;
# errors and warnings in full.
# usage: build_with_progress ARGUMENT_OF_SWIFT_BUILD...
build_with_progress() {
  swift build "$@" 2>&1 | awk '
    /^\[[0-9]+\/[0-9]+\]/ { if (steps++ % 100 == 0) { print "  " $0; fflush() } next }
    /^(Fetch|Comput|Creating|Working|Building for)/ { next }
    { print; fflush() }
  '
}

# Passes the output of a test run on, and repeats what failed just before the runner's own summary, which comes last:
# a reader of a log's end sees which test it was.
# usage: swift test ... 2>&1 | failures_last
failures_last() {
  awk '
    /^[^ -~]+ Test run with / { summary = $0; next }
    { print; fflush() }
    / recorded an issue / || (isIssue && /^[^ -~]+ [^TS]/) { failures = failures substr($0, 1, 500) "\n"; isIssue = 1; next }
    { isIssue = 0 }
    END {
      if (failures != "") printf "== what failed\n%s", failures
      if (summary != "") print summary
    }
  '
}
