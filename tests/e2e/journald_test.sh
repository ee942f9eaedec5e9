#!/usr/bin/env bash
# A real journald that rotates its files all the time while picket reads them.
#   usage: journald_test.sh BINARY SOURCE_DIR BUILD_DIR
# journald runs in a mount namespace of its own, so the machine's journal is left alone. A service prints
# lines, journald is told to rotate between and in the midst of them, picket is killed and started again;
# at the end every line counts exactly once: each has an alert of its own that counts its events. Needs
# root; exits with 77 without it, or when a program it needs is missing.
set -euo pipefail

journald=/lib/systemd/systemd-journald
if [ -z "${PICKET_TEST_NAMESPACE:-}" ]; then
  if ! [ -x $journald ] || ! unshare --mount true 2>/dev/null; then
    echo "skipped: no systemd-journald, or no right to a mount namespace"
    exit 77
  fi
  PICKET_TEST_NAMESPACE=1 exec unshare --mount "$BASH" "$0" "$@"
fi

binary=$1
source_dir=$2
build=$3
. "$source_dir/tests/e2e/common.sh"
need curl jq journalctl systemd-cat
work_in "$build/journald_test"
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nForwardToSyslog=no\n' \
  >/run/systemd/journald.conf.d/test.conf
writer=
put_away() {
  local process
  for process in $writer $journal; do
    kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
}
$journald 2>journald.log &
journal=$!
eventually 10 "journald is there" test -S /run/systemd/journal/stdout

http_port=$(free_port)
picket=http://127.0.0.1:$http_port
cat >picket.yaml <<CONFIG
inputs:
  - name: journal
    type: journald
    matches: {SYSLOG_IDENTIFIER: picket-test}
    start: beginning
    schema: unkey.api_requests
    lateness: 0
outputs:
  - {name: file, type: file, path: alerts.ndjson}
http: {listen: "127.0.0.1:$http_port"}
state: {path: picket.db, commit_interval: 300ms}
dead_letter: {path: dead_letter.jsonl}
rules: ["$source_dir/tests/e2e/ingest_rules.yml"]
CONFIG
start() {
  "$binary" run --config picket.yaml >>picket.log 2>&1 &
  pid=$!
  eventually 30 "picket is ready" curl -fs "$picket/-/ready"
}
# rows FIRST LAST: refused requests, one a line.
rows() {
  local n
  for n in $(seq "$1" "$2"); do
    printf '{"request_id":"req_%s","time":%s,"workspace_id":"ws_journal","method":"POST",' \
      "$n" "$(date +%s%3N)"
    printf '"host":"api.unkey.com","path":"/v2/apis.deleteApi","response_status":412}\n'
  done
}
print() { rows "$1" "$2" | systemd-cat -t picket-test; }
# As `journalctl --rotate` does, which wants a systemd beside journald.
rotate() { kill -USR2 "$journal"; }
counted() {
  curl -fs "$picket/api/v1/alerts?status=firing" |
    jq -r '.. | objects | select(.rule?.name? == "e2e_ingest_each")
      | "\(.evidence[0].request_id) \(.events)"' | sort
}
all_counted() { [ "$(counted | wc -l)" -ge "$1" ]; }
# once COUNT TEXT
once() {
  eventually 30 "every line counts ($2)" all_counted "$1"
  for n in $(seq 1 "$1"); do echo "req_$n 1"; done | sort | cmp - <(counted) ||
    fail "not exactly once ($2)"
  echo "ok: $2"
}
files() { find /run/log/journal -name '*.journal' | wc -l; }

print 1 20
start
once 20 "what was there before"
for round in $(seq 1 20); do
  print $((round * 20 + 1)) $((round * 20 + 10))
  rotate
  print $((round * 20 + 11)) $((round * 20 + 20))
done
once 420 "20 rotations between lines"
[ "$(files)" -gt 10 ] || fail "there were no rotations: $(files) files"

# One that prints all the while, 30 rotations in a row, and picket is killed now and then.
print 421 1000 &
writer=$!
for round in $(seq 1 30); do
  rotate
  if [ $((round % 10)) -eq 0 ]; then
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    rotate
    start
  fi
done
wait "$writer"
writer=
once 1000 "30 rotations and 3 crashes in the midst of lines, $(files) files"

gaps=$(curl -fs "$picket/metrics" | awk '$1 ~ /^picket_input_gaps_total/ { print $2 }')
[ "$gaps" = 0 ] || fail "$gaps gaps where nothing was removed"
kill -TERM "$pid"
wait "$pid" || fail "picket did not end well"
pid=
passed=true
