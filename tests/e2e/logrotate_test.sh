#!/usr/bin/env bash
# A log that the real logrotate rotates, in every mode in which it leaves the lines somewhere.
#   usage: logrotate_test.sh BINARY SOURCE_DIR BUILD_DIR
# In each mode the log grows, is rotated by force, and the daemon is stopped and started meanwhile;
# at the end every numbered line must be a dead letter exactly once. PICKET_ROTATIONS sets how often
# the log is rotated in each mode, PICKET_SEED when the daemon is stopped. Two things are waited for
# because they lose lines by design: with copytruncate nothing is written while logrotate runs, and
# no file is compressed before its beginning was read once, since nobody can tell a compressed file
# that was never seen from an old one. Exits with 77 when a program it needs is missing.
set -euo pipefail

binary=$(realpath "$1")
source_dir=$(realpath "$2")
build=$(realpath "$3")
PATH=$PATH:/usr/sbin
. "$source_dir/tests/e2e/common.sh"
need logrotate jq gzip
rotations=${PICKET_ROTATIONS:-12}
seed=${PICKET_SEED:-1}
RANDOM=$seed
work_in "$build/logrotate_test"
about="PICKET_SEED=$seed"


start() {
  (cd "$mode" && exec "$binary" run --config picket.yaml >>picket.log 2>&1) &
  pid=$!
  starts=$((starts + 1))
}

is_ready() { [ "$(grep -c '^info: ready' "$mode/picket.log")" = "$starts" ]; }

stop() {
  # Before that a signal just ends it.
  eventually 10 "$mode: the daemon is ready" is_ready
  kill -TERM "$pid"
  wait "$pid" || fail "$mode: the daemon ended with $?"
  pid=
}

# prepare DIRECTIVE...: a folder with an empty log, and both programs' configurations.
prepare() {
  # logrotate refuses a folder that others may write to.
  mkdir -m 0755 "$mode" "$mode/log"
  : >"$mode/log/app.log"
  cat >"$mode/picket.yaml" <<CONFIG
inputs:
  - {name: api, type: file, paths: [log/app.log], start: beginning, poll_interval: 50ms}
http: {listen: ""}
state: {path: picket.db, commit_interval: 50ms}
dead_letter: {path: dead_letter.jsonl}
CONFIG
  {
    echo "\"$directory/$mode/log/app.log\" {"
    printf '  %s\n' "rotate 1000" missingok "$@"
    echo "}"
  } >"$mode/logrotate.conf"
  chmod 0644 "$mode/logrotate.conf"
}

# write COUNT: numbered lines through the descriptor that the writer holds.
write() {
  seq -f 'line %.0f' $((written + 1)) $((written + $1)) >&3
  written=$((written + $1))
}

reopen() { exec 3>>"$mode/log/app.log"; }

is_read() { grep -qF "\"line\":\"$1\"" "$mode/dead_letter.jsonl"; }

# Every file that is not compressed was at least begun.
all_begun() {
  local file
  for file in "$mode"/log/*; do
    [[ $file != *.gz && -s $file ]] || continue
    is_read "$(head -n 1 "$file")" || return 1
  done
}

is_complete() { [ "$(wc -l <"$mode/dead_letter.jsonl")" -ge "$written" ]; }

# The dated names count in seconds, and `second` is no earlier than that of the last one. The clock
# that logrotate looks at is a tick behind.
is_new_second() { [ "$(date +%s%3N)" -gt $((second * 1000 + 1100)) ]; }

# rotate: as cron does it, by force. Unless logrotate compresses or cuts at once, the writer goes on
# for a while in the file it has open.
rotate() {
  if [[ $mode == *compress* ]]; then
    if [ -z "$pid" ] && [ "$unseen" = 0 ]; then
      unseen=1
    else
      [ -n "$pid" ] || start
      unseen=0
      eventually 10 "$mode: the beginning of each file is read" all_begun
    fi
  fi
  if [[ $mode == *dated ]]; then eventually 10 "the clock goes on" is_new_second; fi
  logrotate -f -s "$mode/logrotate.state" "$mode/logrotate.conf" >>"$mode/logrotate.log" 2>&1 ||
    fail "$mode: logrotate: $(tail -n 3 "$mode/logrotate.log")"
  second=$(date +%s)
  if [ "$mode" = create ] || [ "$mode" = delaycompress ]; then write $((RANDOM % 20)); fi
  reopen
}

# run_mode NAME DIRECTIVE...
run_mode() {
  mode=$1
  shift
  written=0
  starts=0
  unseen=0  # whether a file may have been compressed since the daemon was stopped
  prepare "$@"
  reopen
  start
  write 1
  eventually 10 "$mode: the first line is read" is_read "line 1"
  local n
  for ((n = 0; n < rotations; n++)); do
    write $((1 + RANDOM % 400))
    case $((RANDOM % 4)) in
      0) [ -n "$pid" ] && stop ;;
      1 | 2)
        [ -n "$pid" ] || start
        unseen=0
        ;;
      *) ;;
    esac
    rotate
  done
  [ -n "$pid" ] || start
  write 100
  eventually 20 "$mode: all $written lines are read" is_complete
  stop
  # What was read must be known to be read.
  start
  write 1
  eventually 10 "$mode: the last line is read" is_read "line $written"
  stop
  exec 3>&-
  jq -r '.line' "$mode/dead_letter.jsonl" | sort >"$mode/read"
  seq -f 'line %.0f' 1 "$written" | sort >"$mode/expected"
  diff "$mode/expected" "$mode/read" >"$mode/difference" ||
    fail "$mode: lines are lost (<) or doubled (>): $(head -n 20 "$mode/difference")"
  local files
  files=$(find "$mode/log" -type f | wc -l)
  [ "$files" = $((rotations + 1)) ] || fail "$mode: there are $files files"
  echo "ok: $mode: $written lines, each once, from $files files"
}

run_mode create create
run_mode copytruncate copytruncate
run_mode compress create compress
run_mode delaycompress create compress delaycompress
# Names with a date never change again.
second=0
rotations=$((rotations / 2))
run_mode compress_dated create compress dateext "dateformat -%Y%m%d-%s"
passed=true
