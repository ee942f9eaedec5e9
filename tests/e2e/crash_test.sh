#!/usr/bin/env bash
# A daemon that is killed again and again, over a log that is rotated meanwhile.
#   usage: crash_test.sh BINARY SOURCE_DIR BUILD_DIR
# A day of traffic is written bit by bit, a sender posts lines until they are acknowledged, and the
# daemon ends with SIGKILL: at any moment, or, every other time, by itself in the midst of a write to
# the alert file, the dead letters, a spool, or SQLite's files. Then the alert file must be the same,
# line by line, as that of a run in which nothing happens, an Alertmanager must have heard of the same
# alerts, every line that is no event must have become a dead letter, and an event whose first post
# was acknowledged must have counted once. PICKET_KILLS sets how often it ends (`make crash`),
# PICKET_SEED when, and how the log is rotated. Every third rotation copies and cuts the log instead
# of renaming it, unless PICKET_COPYTRUNCATE=0; PICKET_TORN=0 kills at any moment only. Exits with 77
# when a program is missing.
set -euo pipefail

binary=$(realpath "$1")
source_dir=$(realpath "$2")
build=$(realpath "$3")
. "$source_dir/tests/e2e/common.sh"
need curl jq gzip python3
kills=${PICKET_KILLS:-20}
copytruncate=${PICKET_COPYTRUNCATE:-1}
torn=${PICKET_TORN:-1}
# A sanitizer wants to be the first library.
if grep -q __asan_init "$binary"; then torn=0; fi
seed=${PICKET_SEED:-1}
keep=12  # rotated files
RANDOM=$seed
work_in "$build/crash_test"
about="PICKET_SEED=$seed"
receiver='' sender=''
put_away() {
  rm -f sending
  local process
  for process in $receiver $sender; do kill -TERM "$process" 2>/dev/null || true; done
  wait $receiver $sender 2>/dev/null || true
}

# A day of traffic in the order of time, cut into pieces, each with a line that is no event.
pieces=$((kills * 3))
rows=$((pieces * 250))
rate=$(jq -n "[1, $rows / 86400] | max")
"$build/picket-traffic" --seed "$seed" --count "$rows" --start 2026-08-21T00:00:00Z \
  --rate "$rate" --out rows.ndjson
jq -r '"\(.time)\t\(input_line_number)"' rows.ndjson | sort -s -n | cut -f 2 >order
awk 'NR == FNR { row[NR] = $0; next } { print row[$1] }' rows.ndjson order >sorted.ndjson
[ "$(wc -l <sorted.ndjson)" = "$rows" ] || fail "rows were lost in sorting"
oldest=$(head -n 1 sorted.ndjson | jq .time)
newest=$(tail -n 1 sorted.ndjson | jq .time)
split -l 250 -a 5 -d sorted.ndjson piece.
for piece in piece.*; do echo "no event: $piece" >>"$piece"; done
rm rows.ndjson order sorted.ndjson
# Some posts are longer than a page, and so are the dead letters that come of them.
for _ in 1 2 3; do head -c 20000 /dev/zero | tr '\0' 'x' && echo; done >padding

receiver_port=$(free_port)
python3 "$source_dir/tests/e2e/alert_receiver.py" "$receiver_port" . 2>receiver.log &
receiver=$!
is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# To whoever is away only the newest alert of equal labels is told later.
eventually 10 "the receiver listens" is_open "$receiver_port"
ingest_port=$(free_port)

prepare() {
  mkdir -p "$1/log" "$1/state"
  : >"$1/received"
  cat >"$1/picket.yaml" <<CONFIG
inputs:
  - {name: api, type: file, paths: [log/api.ndjson], start: beginning, poll_interval: 50ms}
  - {name: edge, type: http, listen: "127.0.0.1:$ingest_port", schema: unkey.api_requests,
     lateness: 0}
outputs:
  - {name: file, type: file, path: alerts.ndjson}
  - {name: page, type: alertmanager, urls: ["http://127.0.0.1:$receiver_port/$1"],
     resend_interval: 5s}
http: {listen: ""}
state: {path: state/picket.db, commit_interval: 50ms}
pipeline: {batch_bytes: 64KiB}
dead_letter: {path: dead_letter.jsonl, max_bytes: 1GiB}
rules: ["$source_dir/rules/packs/unkey", "$source_dir/tests/e2e/failpoint_rules.yml"]
CONFIG
}

# start FOLDER [TORN_WRITE]: the daemon over FOLDER/log/api.ndjson, which ends in the midst of a write
# if that is given.
start() {
  (
    cd "$1"
    if [ -n "${2:-}" ]; then
      export LD_PRELOAD=$build/picket-torn-write.so PICKET_TORN_WRITE=$2 PICKET_TORN_NOTE=../torn
    fi
    exec "$binary" run --config picket.yaml >>picket.log 2>&1
  ) &
  pid=$!
}

# start_crashed: every other time it will end by itself, and is spared for a few pieces until then.
# Mostly it is given the time to begin.
start_crashed() {
  local write= begun
  begun=$(count_begun)
  spared=0
  if [ "$torn" = 1 ] && [ $((RANDOM % 2)) = 0 ] && [ "$killed" -lt "$kills" ]; then
    case $((RANDOM % 5)) in
      0) write=alerts.ndjson:$((1 + RANDOM % 2)) ;;
      1) write=dead_letter.jsonl:$((1 + RANDOM % 4)) ;;
      2) write=.spool:$((1 + RANDOM % 6)) ;;
      3) write=picket.db-wal:$((1 + RANDOM % 200)) ;;
      4) write=picket.db:$((1 + RANDOM % 10)) ;;
    esac
    write=$write:$((RANDOM % 1000))
    spared=5
  fi
  start crashed "$write"
  if [ $((RANDOM % 4)) != 0 ]; then eventually 30 "the daemon begins" has_begun "$begun"; fi
}
count_begun() { grep -c '^info: ready' crashed/picket.log || true; }
has_begun() { is_gone "$pid" || [ "$(count_begun)" -gt "$1" ]; }

is_gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }

# reap: the daemon has ended or does now, and must have died of nothing else.
reap() {
  local status=0
  wait "$pid" 2>/dev/null || status=$?
  [ "$status" = 137 ] || fail "the daemon ended with $status: $(tail -n 3 crashed/picket.log)"
  killed=$((killed + 1))
}

# send: posts an event and a line that is none, again until that is acknowledged, and then the next.
# What was acknowledged at once is noted in `first`.
send() {
  local n=0 answer tries
  while [ -e sending ]; do
    n=$((n + 1))
    {
      printf '{"request_id":"req_%s","time":%s,"workspace_id":"ws_e2e","method":"POST",' \
        "$n" "$oldest"
      printf '"host":"api.unkey.com","path":"/v2/apis.deleteApi","response_status":412}\n'
      echo "no event: post $n"
      [ $((n % 8)) != 0 ] || cat padding
    } >body
    tries=0
    while true; do
      answer=0
      curl -fsS -o answer --max-time 10 --data-binary @body \
        "http://127.0.0.1:$ingest_port/ingest/edge" 2>curl.log || answer=$?
      [ "$answer" != 0 ] || break
      # Whoever was not even connected to has received nothing.
      [ "$answer" = 7 ] || tries=$((tries + 1))
      sleep 0.05
    done
    [ "$tries" != 0 ] || echo "req_$n" >>first
    echo "req_$n" >>posted
    sleep 0.1
  done
}

has_read() { grep -qF "\"no event: $2\"" "$1/dead_letter.jsonl"; }

# finish FOLDER: waits until all is read, then ends the daemon.
finish() {
  echo "no event: end" >>"$1/log/api.ndjson"
  eventually 120 "everything in $1 is read" has_read "$1" end
  # Rotated files may still be written to for 5 s, and until they end they hold back what is due.
  sleep 7
  eventually 30 "the receiver heard of each alert in $1" same_ids "$1"
  kill -TERM "$pid"
  wait "$pid" || fail "the daemon over $1 ended with $?"
  pid=
}

# What is due at the end of the log depends on when the daemon is stopped.
alerts() {
  jq -c --argjson last "$((newest / 1000 - 60))" '
    select(.rule.name != "e2e_posted_each") | select(.status == "firing" or
      (.ends_at | sub("\\.[0-9]+"; "") | fromdateiso8601) < $last)' "$1/alerts.ndjson"
}
# An alert that escalates is heard of under other labels.
firing_ids() {
  jq -cS 'select(.status == "firing") | [.alert_id, .labels]' "$1/alerts.ndjson" | sort -u
}
received_ids() { jq -cS '.[] | [.annotations.alert_id, .labels]' "$1/received" | sort -u; }
same_ids() { cmp -s <(firing_ids "$1") <(received_ids "$1"); }

# note_committed: what is a dead letter by now will be known to the next daemon, too.
note_committed() {
  grep -o '"no event: [^"]*"' crashed/dead_letter.jsonl >committed.new
  sleep 0.4  # many times the commit interval
  ! is_gone "$pid" || return 0
  mv committed.new committed
}

# marker_is_known MARKER: whether a checkpoint is about the file that it stands in. Of a file that was
# compressed before it was ever seen nobody can tell that it is not an old one, so such a file is not
# compressed.
marker_is_known() { [ -n "$1" ] && grep -qF "\"$1\"" ../committed; }
is_done_with() { [ ! -s "$1" ] || marker_is_known "$(last_marker "$1")"; }
first_marker() { grep -m 1 '^no event: ' "$1" || true; }
last_marker() { zcat -f "$1" | grep '^no event: ' | tail -n 1 || true; }

# Rotation as logrotate does it, with older files compressed or not, and the oldest removed. A file
# that is rotated away before picket has committed where it stands in it has no checkpoint that leads
# to it, so the log is left alone until it is known.
rotate() {
  local n name last=0
  marker_is_known "$(first_marker log/api.ndjson)" || return 0
  while [ -e "log/api.ndjson.$((last + 1))" ] || [ -e "log/api.ndjson.$((last + 1)).gz" ]; do
    last=$((last + 1))
  done
  while [ "$last" -gt "$keep" ]; do
    name=log/api.ndjson.$last
    [ -e "$name" ] || name=$name.gz
    is_done_with "$name" || break
    rm "$name"
    last=$((last - 1))
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
  if [ $((RANDOM % 2)) = 0 ] && [ -e log/api.ndjson.2 ] &&
    marker_is_known "$(first_marker log/api.ndjson.2)"; then
    gzip log/api.ndjson.2
  fi
  echo >>../rotations
}

prepare quiet
start quiet
for piece in piece.*; do cat "$piece" >>quiet/log/api.ndjson; done
finish quiet
[ -s quiet/alerts.ndjson ] || fail "the traffic gives no alerts"

prepare crashed
: >crashed/log/api.ndjson
killed=0
: >torn
start crashed
# A file that was rotated away before the first look at it has no checkpoint that leads to it.
echo "no event: start" >>crashed/log/api.ndjson
eventually 10 "the first line is read" has_read crashed start
touch sending first
note_committed
send &
sender=$!
left=$pieces
spared=0
exec 7>&2 2>messages  # bash tells of every process that is killed
for piece in piece.*; do
  cat "$piece" >>crashed/log/api.ndjson
  if [ $((RANDOM % 5)) = 0 ]; then
    note_committed
    (cd crashed && rotate)
  fi
  sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
  if is_gone "$pid"; then
    reap
    start_crashed
  elif [ "$left" -le $((kills - killed)) ] ||
    { [ "$spared" = 0 ] && [ $((RANDOM % left)) -lt $((kills - killed)) ]; }; then
    if [ $((RANDOM % 2)) = 0 ]; then note_committed; fi
    kill -KILL "$pid" 2>/dev/null || true
    reap
    if [ $((RANDOM % 2)) = 0 ]; then (cd crashed && rotate); fi
    start_crashed
  fi
  left=$((left - 1))
  [ "$spared" = 0 ] || spared=$((spared - 1))
done
exec 2>&7 7>&-
rm sending
wait "$sender" || fail "the sender ended with $?"
sender=
finish crashed
echo "ok: killed $killed times, $(wc -l <torn) of them in the midst of a write"
cut -d ' ' -f 1 torn | sed 's/.*\.spool$/spool/' | sort | uniq -c | sed 's/^/    /'
echo "ok: $rows rows in $(wc -c <quiet/log/api.ndjson) bytes, rotated $(wc -l <rotations) times"

alerts quiet >quiet.alerts
alerts crashed >crashed.alerts
diff quiet.alerts crashed.alerts >difference ||
  fail "$(grep -c '^[<>]' difference) lines of $(wc -l <quiet.alerts) in the alert files differ" \
    "(< quiet, > crashed): $(head -c 2000 difference)"
echo "ok: the same $(wc -l <quiet.alerts) lines in both alert files"

# ids FOLDER: what the receiver heard of the log.
ids() { received_ids "$1" | grep -vF PicketE2ePostedEach; }
diff <(ids quiet) <(ids crashed) >difference ||
  fail "the receiver heard of other alerts: $(head -c 2000 difference)"
echo "ok: the receiver heard of the same $(ids quiet | wc -l) alerts"

# A crash may come between a dead letter and the commit: then it stands there twice.
jq -r '.line' crashed/dead_letter.jsonl | grep -v '^x' | sort -u >dead
{
  ls piece.*
  echo start
  echo end
  seq -f 'post %.0f' "$(wc -l <posted)"
} | sed 's/^/no event: /' | sort >expected
diff expected dead >difference || fail "dead letters differ: $(head -c 2000 difference)"
echo "ok: every line that is no event is a dead letter"

# A post that was not acknowledged may have arrived all the same.
jq -r 'select(.rule.name == "e2e_posted_each") | [.labels.request_id, .status, .events] | @tsv' \
  crashed/alerts.ndjson >counted
diff <(sort posted) <(awk '$2 == "firing" {print $1}' counted | sort -u) >difference ||
  fail "posted events did not count: $(head -c 2000 difference)"
awk '$2 == "firing" || $3 != 1 {print $1}' counted | sort | uniq -d | comm -12 - <(sort first) >twice
[ ! -s twice ] || fail "counted twice: $(tr '\n' ' ' <twice)"
echo "ok: $(wc -l <posted) posted events counted, $(wc -l <first) acknowledged at once, those once"
passed=true
