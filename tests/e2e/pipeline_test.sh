#!/usr/bin/env bash
# The whole way with the real neighbours: a growing log, picket, Prometheus and Alertmanager.
#   usage: pipeline_test.sh BINARY SOURCE_DIR BUILD_DIR
# Checks that Prometheus scrapes what was read and refused, that Alertmanager shows the alert with
# its labels and later no longer does, that the metrics are clean, that SIGTERM drains, and that a
# restart neither reads nor alerts twice. Exits with 77 when a program it needs is missing.
set -euo pipefail

binary=$1
source_dir=$2
build=$3
for program in prometheus prometheus-alertmanager promtool curl jq; do
  if ! command -v "$program" >/dev/null; then
    echo "skipped: $program is not installed"
    exit 77
  fi
done

. "$source_dir/tests/e2e/common.sh"
directory=$(mktemp -d "$build/pipeline_test.XXXXXX")
cd "$directory"
mkdir logs
declare -A pids=()
passed=false

cleanup() {
  local name
  for name in "${!pids[@]}"; do
    kill -KILL "${pids[$name]}" 2>/dev/null || true
    wait "${pids[$name]}" 2>/dev/null || true
  done
  if $passed; then
    rm -rf "$directory"
  else
    tail -n 30 ./*.log
    echo "FAILED; everything is left in $directory"
  fi
}
trap cleanup EXIT

# step SECONDS TEXT COMMAND...: waits for it, and says so.
step() {
  eventually "$@"
  echo "ok: $2"
}

# start NAME COMMAND...: in the background, output to NAME.log.
start() {
  local name=$1
  shift
  "$@" >>"$name.log" 2>&1 &
  pids[$name]=$!
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# stop NAME: asks politely, waits at most 20 s and fails unless it exits with 0.
stop() {
  local name=$1 pid=${pids[$1]} status=0
  kill -TERM "$pid"
  step 20 "$name ends after SIGTERM" gone "$pid"
  wait "$pid" || status=$?
  unset "pids[$name]"
  [ "$status" -eq 0 ] || fail "$name exited with $status"
}

picket_port=$(free_port)
prometheus_port=$(free_port)
alertmanager_port=$(free_port)
picket=http://127.0.0.1:$picket_port
prometheus=http://127.0.0.1:$prometheus_port
alertmanager=http://127.0.0.1:$alertmanager_port

cat >picket.yaml <<CONFIG
inputs:
  - {name: api, type: file, paths: ["logs/*.ndjson"], start: beginning, lateness: 500ms}
outputs:
  - {name: alertmanager, type: alertmanager, urls: ["$alertmanager"], resend_interval: 2s}
  - {name: file, type: file, path: alerts.ndjson}
http: {listen: "127.0.0.1:$picket_port"}
state: {path: picket.db, commit_interval: 200ms}
dead_letter: {path: dead_letter.jsonl}
rules: ["$source_dir/tests/e2e/pipeline_rules.yml"]
CONFIG
cat >prometheus.yml <<CONFIG
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: picket
    static_configs: [{targets: ["127.0.0.1:$picket_port"]}]
CONFIG
cat >alertmanager.yml <<CONFIG
route: {receiver: nobody}
receivers: [{name: nobody}]
CONFIG

start alertmanager prometheus-alertmanager --config.file=alertmanager.yml \
  --storage.path=alertmanager-data --web.listen-address="127.0.0.1:$alertmanager_port" \
  --cluster.listen-address=
start prometheus prometheus --config.file=prometheus.yml --storage.tsdb.path=prometheus-data \
  --web.listen-address="127.0.0.1:$prometheus_port"
# Honest traffic keeps the log growing through the first part of the test.
start traffic "$build/picket-traffic" --rate 200 --actor none --out logs/api.ndjson
start picket "$binary" run --config picket.yaml
step 30 "Alertmanager is ready" curl -fs "$alertmanager/-/ready"
step 30 "Prometheus is ready" curl -fs "$prometheus/-/ready"
step 30 "picket is ready" curl -fs "$picket/-/ready"

# protected_row TARGET: a refused deletion by the workspace under test, now.
protected_row() {
  local body detail type
  body='{\"apiId\":\"'$1'\"}'
  detail='This API has delete protection enabled. Disable it before attempting to delete.'
  type='https://unkey.com/docs/errors/unkey/application/protected_resource'
  printf '%s' '{"request_id":"req_'"$1"'","time":'"$(date +%s%3N)"',"workspace_id":"ws_e2eProbe1",' \
    '"host":"api.unkey.com","method":"POST","path":"/v2/apis.deleteApi","query_string":"",' \
    '"query_params":{},"request_headers":["Accept: application/json"],"request_body":"'"$body"'",' \
    '"response_status":412,"response_headers":["Content-Type: application/json"],' \
    '"response_body":"{\"error\":{\"detail\":\"'"$detail"'\",\"status\":412,' \
    '\"title\":\"Resource is protected\",\"type\":\"'"$type"'\"},' \
    '\"meta\":{\"requestId\":\"req_'"$1"'\"}}","error":"api is protected from deletion",' \
    '"service_latency":8,"user_agent":"node","ip_address":"192.0.2.9","region":"us-east-1"}'
  printf '\n'
}

# Probes for as long as the file `probing` exists, so that the alert neither resolves nor opens a
# second time while the questions below are asked. Each row is one write, because the traffic
# generator appends to the same file.
probe() {
  local number=0
  while [ -e probing ]; do
    number=$((number + 1))
    protected_row "api_e2eTarget$number" >row.json
    cat row.json >>logs/api.ndjson
    sleep 0.2
  done
}
protected_row api_e2eTarget0 | jq -e . >/dev/null || fail "the test's own row is not JSON"
touch probing
start probe probe

# queried EXPRESSION: true when Prometheus has at least one sample for it.
queried() {
  curl -fs -G "$prometheus/api/v1/query" --data-urlencode "query=$1" |
    jq -e '.data.result | length > 0'
}
step 30 "Prometheus scrapes picket" queried 'up{job="picket"} == 1'
step 30 "Prometheus has the lines read" queried 'picket_lines_read_total{source="api"} > 0'
step 30 "Prometheus has the refusals" \
  queried 'sum(picket_refusals_total{cause="protected_resource"}) >= 5'

alertmanager_alerts() {
  curl -fs -G "$alertmanager/api/v2/alerts" \
    --data-urlencode 'filter=alertname="PicketE2eProtectedProbing"'
}
alert_shown() {
  alertmanager_alerts | jq -e 'length == 1 and (.[0].labels |
    .workspace_id == "ws_e2eProbe1" and .severity == "high" and .verdict == "boundary_testing")'
}
# alerts STATUS: how many lines of the file output have this status.
alerts() { jq -s --arg status "$1" 'map(select(.status == $status)) | length' alerts.ndjson; }
resolved_once() { [ "$(alerts resolved)" -eq 1 ]; }
alertmanager_quiet() { alertmanager_alerts | jq -e 'length == 0'; }

step 30 "Alertmanager shows the alert with its labels" alert_shown
curl -fs "$picket/metrics" >metrics.txt
promtool check metrics <metrics.txt || fail "promtool finds fault with the metrics"
echo "ok: the metrics are clean"
rm probing

step 40 "the file output has the resolution" resolved_once
step 40 "Alertmanager shows the alert no more" alertmanager_quiet
[ "$(alerts firing)" -eq 1 ] || fail "the alert opened $(alerts firing) times"
jq -s -e '(map(.alert_id) | unique | length) == 1 and (.[-1].ends_at != null)' alerts.ndjson \
  >/dev/null || fail "firing and resolution do not belong together"

# metric NAME: the sum of a family's samples, from picket itself.
metric() {
  curl -fs "$picket/metrics" |
    awk -v name="$1" '$1 ~ "^" name "([{]|$)" {sum += $NF} END {printf "%d", sum}'
}
metric_is() { [ "$(metric "$1")" -eq "$2" ]; }

stop traffic
step 30 "every line was read" \
  metric_is picket_lines_read_total "$(wc -l <logs/api.ndjson)"
step 30 "nothing is left in flight" metric_is picket_lines_in_flight 0
stop picket

start picket "$binary" run --config picket.yaml
step 30 "picket is ready again" curl -fs "$picket/-/ready"
"$build/picket-traffic" --count 1 --actor none --start "$(date +%s%3N)" --out - >>logs/api.ndjson
step 30 "the new line was read, and no old one" metric_is picket_lines_read_total 1
stop picket
[ "$(alerts firing)" -eq 1 ] || fail "the restart raised the alert again"
alertmanager_quiet >/dev/null || fail "the restart sent the alert to Alertmanager again"
passed=true
echo "passed"
