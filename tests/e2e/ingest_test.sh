#!/usr/bin/env bash
# Lines posted over HTTP to a daemon that is killed again and again.
#   usage: ingest_test.sh BINARY SOURCE_DIR BUILD_DIR
# Posts lines plain, with gzip and with zstd, kills the daemon with SIGKILL right after the answer and
# in the midst of many senders, starts it again, and at the end checks that every acknowledged line
# was processed exactly once: each has an alert of its own that counts its events. Then every refusal,
# bombs, OTLP, and hundreds of idle connections. Exits with 77 when a program it needs is missing.
set -euo pipefail

binary=$1
source_dir=$2
build=$3
. "$source_dir/tests/e2e/common.sh"
need curl jq gzip zstd
work_in "$build/ingest_test"
senders=()
put_away() {
  rm -f sending
  [ ${#senders[@]} -eq 0 ] || wait "${senders[@]}" 2>/dev/null || true
}

http_port=$(free_port)
ingest_port=$(free_port)
picket=http://127.0.0.1:$http_port
ingest=http://127.0.0.1:$ingest_port
echo "top secret" >token
cat >picket.yaml <<CONFIG
inputs:
  - type: http
    name: edge
    listen: "127.0.0.1:$ingest_port"
    schema: unkey.api_requests
    lateness: 0
    token_file: token
    connections_max: 100
outputs:
  - {name: file, type: file, path: alerts.ndjson}
http: {listen: "127.0.0.1:$http_port"}
state: {path: state/picket.db, commit_interval: 300ms}
dead_letter: {path: dead_letter.jsonl}
rules: ["$source_dir/tests/e2e/ingest_rules.yml"]
CONFIG
mkdir state

start() {
  "$binary" run --config picket.yaml >>picket.log 2>&1 &
  pid=$!
  eventually 30 "picket is ready" curl -fs "$picket/-/ready"
}

crash() {
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
  pid=
}

# row ID: a refused request.
row() {
  printf '{"request_id":"%s","time":%s,"workspace_id":"ws_e2eIngest","method":"POST",' \
    "$1" "$(date +%s%3N)"
  printf '"host":"api.unkey.com","path":"/v2/apis.deleteApi","response_status":412}\n'
}

# post ARGUMENT...: the status of a request with the token; the answer is in answer.json.
post() {
  curl -s -o answer.json -w '%{http_code}' -H 'Authorization: Bearer top secret' "$@"
}

# is STATUS TEXT ARGUMENT...
is() {
  local expected=$1 text=$2 status
  shift 2
  status=$(post "$@") || true
  [ "$status" = "$expected" ] || fail "$text: $status instead of $expected"
}

sent=0
# send COUNT: posts rows in the next of the encodings and notes them once they are acknowledged.
send() {
  local i
  for ((i = sent + 1; i <= sent + $1; i++)); do row "req_$i"; done >rows.ndjson
  case $((sent % 3)) in
    0) is 200 plain --data-binary @rows.ndjson "$ingest/ingest/edge" ;;
    1)
      gzip -c rows.ndjson >rows.gz
      is 200 gzip -H 'Content-Encoding: gzip' --data-binary @rows.gz "$ingest/ingest/edge"
      ;;
    2)
      zstd -q -c rows.ndjson >rows.zst
      is 200 zstd -H 'Content-Encoding: zstd' --data-binary @rows.zst "$ingest/ingest/edge"
      ;;
  esac
  [ "$(jq .lines answer.json)" -eq "$1" ] || fail "not all lines were acknowledged"
  for ((i = sent + 1; i <= sent + $1; i++)); do echo "req_$i"; done >>acknowledged
  sent=$((sent + $1))
}

# sender NAME: posts one line after the other, each once, and notes what was acknowledged.
sender() {
  local number=0 status
  while [ -e sending ]; do
    number=$((number + 1))
    status=$(row "req_$1_$number" | curl -s -o /dev/null -w '%{http_code}' --max-time 5 \
      -H 'Authorization: Bearer top secret' --data-binary @- "$ingest/ingest/edge") || true
    [ "$status" != 200 ] || echo "req_$1_$number" >>acknowledged
  done
}

for round in $(seq 1 20); do
  start
  for part in $(seq 1 $((round % 4))); do send $((part * 2 - 1)); done
  # Every third round what was sent is committed or not, as it happens.
  [ $((round % 3)) -ne 0 ] || sleep 0.$((RANDOM % 5))
  send 4
  crash
done
echo "ok: $sent lines acknowledged, 20 crashes right after an answer"
touch sending
for name in a b c; do
  sender "$name" &
  senders+=($!)
done
for round in $(seq 1 12); do
  start
  sleep 0.$((RANDOM % 6))
  crash
done
rm sending
wait "${senders[@]}"
senders=()
echo "ok: $(wc -l <acknowledged) lines acknowledged, 12 crashes among many senders"

# metric NAME: the sum of a family's samples.
metric() {
  curl -fs "$picket/metrics" |
    awk -v name="$1" '$1 ~ "^" name "([{]|$)" {sum += $NF} END {printf "%d", sum}'
}
# Every acknowledged line has its alert, and no line was counted twice. A line that was not
# acknowledged may or may not be there.
each_once() {
  curl -fs "$picket/api/v1/alerts" >alerts.json
  jq -r '.[].labels.request_id' alerts.json | sort >seen
  sort -u acknowledged >wanted
  [ -z "$(comm -23 wanted seen)" ] && [ -z "$(uniq -d seen)" ] &&
    jq -e 'map(select(.events != 1)) | length == 0' alerts.json
}
nothing_waits() { [ "$(metric picket_file_lag_bytes)" -eq 0 ]; }

start
eventually 30 "the spool is read" nothing_waits
eventually 10 "every acknowledged line counts exactly once" each_once
echo "ok: every acknowledged line counts exactly once"

# Refusals.
is 404 "another source" --data-binary x "$ingest/ingest/other"
is 405 "GET" "$ingest/ingest/edge"
is 405 "PUT" -X PUT --data-binary x "$ingest/v1/logs"
is 415 "brotli" -H 'Content-Encoding: br' --data-binary x "$ingest/ingest/edge"
is 400 "no gzip" -H 'Content-Encoding: gzip' --data-binary x "$ingest/ingest/edge"
is 415 "protobuf" -H 'Content-Type: application/x-protobuf' --data-binary x "$ingest/v1/logs"
head -c 9000000 /dev/zero >large
is 413 "too large" --data-binary @large "$ingest/ingest/edge"
head -c 200000000 /dev/zero | gzip >bomb.gz
is 413 "a gzip bomb" -H 'Content-Encoding: gzip' --data-binary @bomb.gz "$ingest/ingest/edge"
head -c 200000000 /dev/zero | zstd -q >bomb.zst
is 413 "a zstd bomb" -H 'Content-Encoding: zstd' --data-binary @bomb.zst "$ingest/ingest/edge"
for header in "Authorization: Bearer other" "X-None: 1"; do
  status=$(curl -s -o answer.json -w '%{http_code}' -H "$header" --data-binary @bomb.zst \
    "$ingest/ingest/edge")
  [ "$status" = 401 ] || fail "'$header' was answered with $status"
done
echo "ok: every refusal has its status"

# OTLP: one request is one line, whatever it looks like.
cat >logs.json <<'OTLP'
{"resourceLogs": [{"scopeLogs": [{"logRecords": [
  {"timeUnixNano": "1787322356101000000", "body": {"stringValue": "hello"},
   "attributes": [{"key": "response_status", "value": {"intValue": "412"}},
                  {"key": "workspace_id", "value": {"stringValue": "ws_other"}},
                  {"key": "request_id", "value": {"stringValue": "req_otlp"}}]}]}]}]}
OTLP
events=$(metric picket_events_total)
is 200 "OTLP" -H 'Content-Type: application/json' --data-binary @logs.json "$ingest/v1/logs"
[ "$(jq -c . answer.json)" = "{}" ] || fail "the answer to OTLP is not {}"
otlp_read() { [ "$(metric picket_events_total)" -eq $((events + 1)) ]; }
eventually 10 "the OTLP record is an event" otlp_read
echo "ok: OTLP logs are taken"

# Idle connections, far more than there is room for.
for i in $(seq 1 300); do
  exec {descriptor}<>"/dev/tcp/127.0.0.1/$ingest_port"
  printf 'POST /ingest/edge HT' >&"$descriptor"
done
before=$(date +%s%3N)
send 2
took=$(($(date +%s%3N) - before))
[ "$took" -lt 3000 ] || fail "a good client waited $took ms"
echo "ok: a good client was served beside 300 idle ones"

eventually 10 "every acknowledged line still counts once" each_once
read_lines=$(metric picket_lines_read_total)
balance=$(($(metric picket_lines_processed_total) + $(metric picket_dead_letter_total) + \
  $(metric picket_lines_dropped_total) + $(metric picket_lines_in_flight)))
[ "$read_lines" -eq "$balance" ] || fail "the ledger does not balance: $read_lines, $balance"
[ "$(metric picket_spool_lost_bytes_total)" -eq 0 ] || fail "something was lost"
if command -v promtool >/dev/null; then
  curl -fs "$picket/metrics" | promtool check metrics || fail "promtool finds fault"
fi
kill -TERM "$pid"
wait "$pid" || fail "picket did not end well"
pid=
# All is committed, so nothing may be left to read again.
start
eventually 30 "the spool is read" nothing_waits
[ "$(metric picket_lines_read_total)" -eq 0 ] || fail "the restart read lines again"
[ "$(find state/spool -name '*.spool' | wc -l)" -eq 0 ] || fail "committed segments are left"
passed=true
echo "passed"
