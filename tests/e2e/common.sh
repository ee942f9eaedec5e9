# What the end-to-end tests share; sourced by them.

fail() {
  echo "FAILED: $*"
  exit 1
}

# eventually SECONDS TEXT COMMAND...: polls until the command succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) text=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "not within the time: $text"
    sleep 0.05
  done
}

# A loopback port that nobody listens on, below the range that the system gives to clients.
free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 10000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# need PROGRAM...: a test that lacks one is skipped.
need() {
  local program
  for program in "$@"; do
    if ! command -v "$program" >/dev/null; then
      echo "skipped: $program is not installed"
      exit 77
    fi
  done
}

# work_in PREFIX: goes to a new folder, PREFIX.XXXXXX, which is kept unless `passed` is true at the end.
# The daemon whose process id is in `pid` ends with the test. A test that has more to put away
# defines put_away, which is called before; `about` is said when it fails.
work_in() {
  directory=$(mktemp -d "$1.XXXXXX")
  cd "$directory"
  pid=
  passed=false
  about=
  trap leave EXIT
}

leave() {
  if declare -F put_away >/dev/null; then put_away; fi
  if [ -n "$pid" ]; then
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  if $passed; then
    rm -rf "$directory"
  else
    tail -n 30 picket.log ./*/picket.log 2>/dev/null || true
    echo "FAILED${about:+ with $about}; everything is left in $directory"
  fi
}
