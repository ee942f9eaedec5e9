#!/usr/bin/env bash
# `picket replay`, run as a user would run it.
#   usage: replay_test.sh BINARY SOURCE_DIR BUILD_DIR
set -euo pipefail

binary=$(realpath "$1")
source_dir=$(realpath "$2")
build=$(realpath "$3")
directory=$(mktemp -d "$build/replay_test.XXXXXX")
cd "$directory"
trap 'rm -rf "$directory"' EXIT

fail() {
  echo "FAILED: $*"
  tail -n 30 err 2>/dev/null || true
  exit 1
}
ok() { echo "ok: $*"; }

"$build/picket-traffic" --seed 7 --count 20000 --out rows.ndjson
rows=$(wc -l <rows.ndjson)

# The same log gives byte-identical alerts, however it is cut and worked on.
for workers in 1 2 4; do
  for bytes in 1 4096 8MiB; do
    "$binary" replay --workers "$workers" --batch-bytes "$bytes" rows.ndjson >alerts 2>err ||
      fail "replay ended with $?"
    [ -f expected ] || cp alerts expected
    cmp -s alerts expected || fail "other alerts with $workers workers and batches of $bytes"
  done
done
[ -s expected ] || fail "no alerts in the generated traffic"
grep -q "^$rows lines with events + 0 dead letters + 0 blank = $rows$" err ||
  fail "the ledger does not balance"
ok "alerts do not depend on workers and batches"

# Rules before logs, alerts in a file, a report.
cat >rules.yml <<'EOF'
title: Refused
name: refused
detection: {s: {response_status|gte: 400}, condition: s}
---
title: Ten refusals
name: ten_refusals
correlation: {type: event_count, rules: [refused], group-by: [workspace_id], timespan: 10m, condition: {gte: 10}}
level: medium
EOF
"$binary" replay --rules rules.yml --schema raw --alerts file --report page.html rows.ndjson \
  >out 2>err || fail "replay ended with $?"
[ ! -s out ] || fail "alerts on standard output although a file was named"
grep -q '"alertname":"PicketTenRefusals"' file || fail "no alert in the file"
grep -q '<h1>' page.html || fail "no report"
ok "rules, alerts and report go where they were sent"

# Every real sample and a log that is not there: the rest still counts, the exit code tells.
code=0
"$binary" replay "$source_dir"/tests/cases/samples/* absent.ndjson >out 2>err || code=$?
[ "$code" -eq 1 ] || fail "exit code $code for an absent log"
grep -q "absent.ndjson: error: no such file" err || fail "the absent log is not named"
grep -q "^37 lines with events + 5 dead letters + 0 blank = 42$" err || fail "samples not in full"
ok "an absent log is reported and the others count"

# Dead letters are replayed as the lines they hold; a torn one is named and left out.
jq -Rc '{time: "2026-01-01T00:00:00Z", source: "api", file: "rows", offset: 0,
         reason: "not_json", line: .}' rows.ndjson >dead.ndjson
"$binary" replay --dead-letter dead.ndjson >alerts 2>err || fail "replay ended with $?"
cmp -s alerts expected || fail "dead letters give other alerts than their lines"
grep -q "^$rows lines with events + 0 dead letters + 0 blank = $rows$" err ||
  fail "not every letter became a line"
printf '{"time":"2026-01-01T00:00:00Z","sou' >>dead.ndjson
code=0
"$binary" replay --dead-letter dead.ndjson >alerts 2>err || code=$?
[ "$code" -eq 1 ] || fail "exit code $code for a torn letter"
cmp -s alerts expected || fail "a torn letter changes the alerts"
grep -q "dead.ndjson: error: 1 line is no dead letter and was left out" err ||
  fail "the torn letter is not named"
ok "dead letters are replayed as the lines they hold"

echo passed
