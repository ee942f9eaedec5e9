#!/usr/bin/env bash
# A daemon that is killed again and again, over a log that is rotated meanwhile.
#   usage: crash_test.sh BINARY SOURCE_DIR BUILD_DIR
# The alert file must be the same, line by line, as that of a run in which nothing happens, and
# every line that is no event must have become a dead letter. PICKET_CRASHES sets about how often it
# is killed, PICKET_SEED when and how the log is rotated. Every third rotation copies and cuts the log
# instead of renaming it, unless PICKET_COPYTRUNCATE=0. Exits with 77 when a program is missing.
set -euo pipefail

binary=$(realpath "$1")
source_dir=$(realpath "$2")
build=$(realpath "$3")
. "$source_dir/tests/e2e/common.sh"
need curl jq gzip
crashes=${PICKET_CRASHES:-10}
copytruncate=${PICKET_COPYTRUNCATE:-1}
seed=${PICKET_SEED:-1}
RANDOM=$seed
work_in "$build/crash_test"
about="PICKET_SEED=$seed"


# A day of traffic in the order of time, cut into pieces, each with a line that is no event.
pieces=$((crashes * 4))
"$build/picket-traffic" --seed "$seed" --count $((pieces * 250)) --start 2026-08-21T00:00:00Z \
  --rate 1 --out rows.ndjson
jq -r '"\(.time)\t\(input_line_number)"' rows.ndjson | sort -s -n | cut -f 2 >order
awk 'NR == FNR { row[NR] = $0; next } { print row[$1] }' rows.ndjson order >sorted.ndjson
[ "$(wc -l <sorted.ndjson)" = $((pieces * 250)) ] || fail "rows were lost in sorting"
split -l 250 -a 5 -d sorted.ndjson piece.
for piece in piece.*; do echo "no event: $piece" >>"$piece"; done

# start FOLDER: the daemon over FOLDER/log/api.ndjson.
start() {
  (cd "$1" && exec "$binary" run --config picket.yaml >>picket.log 2>&1) &
  pid=$!
}

prepare() {
  mkdir -p "$1/log"
  cat >"$1/picket.yaml" <<CONFIG
inputs:
  - {name: api, type: file, paths: [log/api.ndjson], start: beginning, poll_interval: 50ms}
outputs:
  - {name: file, type: file, path: alerts.ndjson}
http: {listen: ""}
state: {path: picket.db, commit_interval: 50ms}
pipeline: {batch_bytes: 64KiB}
dead_letter: {path: dead_letter.jsonl}
CONFIG
}

read_to_end() { grep -q '"no event: end"' "$1/dead_letter.jsonl"; }

# finish FOLDER: waits until all is read, then ends the daemon.
finish() {
  echo "no event: end" >>"$1/log/api.ndjson"
  eventually 60 "everything in $1 is read" read_to_end "$1"
  # Rotated files may still be written to for 5 s, and until they end they hold back what is due.
  sleep 7
  kill -TERM "$pid"
  wait "$pid" || fail "the daemon over $1 ended with $?"
  pid=
}

# What is due at the end of the log depends on when the daemon is stopped.
newest=$(tail -n 2 sorted.ndjson | jq -r '.time' | tail -n 1)
alerts() {
  jq -c --argjson last "$((newest / 1000 - 60))" '
    select(.status == "firing" or
           (.ends_at | sub("\\.[0-9]+"; "") | fromdateiso8601) < $last)' "$1/alerts.ndjson"
}

# note_committed: what is a dead letter by now will be known to the next daemon, too.
note_committed() {
  cp crashed/dead_letter.jsonl committed.new
  sleep 0.25  # several times the commit interval
  mv committed.new committed
}

# is_known FILE: whether a checkpoint is about its content. Of a file that was compressed before it
# was ever seen nobody can tell that it is not an old one, so such a file is not compressed.
is_known() {
  local marker
  marker=$(grep -m 1 '^no event: ' "$1") && grep -qF "\"$marker\"" ../committed
}

# Rotation as logrotate does it, with older files compressed or not.
rotate() {
  local n last=0
  while [ -e "log/api.ndjson.$((last + 1))" ] || [ -e "log/api.ndjson.$((last + 1)).gz" ]; do
    last=$((last + 1))
  done
  for ((n = last; n > 0; n--)); do
    [ ! -e "log/api.ndjson.$n" ] || mv "log/api.ndjson.$n" "log/api.ndjson.$((n + 1))"
    [ ! -e "log/api.ndjson.$n.gz" ] || mv "log/api.ndjson.$n.gz" "log/api.ndjson.$((n + 1)).gz"
  done
  if [ $((RANDOM % 3)) = 0 ] && [ "$copytruncate" = 1 ]; then
    cp log/api.ndjson log/api.ndjson.1
    : >log/api.ndjson
  else
    mv log/api.ndjson log/api.ndjson.1
    : >log/api.ndjson
  fi
  if [ $((RANDOM % 2)) = 0 ] && [ -e log/api.ndjson.2 ] && is_known log/api.ndjson.2; then
    gzip log/api.ndjson.2
  fi
}

prepare quiet
start quiet
for piece in piece.*; do cat "$piece" >>quiet/log/api.ndjson; done
finish quiet
[ -s quiet/alerts.ndjson ] || fail "the traffic gives no alerts"

prepare crashed
: >crashed/log/api.ndjson
start crashed
# A file that was rotated away before the first look at it has no checkpoint that leads to it.
echo "no event: start" >>crashed/log/api.ndjson
eventually 10 "the first line is read" grep -q '"no event: start"' crashed/dead_letter.jsonl
note_committed
killed=0
for piece in piece.*; do
  cat "$piece" >>crashed/log/api.ndjson
  if [ $((RANDOM % 5)) = 0 ]; then (cd crashed && rotate); fi
  sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
  if [ $((RANDOM % 4)) = 0 ]; then
    if [ $((RANDOM % 2)) = 0 ]; then note_committed; fi
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    killed=$((killed + 1))
    if [ $((RANDOM % 2)) = 0 ]; then (cd crashed && rotate); fi
    start crashed
  fi
done
finish crashed
echo "ok: killed $killed times, $(ls crashed/log | wc -l) files of the log"

alerts quiet >quiet.alerts
alerts crashed >crashed.alerts
diff quiet.alerts crashed.alerts >difference ||
  fail "the alert files differ (< quiet, > crashed): $(head -c 2000 difference)"
echo "ok: the same $(wc -l <quiet.alerts) lines in both alert files"

# A crash may come between a dead letter and the commit: then it stands there twice.
jq -r '.line' crashed/dead_letter.jsonl | sort -u >dead
{
  ls piece.* | sed 's/^/no event: /'
  echo "no event: start"
  echo "no event: end"
} | sort >expected
diff expected dead >difference || fail "dead letters differ: $(head -c 2000 difference)"
echo "ok: every line that is no event is a dead letter"
passed=true
