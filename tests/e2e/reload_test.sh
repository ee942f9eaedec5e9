#!/usr/bin/env bash
# A daemon whose configuration changes while it works.
#   usage: reload_test.sh BINARY SOURCE_DIR BUILD_DIR
# Every line has an alert of its own that counts its events, so the alerts tell whether each line counted
# exactly once. Checked: a window of an unchanged rule lives
# on while another rule changes; inputs and outputs come and go; a broken configuration changes nothing;
# 200 signals while lines are written; senders that post through reloads, also of the input they post to; a pipe and a socket that are
# never read twice nor cut off; file descriptors and memory over 100 reloads. Exits with 77 when a
# program it needs is missing.
set -euo pipefail

binary=$1
source_dir=$2
build=$3
. "$source_dir/tests/e2e/common.sh"
need curl jq
work_in "$build/reload_test"
deaf=
put_away() {
  exec 8>&- 9>&- || true
  [ -z "$deaf" ] || kill -KILL "$deaf" 2>/dev/null || true
}

http_port=$(free_port)
ingest_port=$(free_port)
tcp_port=$(free_port)
picket=http://127.0.0.1:$http_port
mkdir state
echo "first token" >token
mkfifo pipe
exec 8<>pipe

# rules STEADY CHANGING: after how many lines of one workspace they alert.
rules() {
  {
    cat "$source_dir/tests/e2e/ingest_rules.yml"
    rule steady 11 "$1"
    rule changing 12 "$2"
  } >rules.new
  mv rules.new rules.yml
}

# rule NAME NUMBER COUNT
rule() {
  cat <<RULE
---
title: Lines of one workspace ($1)
id: 7c1d3c52-93b7-4a53-8f0e-3a6f5d7e0b$2
name: $1
correlation:
  type: event_count
  rules: [e2e_ingest_line]
  group-by: [unkey.workspace_id]
  timespan: 1h
  condition: {gte: $3}
level: high
picket: {verdict: boundary_testing, resolve_after: 1h, summary: Lines of one workspace.}
RULE
}

edge=
# configure [INPUT [OUTPUT]]: the configuration, with one more input and output, and $edge for the
# input of that name.
configure() {
  cat >picket.new <<CONFIG
inputs:
  - {name: log, type: file, paths: ["app.log"], start: beginning, schema: unkey.api_requests, lateness: 0}
  - {name: edge, type: http, listen: "127.0.0.1:$ingest_port", schema: unkey.api_requests, lateness: 0, token_file: token$edge}
  - {name: lines, type: tcp, listen: "127.0.0.1:$tcp_port", schema: unkey.api_requests, lateness: 0}
  - {name: piped, type: stdin, schema: unkey.api_requests, lateness: 0}
${1:-}
outputs:
  - {name: file, type: file, path: alerts.ndjson}
${2:-}
http: {listen: "127.0.0.1:$http_port"}
state: {path: state/picket.db, commit_interval: 300ms}
dead_letter: {path: dead_letter.jsonl}
rules: [rules.yml]
CONFIG
  mv picket.new picket.yaml
}

# row ID [WORKSPACE]: a refused request. Each ID is noted: it must count once.
row() {
  echo "$1" >>written
  printf '{"request_id":"%s","time":%s,"workspace_id":"ws_%s","method":"POST",' \
    "$1" "$(date +%s%3N)" "${2:-other}"
  printf '"host":"api.unkey.com","path":"/v2/apis.deleteApi","response_status":412}\n'
}

metric() { curl -fs "$picket/metrics" | awk -v name="$1" '$1 == name { printf "%.0f", $2 }'; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }
# Every line that was read is accounted for, at every scrape.
ledger_balances() {
  curl -fs "$picket/metrics" |
    awk '/^picket_ledger_imbalance_lines/ { n++; bad += $2 != 0 } END { exit n == 0 || bad > 0 }'
}
reload() { curl -s -o answer -w '%{http_code}' -X POST "$@" "$picket/-/reload"; }
reloaded() {
  local status
  status=$(reload)
  [ "$status" = 200 ] || fail "not reloaded: $status $(cat answer)"
}
# refused STATUS TEXT: the answer to a reload.
refused() {
  local status
  status=$(reload)
  [ "$status" = 500 ] || fail "reloaded in spite of $1: $status"
  grep -q "$2" answer || fail "the answer does not say why: $(cat answer)"
}
firing() { curl -fs "$picket/api/v1/alerts?status=firing"; }
# fires RULE WORKSPACE
fires() {
  firing | jq -e --arg r "$1" --arg w "ws_$2" \
    '[.. | objects | select(.rule?.name? == $r and .labels.workspace_id == $w)] | length == 1'
}
counted() {
  firing | jq -r '.. | objects | select(.rule?.name? == "e2e_ingest_each")
    | "\(.evidence[0].request_id) \(.events)"' | sort
}
all_counted() { [ "$(counted | wc -l)" -eq "$(wc -l <written)" ]; }
# once TEXT: every line that was written counted once.
once() {
  eventually 30 "every line counts ($1)" all_counted
  sort written | sed 's/$/ 1/' | cmp - <(counted) || fail "not exactly once ($1)"
  echo "ok: $1"
}

touch app.log
rules 3 1000
configure
"$binary" run --config picket.yaml <pipe >>picket.log 2>&1 &
pid=$!
eventually 30 "picket is ready" curl -fs "$picket/-/ready"
exec 9<>"/dev/tcp/127.0.0.1/$tcp_port"

# A window of a rule that stays, while another changes. Half a line waits in the pipe and the socket.
for n in 1 2; do row "a$n" window >>app.log; done
line=$(row half_piped)
printf '%s' "${line:0:40}" >&8
tcp_line=$(row half_tcp)
printf '%s' "${tcp_line:0:40}" >&9
lines_before() { [ "$(metric 'picket_lines_read_total{source="log"}')" -ge 2 ]; }
eventually 10 "the first lines are read" lines_before
sleep 0.5
rules 3 2
reloaded
metric_is 'picket_lines_read_total{source="log"}' 2 || fail "a counter went back"
ledger_balances || fail "the ledger does not balance after a reload"
row a3 window >>app.log
printf '%s\n' "${line:40}" >&8
printf '%s\n' "${tcp_line:40}" >&9
eventually 10 "the window of the rule that stayed goes on" fires steady window
! fires changing window >/dev/null || fail "the rule that changed knows of lines before the change"
row a4 window >>app.log
eventually 10 "the rule that changed counts from now on" fires changing window
once "rules changed; a pipe and a socket went on in the midst of a line"

# A rule that goes away resolves what it raised.
rules 3 999
reloaded
resolved() { jq -se '[.[] | select(.rule.name == "changing")] | last | .status == "resolved"' alerts.ndjson; }
eventually 10 "alerts of a rule that changed are resolved" resolved

# Inputs and outputs come and go.
configure '  - {name: more, type: file, paths: ["more.log"], start: beginning, schema: unkey.api_requests, lateness: 0}' \
  '  - {name: copy, type: file, path: copy.ndjson}'
row b1 >>more.log
reloaded
once "an input and an output came"
grep -q '"b1"' copy.ndjson || fail "the new output has no alert"
configure
reloaded
row b2 >>app.log
once "they went"
! grep -q '"b2"' copy.ndjson || fail "an output that is gone got an alert"
configure '  - {name: more, type: file, paths: ["more.log"], start: beginning, schema: unkey.api_requests, lateness: 0}'
row b3 >>more.log
reloaded
once "the input came back where it was"

# What is wrong changes nothing.
cp picket.yaml good.yaml
echo 'nonsense: true' >>picket.yaml
refused "an unknown key" "nonsense"
metric_is picket_config_last_reload_successful 0 || fail "the metric does not tell"
row c1 >>app.log
sed "s/$http_port/$((http_port + 1))/" good.yaml >picket.yaml
refused "another address" "cannot change while picket runs"
sed 's/name: piped/name: other/' good.yaml >picket.yaml
refused "another stdin" "cannot change while picket runs"
sed "s/name: more, type.*/name: more, type: tcp, listen: \"127.0.0.1:$http_port\"}/" good.yaml >picket.yaml
refused "a port that is taken" "cannot listen"
row c2 >>more.log
mv good.yaml picket.yaml
reloaded
metric_is picket_config_last_reload_successful 1 || fail "the metric does not tell of the success"
once "four broken configurations"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$picket/-/reload")" = 405 ] || fail "GET reloads"
[ "$(reload -H 'Origin: http://evil.example')" = 403 ] || fail "a web page can reload"

# A sender that posts all the while, a log that is written, and 200 signals.
post() {
  row "$1" | curl -s -o /dev/null -w '%{http_code}' --max-time 10 \
    -H "Authorization: Bearer $(cat token)" --data-binary @- "http://127.0.0.1:$ingest_port/ingest/edge"
}
(
  for n in $(seq 1 60); do
    [ "$(post "h$n")" = 200 ] || echo "h$n" >>not_taken
  done
) &
sender=$!
attempts=$(metric picket_config_reloads_total)
for n in $(seq 1 200); do
  kill -HUP "$pid"
  row "s$n" >>app.log
  [ $((n % 40)) -ne 0 ] || row "p$n" >&8
  [ $((n % 40)) -ne 0 ] || row "t$n" >&9
done
wait "$sender"
[ ! -e not_taken ] || fail "senders were turned away: $(cat not_taken)"
reloaded
once "200 signals while lines came from everywhere"
[ $(($(metric picket_config_reloads_total) - attempts)) -lt 200 ] || fail "no signals were joined"

# The token is read again.
echo "second token" >token
reloaded
[ "$(post after_token)" = 200 ] || fail "the new token is not known"
once "a new token"

# The input of a port changes every time, and a neighbour at the same port comes and goes, while senders
# post: nobody is refused.
listening() {
  awk -v port=":$(printf %04X "$ingest_port")$" '$2 ~ port && $4 == "0A" { print $10 }' /proc/net/tcp
}
socket=$(listening)
touch posting
senders=()
for name in x y z; do
  (
    n=0
    while [ -e posting ]; do
      n=$((n + 1))
      [ "$(post "$name$n")" = 200 ] || echo "$name$n" >>not_taken
    done
  ) &
  senders+=($!)
done
for n in $(seq 1 15); do
  edge=", body_max: ${n}MiB"
  side=
  [ $((n % 2)) -eq 0 ] ||
    side="  - {name: side, type: http, listen: \"127.0.0.1:$ingest_port\", schema: unkey.api_requests, lateness: 0, otlp: false}"
  configure "$side"
  reloaded
  [ -z "$side" ] || [ "$(row "side$n" | curl -s -o /dev/null -w '%{http_code}' --data-binary @- \
    "http://127.0.0.1:$ingest_port/ingest/side")" = 200 ] || fail "the neighbour takes nothing"
done
rm posting
wait "${senders[@]}"
[ ! -e not_taken ] || fail "senders were turned away: $(tr '\n' ' ' <not_taken)"
[ -n "$socket" ] && [ "$(listening)" = "$socket" ] || fail "the port was closed"
once "15 changes of a port's inputs while senders posted $(grep -c '^[xyz]' written) lines"
ledger_balances || fail "the ledger does not balance after the inputs of a port changed"

# Reloads in the midst of a backlog that fills the queue: every line is counted, once.
quiet='{"request_id":"quiet","time":1,"workspace_id":"ws_quiet","response_status":200}'
before=$(metric 'picket_lines_read_total{source="log"}')
({ yes "$quiet" || true; } 2>/dev/null | head -n 1000000 >>app.log) &
writer=$!
for _ in $(seq 1 15); do reloaded; done
wait "$writer"
eventually 60 "the backlog is read" metric_is 'picket_lines_read_total{source="log"}' $((before + 1000000))
ledger_balances || fail "the ledger does not balance after reloads in a backlog"
once "15 reloads in a million lines"

# An output that takes a connection and never says a word.
mkdir deaf
deaf_port=$(free_port)
(cd deaf && exec "$binary" run --config <(printf '{inputs: [], outputs: [], http: {listen: "127.0.0.1:%s"}}' \
  "$deaf_port")) >deaf.log 2>&1 &
deaf=$!
eventually 30 "the deaf receiver listens" curl -fs "http://127.0.0.1:$deaf_port/-/ready"
kill -STOP "$deaf"
configure '' "  - {name: deaf, type: alertmanager, urls: [\"http://127.0.0.1:$deaf_port\"]}"
reloaded
row d1 >>app.log
once "an output that hangs came"
waiting=$SECONDS
reloaded
[ $((SECONDS - waiting)) -le 3 ] || fail "an output that stays and hangs delays a reload"
configure
reloaded
[ $((SECONDS - waiting)) -le 15 ] || fail "an output that hangs holds up a reload"
row d2 >>app.log
once "it went"
kill -KILL "$deaf"
wait "$deaf" 2>/dev/null || true
deaf=

# Nothing piles up.
descriptors() { ls "/proc/$pid/fd" | wc -l; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }
threads() { ls "/proc/$pid/task" | wc -l; }
for _ in $(seq 1 20); do reloaded; done
fds=$(descriptors) tasks=$(threads) kilobytes=$(memory)
for _ in $(seq 1 100); do reloaded; done
[ "$(descriptors)" -le $((fds + 2)) ] || fail "$fds file descriptors became $(descriptors)"
[ "$(threads)" -le "$tasks" ] || fail "$tasks threads became $(threads)"
# A sanitizer keeps what was freed for a while.
if ! grep -q __asan_init "$binary"; then
  [ "$(memory)" -le $((kilobytes + kilobytes / 4 + 8192)) ] || fail "$kilobytes kB became $(memory)"
fi
row last >>app.log
once "100 reloads: $fds descriptors, $kilobytes kB before, $(memory) kB after"

# Asked to stop in the midst of reloads.
for _ in $(seq 1 5); do kill -HUP "$pid"; done
kill -TERM "$pid"
wait "$pid" || fail "it did not stop in order"
pid=
passed=true
