#!/usr/bin/env bash
# A day at full speed: rotations, reloads, receivers with moods, and nothing that grows.
#   usage: soak_test.sh BINARY SOURCE_DIR BUILD_DIR
# tests/soak/soak.py says what happens and judgement.py what must hold. PICKET_SOAK_SECONDS sets the
# length (`make soak` takes minutes; only from five on there is time enough to tell whether memory is
# flat), PICKET_SOAK_KILLS how often the daemon is killed meanwhile, PICKET_SEED when things happen.
# Never fails by being slow. Exits with 77 when a program it needs is missing.
set -euo pipefail

binary=$(realpath "$1")
source_dir=$(realpath "$2")
build=$(realpath "$3")
. "$source_dir/tests/e2e/common.sh"
need python3
seed=${PICKET_SEED:-1}
work_in "$build/soak_test"
about="PICKET_SEED=$seed"

PYTHONDONTWRITEBYTECODE=1 python3 "$source_dir/tests/soak/soak.py" "$binary" "$source_dir" "$build" \
  "${PICKET_SOAK_SECONDS:-20}" "${PICKET_SOAK_KILLS:-0}" "$seed" || fail "see above"
passed=true
