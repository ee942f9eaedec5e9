#!/usr/bin/env bash
# A daemon that ends at each of its failpoints once, and must be none the worse for it.
#   usage: failpoint_test.sh BINARY SOURCE_DIR BUILD_DIR
# For every point, and its first and third pass: a log that grows and is rotated, and a sender that
# posts lines until they are acknowledged, while picket-failpoints runs, is killed by itself there,
# and is started again without the failpoint. Then the alert file must hold the lines of a run in
# which nothing happened, an Alertmanager must have heard of the same alerts, every line that is no
# event must be a dead letter, and an event whose first post was acknowledged must have counted once.
# A point that is not reached is a failure. PICKET_FAILPOINT_ROUNDS repeats it all with other traffic,
# PICKET_SEED chooses the first, PICKET_FAILPOINTS names the points to try, and PICKET_FAILPOINT_JOBS
# says how many daemons run at once. Exits with 77 when a program it needs is missing.
set -euo pipefail

source_dir=$(realpath "$2")
build=$(realpath "$3")
binary=$build/picket-failpoints
. "$source_dir/tests/e2e/common.sh"
need curl jq python3
rounds=${PICKET_FAILPOINT_ROUNDS:-1}
jobs_max=${PICKET_FAILPOINT_JOBS:-10}
seed=${PICKET_SEED:-1}
points=${PICKET_FAILPOINTS:-$(PICKET_FAILPOINT=list "$binary")}
posts=10
RANDOM=$$
work_in "$build/failpoint_test"
about="PICKET_SEED=$seed"

receiver=
put_away() {
  # The scenarios end their own daemons.
  local job
  for job in $(jobs -p); do kill -TERM "$job" 2>/dev/null || true; done
  wait 2>/dev/null || true
}

# prepare NAME PORT DEAD_LETTER_BYTES
prepare() {
  mkdir -p "$1/log" "$1/state"
  : >"$1/log/api.ndjson"
  : >"$1/received"
  : >"$1/first"
  cat >"$1/picket.yaml" <<CONFIG
inputs:
  - {name: api, type: file, paths: [log/api.ndjson], start: beginning, poll_interval: 50ms}
  - type: http
    name: edge
    listen: "127.0.0.1:$2"
    schema: unkey.api_requests
    lateness: 0
    unpacked_max: 8MiB
    spool_max: 16MiB
outputs:
  - {name: file, type: file, path: alerts.ndjson}
  - {name: page, type: alertmanager, urls: ["http://127.0.0.1:$receiver_port/$1"],
     resend_interval: 1s}
http: {listen: ""}
state: {path: state/picket.db, commit_interval: 50ms}
pipeline: {batch_bytes: 64KiB}
dead_letter: {path: dead_letter.jsonl, max_bytes: $3}
rules: ["$source_dir/rules/packs/unkey", "$source_dir/tests/e2e/failpoint_rules.yml"]
CONFIG
}

# start NAME [FAILPOINT]
start() {
  (cd "$1" && PICKET_FAILPOINT=${2:-} exec "$binary" run --config picket.yaml >>picket.log 2>&1) &
  pid=$!
}

has_read() { grep -qF "\"line\":\"no event: $2\"" "$1"/dead_letter.jsonl*; }

# A rotated file is looked for once a checkpoint of it is committed, and not before. SQLite is asked,
# since its files also hold what was written for a commit that a crash cut short.
is_committed() {
  python3 -c 'import sqlite3, sys
store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
sys.exit(not any(b" follow " in value for (value,) in store.execute("SELECT value FROM checkpoint")))' \
    "$1/state/picket.db"
}

# write_log NAME ROTATE: the log grows piece by piece, and is rotated in the middle.
write_log() {
  local piece
  for piece in piece.*; do
    if [ "$piece" = piece.05 ] && [ "$2" = yes ]; then
      eventually 30 "the log of $1 is known" is_committed "$1"
      mv "$1/log/api.ndjson" "$1/log/api.ndjson.1"
    fi
    cat "$piece" >>"$1/log/api.ndjson"
    sleep 0.1
  done
  echo "no event: end" >>"$1/log/api.ndjson"
}

# send NAME PORT PADDING: posts an event and a line that is none, again until that is acknowledged.
# What was acknowledged at once is noted in NAME/first.
send() {
  local n answer tries
  for ((n = 1; n <= posts; n++)); do
    {
      printf '{"request_id":"req_%s","time":%s,"workspace_id":"ws_e2e","method":"POST",' \
        "$n" "$oldest"
      printf '"host":"api.unkey.com","path":"/v2/apis.deleteApi","response_status":412}\n'
      echo "no event: post $n"
      cat "$3"
    } >"$1/body"
    tries=0
    while true; do
      answer=0
      curl -fsS -o "$1/answer" --max-time 10 --data-binary "@$1/body" \
        "http://127.0.0.1:$2/ingest/edge" 2>"$1/curl.log" || answer=$?
      [ "$answer" != 0 ] || break
      # Whoever was not even connected to has received nothing.
      [ "$answer" = 7 ] || tries=$((tries + 1))
      sleep 0.05
    done
    [ "$tries" != 0 ] || echo "req_$n" >>"$1/first"
    sleep 0.05
  done
}

# What is due at the end of the log depends on when the daemon is stopped.
log_alerts() {
  jq -c --argjson last "$((newest / 1000 - 60))" '
    select(.rule.name != "e2e_posted_each") | select(.status == "firing" or
      (.ends_at | sub("\\.[0-9]+"; "") | fromdateiso8601) < $last)' "$1/alerts.ndjson" | sort
}
same_alerts() { log_alerts "$1" | cmp -s - quiet.alerts; }
firing_ids() { jq -cS 'select(.status == "firing").labels' "$1/alerts.ndjson" | sort -u; }
received_ids() { jq -cS '.[].labels' "$1/received" | sort -u; }
same_ids() { cmp -s <(firing_ids "$1") <(received_ids "$1"); }
# counted_events NAME: the requests of the posted events that have an alert.
counted_events() {
  jq -r 'select(.rule.name == "e2e_posted_each" and .status == "firing").labels.request_id' \
    "$1/alerts.ndjson"
}
all_counted() { [ "$(counted_events "$1" | sort -u | wc -l)" = "$posts" ]; }

# finish NAME: waits until everything has arrived, and ends the daemon.
finish() {
  eventually 30 "the log is read" has_read "$1" end
  eventually 30 "every post is read" all_counted "$1"
  if [ "$1" = quiet ]; then
    sleep 6  # what waits for later lines of the sources waits no longer
  else
    eventually 30 "the alert file is that of the quiet run" same_alerts "$1"
  fi
  eventually 30 "the receiver heard of each alert" same_ids "$1"
  kill -TERM "$pid"
  wait "$pid" || fail "the daemon ended with $?"
  pid=
}

# judge NAME
judge() {
  log_alerts "$1" >"$1/alerts"
  diff quiet.alerts "$1/alerts" >"$1/difference" ||
    fail "the alert files differ (< quiet): $(head -c 1000 "$1/difference")"
  same_ids "$1" || fail "the receiver heard of other alerts than the file"
  cat "$1"/dead_letter.jsonl* | grep -o '"line":"no event: [^"]*' | cut -d '"' -f 4 |
    sort -u >"$1/dead"
  diff expected_dead "$1/dead" >"$1/difference" ||
    fail "dead letters differ: $(head -c 1000 "$1/difference")"
  # Once in the file, and never more than one event: a second one would raise `events`.
  jq -r 'select(.rule.name == "e2e_posted_each") | select(.status == "firing" or .events != 1) |
    .labels.request_id' "$1/alerts.ndjson" | sort | uniq -d >"$1/twice"
  sort "$1/first" | comm -12 - "$1/twice" >"$1/difference"
  [ ! -s "$1/difference" ] || fail "counted twice: $(tr '\n' ' ' <"$1/difference")"
}

# clean_up: ends what a scenario has left running.
clean_up() {
  local process
  for process in $pid $writer $sender; do kill -KILL "$process" 2>/dev/null || true; done
}

# scenario POINT COUNT PORT: in a shell of its own.
scenario() {
  local name=$1.$2 padding=/dev/null bytes=256MiB status=0
  pid='' writer='' sender=''
  trap clean_up EXIT
  case $1 in
    spool_segment | spool_remove*) padding=$directory/padding ;;
    dead_letter_rename*) bytes=$rename_bytes ;;
  esac
  prepare "$name" "$3" "$bytes"
  start "$name" "$1:$2"
  write_log "$name" yes &
  writer=$!
  send "$name" "$3" "$padding" &
  sender=$!
  eventually 30 "$1 is reached $2 times" is_gone "$pid"
  wait "$pid" || status=$?
  [ "$status" = 137 ] || fail "$name ended with $status: $(tail -n 3 "$name/picket.log")"
  start "$name"
  wait "$writer" || fail "the log could not be written"
  wait "$sender"
  writer='' sender=''
  finish "$name"
  judge "$name"
  echo "ok"
}
is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }

# run_round: the quiet run, then every scenario.
run_round() {
  local point count running=0
  rm -rf ./*
  "$build/picket-traffic" --seed "$seed" --count 4000 --start 2026-08-21T00:00:00Z --rate 0.3 \
    --out rows.ndjson
  jq -r '"\(.time)\t\(input_line_number)"' rows.ndjson | sort -s -n | cut -f 2 >order
  awk 'NR == FNR { row[NR] = $0; next } { print row[$1] }' rows.ndjson order >sorted.ndjson
  oldest=$(head -n 1 sorted.ndjson | jq .time)
  newest=$(tail -n 1 sorted.ndjson | jq .time)
  split -l 400 -a 2 -d sorted.ndjson piece.
  for piece in piece.*; do echo "no event: $piece" >>"$piece"; done
  {
    ls piece.*
    echo end
    seq -f 'post %.0f' 1 "$posts"
  } | sed 's/^/no event: /' | sort >expected_dead
  # Four of these fill more than a segment of the spool each.
  head -c 55000 /dev/zero | tr '\0' 'x' | sed 's/$/\n/' >line
  for _ in $(seq 40); do cat line; done >padding

  python3 "$source_dir/tests/e2e/alert_receiver.py" "$receiver_port" . 2>receiver.log &
  receiver=$!
  prepare quiet "$port" 256MiB
  start quiet
  write_log quiet no
  send quiet "$port" /dev/null
  : >quiet.alerts
  finish quiet
  log_alerts quiet >quiet.alerts
  judge quiet
  [ "$(wc -l <quiet.alerts)" -ge 10 ] || fail "the traffic gives hardly any alerts"
  # Enough for the file to be renamed once, near its end, and no more, also when what was not
  # committed is written again: what it held before that is gone then.
  rename_bytes=$(($(wc -c <quiet/dead_letter.jsonl) * 19 / 10))

  for point in $points; do
    for count in 1 3; do
      case $point.$count in dead_letter_rename*.3) continue ;; esac
      if [ "$running" -ge "$jobs_max" ]; then
        wait -n || true
        running=$((running - 1))
      fi
      port=$((port + 1))
      (scenario "$point" "$count" "$port") >"$point.$count.out" 2>&1 &
      running=$((running + 1))
      scenarios="$scenarios $!"
    done
  done
  wait $scenarios || true
  kill "$receiver"
  wait "$receiver" 2>/dev/null || true
  local failures=0 result
  for result in *.out; do
    [ "$(tail -n 1 "$result")" = ok ] && continue
    failures=$((failures + 1))
    echo "${result%.out}: $(tail -n 3 "$result")"
  done
  [ "$failures" = 0 ] || fail "$failures of $(ls ./*.out | wc -l) scenarios"
  echo "ok: killed at $(ls ./*.out | wc -l) places, and $(wc -l <quiet.alerts) alerts each time"
}

receiver_port=$(free_port)
port=$(free_port)
scenarios=
for ((round = 0; round < rounds; round++)); do
  run_round
  seed=$((seed + 1))
done
passed=true
