#!/usr/bin/env bash
# The alert rules for Prometheus that ship: they are valid, fire when they should and not otherwise,
# and name only metrics that picket has.
set -euo pipefail
source=$2

if ! command -v promtool >/dev/null; then
  echo "skipped: promtool is not installed"
  exit 77
fi

promtool check rules "$source"/config/prometheus/*.rules.yml
promtool test rules "$source/tests/cases/prometheus_rules.yml"

for metric in $(grep -ohE 'picket_[a-z_]+_(total|seconds|lines|bytes)\>' "$source"/config/prometheus/*.rules.yml | sort -u); do
  if ! grep -q "\"$metric\"" "$source"/daemon/metrics*.cc; then
    echo "no such metric: $metric"
    exit 1
  fi
done
