#!/usr/bin/env bash
# What `make run` shows: picket following the log of an API on which some callers misbehave.
#   usage: demo.sh BUILD_DIR
# Everything is written to a new directory below the build tree. Ctrl-C ends both programs.
set -euo pipefail
# With job control each program gets a process group of its own, so that Ctrl-C reaches only this
# script, which then stops them in order.
set -m

build=$(cd "$1" && pwd)
directory=$(mktemp -d "$build/demo.XXXXXX")
cd "$directory"
pids=()

stop() {
  trap - INT TERM HUP EXIT
  local pid
  for pid in "${pids[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  echo "demo: stopped; logs and state are in $directory" >&2
}
trap 'stop; exit 0' INT TERM HUP
trap stop EXIT

cat >&2 <<TEXT
demo: an imitation API writes 300 requests a second to $directory/api_requests.ndjson
demo: metrics   http://127.0.0.1:9617/metrics
demo: alerts    http://127.0.0.1:9617/api/v1/alerts   (and below, one JSON object per line)
demo: status    http://127.0.0.1:9617/api/v1/status
demo: the first alerts take a few seconds; Ctrl-C ends it
TEXT

# A different seed for each run, so that the callers differ too.
"$build/picket-traffic" --rate 300 --seed "$RANDOM" --out api_requests.ndjson &
pids+=($!)
"$build/picket" run &
pids+=($!)

# Whichever ends by itself ends the demo, with its status.
status=0
wait -n "${pids[@]}" || status=$?
stop
exit "$status"
