#!/usr/bin/env bash
# A disk that is full for a while: state, spool, dead letters and the alert file are all on it.
#   usage: disk_full_test.sh BINARY SOURCE_DIR BUILD_DIR
# picket goes on reading, says what is wrong, turns senders away, does not spin, and once there is
# room again it catches up: no line, dead letter or alert is missing or there twice.
# Needs a small file system of its own; exits with 77 when it may not mount one.
set -euo pipefail

binary=$1
source_dir=$2
build=$3
. "$source_dir/tests/e2e/common.sh"
need curl jq
work_in "$build/disk_full_test"
mkdir logs disk
if ! mount -t tmpfs -o size=4m tmpfs disk 2>/dev/null; then
  passed=true
  echo "SKIPPED: no permission to mount a small file system, so a full disk was not tried"
  exit 77
fi
put_away() {
  if [ -n "$pid" ]; then
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  $passed || cp -r disk disk.kept || true
  umount disk
}

http_port=$(free_port)
ingest_port=$(free_port)
picket=http://127.0.0.1:$http_port
cat >picket.yaml <<CONFIG
inputs:
  - {name: api, type: file, paths: ["logs/*.ndjson"], start: beginning}
  - {name: edge, type: http, listen: "127.0.0.1:$ingest_port", spool_max: 16MiB, unpacked_max: 1MiB,
     body_max: 1MiB}
outputs:
  - {name: file, type: file, path: disk/alerts.ndjson}
http: {listen: "127.0.0.1:$http_port"}
state: {path: disk/picket.db, commit_interval: 200ms}
dead_letter: {path: disk/dead.log, max_bytes: 1MiB}
self_watch: {patience: 1s, resolve_after: 1s}
CONFIG

start() {
  "$binary" run --config picket.yaml >>picket.log 2>&1 &
  pid=$!
  eventually 30 "picket is ready" curl -fs "$picket/-/ready"
}

metric() {
  curl -fs "$picket/metrics" |
    awk -v name="$1" '$1 ~ "^" name "([{]|$)" {sum += $NF} END {printf "%d", sum}'
}
metric_is() { [ "$(metric "$1")" -eq "$2" ]; }
metric_above() { [ "$(metric "$1")" -gt "$2" ]; }
# Nothing but the status.
post() {
  curl -s -o answer.json -w '%{http_code}' --data-binary "$1" \
    "http://127.0.0.1:$ingest_port/ingest/edge"
}
posted() { [ "$(post "{\"posted\":$1}")" = 200 ]; }
# Large enough not to fit into what is left of a page that the spool has already.
printf '{"refused":"%020000d"}' 0 >large.ndjson
refused() { [ "$(post @large.ndjson)" = 503 ]; }
healthy() { curl -fs "$picket/-/healthy"; }
unhealthy() { ! healthy; }
# broken FROM TO: that many lines that are no events, each another one.
broken() { seq -f '{"broken %.0f' "$1" "$2" >>logs/api.ndjson; }
firing() {
  curl -fs "$picket/api/v1/alerts" | jq -e --arg name "$1" \
    'any(.[]; .labels.alertname == $name and .status == "firing")'
}

start
broken 1 100
eventually 10 "the lines are read" metric_is picket_dead_letter_total 100
posted 1 || fail "the first line was not taken"
echo "ok: all is well with room on the disk"

dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null || true
broken 101 2000
eventually 20 "the lines are read all the same" metric_above picket_dead_letter_total 1999
eventually 20 "commits fail" metric_above picket_checkpoint_failures_total 0
eventually 20 "it is not healthy" unhealthy
eventually 20 "senders are turned away" refused
eventually 20 "the state file is told of" firing PicketStateFailing
before=$(metric picket_checkpoint_writes_total)
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
spent=$(ticks)
sleep 2
tries=$(($(metric picket_checkpoint_writes_total) - before))
spent=$(($(ticks) - spent))
[ "$tries" -le 15 ] || fail "$tries commits were tried in 2 s"
[ "$spent" -lt 100 ] || fail "it spins: $spent ticks in 2 s"
echo "ok: the disk is full and picket goes on, with $tries tries in 2 s"

rm disk/filler
eventually 20 "it is healthy again" healthy
eventually 20 "senders are served again" posted 2
both_told() {
  jq -s -e 'map(select(.labels.alertname == "PicketStateFailing") | .status)
    == ["firing", "resolved"]' disk/alerts.ndjson
}
eventually 30 "the alert file has the alert and its end, once each" both_told
broken 2001 2010
dead() { jq -r 'select(.source == "api") | .line' disk/dead.log; }
all_kept() { [ "$(dead | wc -l)" -eq 2010 ]; }
eventually 10 "the dead letters are all there" all_kept
[ "$(dead | sort -u | wc -l)" -eq 2010 ] || fail "a dead letter is there twice"
metric_is picket_dead_letter_file_dropped_total 0 || fail "dead letters were dropped"
metric_is picket_ledger_imbalance_lines 0 || fail "the ledger does not balance"
echo "ok: it has caught up"

kill -TERM "$pid"
wait "$pid" || fail "picket did not end well"
start
broken 2011 2011
eventually 10 "the new line is read, and no old one" metric_is picket_lines_read_total 1
passed=true
kill -TERM "$pid"
wait "$pid" || fail "picket did not end well"
pid=
echo "passed"
