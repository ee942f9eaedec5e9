#!/usr/bin/env bash
# More lines at once than picket can judge, with the smallest of queues.
#   usage: overload_test.sh BINARY SOURCE_DIR BUILD_DIR
# An input that sheds: memory stays bounded, the ledger accounts for every line, the blind spot is
# told and its end too, and a restart does not read again what was dropped. An input that blocks:
# nothing is lost. Exits with 77 when a program it needs is missing.
set -euo pipefail

binary=$1
source_dir=$2
build=$3
. "$source_dir/tests/e2e/common.sh"
need curl jq
work_in "$build/overload_test"
port=$(free_port)
picket=http://127.0.0.1:$port

# start POLICY: with the whole rule pack, one worker, and room for two batches.
start() {
  cat >picket.yaml <<CONFIG
inputs:
  - {name: live, type: file, paths: ["logs/*.ndjson"], start: beginning, overload: $1}
outputs:
  - {name: file, type: file, path: alerts.ndjson}
http: {listen: "127.0.0.1:$port"}
state: {path: $1.db, commit_interval: 200ms}
pipeline: {workers: 1, batch_bytes: 64KiB, queue_bytes: 128KiB}
dead_letter: {path: ""}
self_watch: {resolve_after: 3s}
CONFIG
  "$binary" run --config picket.yaml --workers 1 >>picket.log 2>&1 &
  pid=$!
  eventually 30 "picket is ready" curl -fs "$picket/-/ready"
}

stop() {
  kill -TERM "$pid"
  wait "$pid" || fail "picket did not end well"
  pid=
}

# metric NAME: the sum of a family's samples.
metric() {
  curl -fs "$picket/metrics" |
    awk -v name="$1" '$1 ~ "^" name "([{]|$)" {sum += $NF} END {printf "%d", sum}'
}

# All samples of one scrape belong to one moment.
balanced() {
  curl -fs "$picket/metrics" | awk '
    /^picket_lines_read_total\{/ {read += $NF}
    /^picket_(lines_processed_total|dead_letter_total|lines_dropped_total|lines_in_flight)\{/ {
      parts += $NF
    }
    /^picket_ledger_imbalance_lines\{/ {imbalance += $NF}
    END {exit read == parts && imbalance == 0 ? 0 : 1}'
}

# Asks again and again until all lines were read and nothing is in flight.
read_all() {
  balanced || fail "the ledger does not balance"
  [ "$(metric picket_lines_read_total)" -eq "$lines" ] &&
    [ "$(metric picket_lines_in_flight)" -eq 0 ]
}

mkdir logs
"$build/picket-traffic" --count 20000 --actor none --out part.ndjson
for i in $(seq 1 10); do
  cat part.ndjson
  echo '{"broken'
done >logs/flood.ndjson
lines=$(wc -l <logs/flood.ndjson)
size=$(stat -c %s logs/flood.ndjson)

blind_spot() {
  jq -s -e --arg status "$1" 'map(select(.labels.alertname == "PicketBlindSpot" and
    .labels.source == "live" and .status == $status)) | length == 1' alerts.ndjson
}

start shed
eventually 60 "every line is accounted for" read_all
dropped=$(metric picket_lines_dropped_total)
processed=$(metric picket_lines_processed_total)
[ "$dropped" -gt 0 ] || fail "nothing was shed: the test has lost its point"
[ "$processed" -gt 0 ] || fail "everything was shed"
eventually 10 "the blind spot is told once" blind_spot firing
eventually 20 "and that it is over" blind_spot resolved
jq -s -e --argjson dropped "$dropped" \
  'map(select(.labels.alertname == "PicketBlindSpot")) | last | .events == $dropped' \
  alerts.ndjson >/dev/null || fail "the alert does not say how many lines were dropped"
peak=$(awk '/^VmHWM/ {print $2}' "/proc/$pid/status")
[ "$peak" -lt $((200 * 1024)) ] || fail "it took $peak KiB of memory"
echo "ok: of $lines lines ($size bytes) $dropped were shed, with $peak KiB of memory at most"
stop

start shed
line=$(head -n 1 part.ndjson)
printf '%s\n' "$line" >>logs/flood.ndjson
lines=1
eventually 20 "the restart reads the new line" read_all
[ "$(metric picket_lines_read_total)" -eq 1 ] || fail "dropped lines were read again"
[ "$(jq -s 'map(select(.labels.alertname == "PicketBlindSpot")) | length' alerts.ndjson)" -eq 2 ] ||
  fail "the restart told of the blind spot again"
stop
echo "ok: a restart does not read again what was dropped"

lines=$(wc -l <logs/flood.ndjson)
rm alerts.ndjson
start block
eventually 60 "every line was read" read_all
[ "$(metric picket_lines_dropped_total)" -eq 0 ] || fail "an input that blocks has dropped lines"
[ "$(metric picket_dead_letter_total)" -eq 10 ] || fail "a line got lost"
[ "$(metric picket_lines_processed_total)" -eq $((lines - 10)) ] || fail "lines got lost"
stop
echo "ok: an input that blocks loses nothing"
passed=true
echo "passed"
