#!/usr/bin/env bash
# Installs the missing packages of the given groups of packages.txt; says nothing when none is.
#   usage: install_packages.sh GROUP...
set -euo pipefail

list="$(dirname "$0")/packages.txt"
missing=()
for group in "$@"; do
  while read -r package; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
  done < <(awk -v group="[$group]" '/^\[/ {on = ($0 == group); next} on && /^[^#]/' "$list")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
echo "installing: ${missing[*]}"

# Debian's Prometheus packages start their services when they are installed. We only want the
# programs, so a policy forbids it for the time of the installation, where none is set already.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '${root[@]+"${root[@]}"} rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | ${root[@]+"${root[@]}"} tee "$policy" >/dev/null
  ${root[@]+"${root[@]}"} chmod 0755 "$policy"
fi
${root[@]+"${root[@]}"} apt-get update -q
${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -q --no-install-recommends "${missing[@]}"
