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
