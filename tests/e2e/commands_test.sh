#!/usr/bin/env bash
# The commands that read and explain, run as a user would run them.
#   usage: commands_test.sh BINARY SOURCE_DIR BUILD_DIR
# Every case asserts the exit code and, where lines were read, that each of them is accounted for.
set -euo pipefail

binary=$(realpath "$1")
source_dir=$(realpath "$2")
build=$(realpath "$3")
directory=$(mktemp -d "$build/commands_test.XXXXXX")
cd "$directory"
passed=false
cleanup() {
  if $passed; then
    rm -rf "$directory"
  else
    tail -n 20 out err 2>/dev/null || true
    echo "FAILED; everything is left in $directory"
  fi
}
trap cleanup EXIT

fail() {
  echo "FAILED: $*"
  exit 1
}

# expect CODE ARGUMENT...: runs picket; its output is left in `out` and `err`.
expect() {
  local wanted=$1 code=0
  shift
  "$binary" "$@" >out 2>err </dev/null || code=$?
  [ "$code" -eq "$wanted" ] || fail "picket $* exited with $code instead of $wanted"
}

# accounted LINES DEAD REFUSALS: the summary's numbers, which must also add up. - skips a number.
accounted() {
  local numbers
  numbers=$(sed -n -E 's/^lines read: ([0-9]+) = ([0-9]+) .*/\1 \2 /p' err)
  numbers+=$(sed -n -E 's/^lines read: .*\+ ([0-9]+) blank \+ ([0-9]+) dead.*/\1 \2/p' err)
  read -r lines with_events blank dead <<<"$numbers"
  [ "$lines" -eq $((with_events + blank + dead)) ] || fail "the ledger does not balance: $numbers"
  [ "$1" = - ] || [ "$lines" -eq "$1" ] || fail "$lines lines instead of $1"
  [ "$2" = - ] || [ "$dead" -eq "$2" ] || fail "$dead dead letters instead of $2"
  if [ "$3" != - ]; then
    grep -q "^refusals: $3\b" err || fail "not $3 refusals: $(grep ^refusals: err)"
    [ "$(wc -l <out)" -eq "$3" ] || fail "$(wc -l <out) lines written instead of $3"
  fi
}

says() { grep -q -F -- "$1" err || fail "nothing says: $1"; }
ok() { echo "ok: $*"; }

samples=$source_dir/tests/cases/samples
# row NUMBER PATH STATUS BODY: one line of the API's request log.
row() {
  printf '{"request_id":"req_%s","time":178732235820%s,"workspace_id":"ws_1",' "$1" "$1"
  printf '"host":"api.unkey.com","method":"POST","path":"%s","query_string":"",' "$2"
  printf '"query_params":{},"request_headers":[],"request_body":"{}","response_status":%s,' "$3"
  printf '"response_headers":[],"response_body":"%s","error":"","service_latency":8,' "$4"
  printf '"user_agent":"node","ip_address":"192.0.2.9","region":"us-east-1"}\n'
}
type=https://unkey.com/docs/errors/unkey/application/protected_resource
refused='{\"error\":{\"status\":412,\"title\":\"Resource is protected\",\"type\":\"'$type'\"}}'
{
  row 1 /v2/apis.deleteApi 412 "$refused"
  row 2 /v2/apis.getApi 200 '{}'
} >good.ndjson

# Usage.
expect 2
expect 2 classify
expect 2 classify --no-such-option good.ndjson
expect 2 check --no-such-option
expect 2 match --no-such-option good.ndjson
expect 2 explain --no-such-option
expect 2 explain
expect 2 version --no-such-option
for verb in classify match check test explain version; do
  expect 0 "$verb" --help
  grep -q -- "--help" out || fail "$verb --help says nothing"
done
ok "usage errors exit with 2, --help with 0"

expect 0 version
grep -q -E '^picket [0-9]+\.[0-9]+\.[0-9]+$' out || fail "no version"
grep -q -E '^commit: .+' out && grep -q -E '^simd: .+' out || fail "no commit or instruction set"
ok "version"

# What the samples are was written down by hand beside them. The one of OTLP is the body of a
# request and not a log.
shopt -s extglob
expect 0 classify "$samples"/!(*.otlp.jsonl)
expectation() {
  grep -v -e '^#' -e '\.otlp\.jsonl' "$source_dir/tests/cases/samples_expected.tsv"
}
expectation | awk -F '\t' '$4 != "-"' | LC_ALL=C sort >wanted
sed -E -e 's/^.*"line":([0-9]+),.*"code":"([^"]*)",/\1\t\2\t/' \
  -e 's/"cause":"([^"]*)","mistake":([0-9]),"scenario":"([^"]*)".*"file":"/\1\t\2\t\3\t/' \
  -e 's/"\}$//' \
  out | awk -F '\t' -v OFS='\t' '{sub(".*/", "", $6); print $6, $1, $2, $3, $4, $5}' |
  LC_ALL=C sort >found
diff wanted found || fail "the samples are judged differently"
accounted "$(expectation | wc -l)" "$(expectation | grep -c dead:)" "$(wc -l <wanted)"
keys='^\{"time":[^,]*,"schema":"[^"]*","line":[0-9]+,"request_id":.*,"actor":.*,"code":.*'
keys+=',"cause":"[a-z_]+","mistake":[1-7],"scenario":"[a-z_]+","confidence":[0-9.]+,"file":".*"\}$'
[ "$(grep -c -E "$keys" out)" -eq "$(wc -l <out)" ] || fail "a line has other keys"
ok "classify names all $(wc -l <out) refusals of the samples"

expect 0 classify good.ndjson
accounted 2 0 1
grep -q '"time":"2026-08-21T14:25:58.201Z","schema":"unkey.api_requests","line":1,' out ||
  fail "time or place"
grep -q '"cause":"protected_resource","mistake":1,' out || fail "cause"
expect 0 classify --schema unkey.api_requests good.ndjson
accounted 2 0 1
expect 0 classify --schema "$source_dir/config/schemas/unkey.api_requests.yaml" good.ndjson
accounted 2 0 1
expect 78 classify --schema unkey.api_request good.ndjson
says "did you mean 'unkey.api_requests'?"
ok "--schema takes names and files"

printf '[%s,%s]\n%s\n' "$(sed -n 1p good.ndjson)" "$(sed -n 1p good.ndjson)" \
  "$(sed -n 1p good.ndjson)" >envelope.ndjson
expect 0 classify envelope.ndjson
accounted 2 0 3
[ "$(grep -c '"line":1,"record":[01],' out)" -eq 2 ] || fail "no record numbers"
[ "$(grep -c '"line":2,"request_id"' out)" -eq 1 ] || fail "a record number without an envelope"
ok "records of an envelope have a number"

# Hostile logs. Good lines around them must survive.
LC_ALL=C awk 'BEGIN {srand(7); for (i = 0; i < 1000000; ++i) printf "%c", int(rand() * 256)}' |
  head -c 1000000 >random.log
expect 0 classify random.log
lines=$(tr -cd '\n' <random.log | wc -c)
[ -z "$(tail -c 1 random.log)" ] || lines=$((lines + 1))
accounted "$lines" - 0
ok "a megabyte of random bytes"

{
  sed -n 1p good.ndjson
  head -c 67108864 /dev/zero | tr '\0' a
  echo
  sed -n 1p good.ndjson
} >long.log
expect 0 classify long.log
accounted 3 1 2
says "  too_long: 1"
grep -q '"line":3,' out || fail "the line behind the long one has another number"
ok "a line of 64 MiB"

{
  sed -n 1p good.ndjson
  printf '{"a":%.0s' $(seq 100000)
  printf '}%.0s' $(seq 100000)
  echo
  printf '[%.0s' $(seq 100000)
  echo
  sed -n 1p good.ndjson
} >deep.log
expect 0 classify deep.log
accounted 4 2 2
ok "nesting of 100,000 levels"

: >empty.log
expect 0 classify empty.log
accounted 0 0 0
expect 0 match empty.log
accounted 0 0 -
expect 1 classify "$directory"
says "is a directory, not a log file"
expect 1 match "$directory"
expect 1 classify absent.log good.ndjson
says "absent.log: error: no such file"
accounted 2 0 1
touch forbidden.log
chmod 000 forbidden.log
if [ -r forbidden.log ]; then
  echo "skipped: no file is unreadable for this user"
else
  expect 1 classify forbidden.log
  says "forbidden.log: error: cannot be opened"
fi
ok "empty, absent and impossible logs"

# Compressed logs give the same output under the same name.
mkdir plain gz zst
yes "$(cat good.ndjson)" | head -n 6000 >plain/log || true
gzip -c plain/log >gz/log
formats="plain gz"
if command -v zstd >/dev/null; then
  zstd -q -c plain/log >zst/log
  formats+=" zst"
fi
for format in $formats; do
  cd "$format"
  expect 0 classify log
  accounted 6000 0 3000
  cd ..
  cmp plain/out "$format/out" || fail "$format gives another output"
  cmp plain/err "$format/err" || fail "$format gives another summary"
done
head -c $(($(stat -c %s gz/log) / 2)) gz/log >cut.gz
expect 1 classify cut.gz
says "cut.gz: error: is cut off in its compressed data"
[ "$(wc -l <out)" -gt 1000 ] || fail "what was readable is missing"
code=0
"$binary" classify - <gz/log >out 2>err || code=$?
[ "$code" -eq 0 ] || fail "standard input exited with $code"
accounted 6000 0 3000
ok "$formats give the same lines"

set +e
"$binary" classify plain/log plain/log plain/log 2>err | head -n 1 >out
codes=("${PIPESTATUS[@]}")
set -e
[ "${codes[0]}" -eq 0 ] && [ ! -s err ] || fail "a reader who leaves is no error: ${codes[0]}"
if [ -w /dev/full ]; then
  code=0
  "$binary" classify plain/log >/dev/full 2>err || code=$?
  [ "$code" -eq 1 ] || fail "a full disk exited with $code"
  says "standard output: "
fi
ok "a reader who leaves, and a full disk"

# Matching.
cat >rules.yml <<'RULES'
title: A deletion
id: 11111111-1111-4111-8111-111111111111
logsource: {product: unkey}
detection:
  s: {url.path|contains: delete}
  condition: s
---
title: Anything of the workspace
id: 22222222-2222-4222-8222-222222222222
detection:
  s: {workspace_id: ws_1}
  condition: s
RULES
deletion='"rule_id":"11111111-1111-4111-8111-111111111111","title":"A deletion"}'
anything='"rule_id":"22222222-2222-4222-8222-222222222222","title":"Anything of the workspace"}'
{
  echo '{"file":"good.ndjson","line":1,'"$deletion"
  echo '{"file":"good.ndjson","line":1,'"$anything"
  echo '{"file":"good.ndjson","line":2,'"$anything"
} >matches
expect 0 match --rules rules.yml good.ndjson
cmp out matches || fail "other matches"
accounted 2 0 -
says "matches: 3"
classifying=$source_dir/rules/packs/unkey/classify
expect 0 match --rules "$classifying" good.ndjson
grep -q . out && fail "a classifying rule was listed"
expect 0 match --all --rules "$classifying" good.ndjson
[ "$(wc -l <out)" -eq 1 ] || fail "--all lists no classifying rule"
expect 0 match --rules rules.yml envelope.ndjson
[ "$(grep -c '"line":1,"record":[01],"rule_id"' out)" -eq 4 ] || fail "no record numbers"
ok "match"

# Checking.
expect 0 check
says " 0 errors, 0 warnings"
expect 0 check --config "$source_dir/config/picket.yaml"
cat >picket.yaml <<'CONFIG'
inputs:
  - {name: api, type: fil, paths: [a.log]}
  - {name: gateway, type: file, pahts: [b.log]}
  - {name: audit, type: file, paths: [c.log], schema: unkey.audit_log}
outputs:
  - {name: pager, type: alertmanager, urls: ["ftp://192.0.2.1"]}
http: {listen: "everywhere"}
pipline: {workers: 1}
rules: []
CONFIG
expect 78 check --config picket.yaml
for place in 2:23 3:33 4:55 6:45 7:16 8:1; do
  says "picket.yaml:$place: error: "
done
says "did you mean 'file'?"
says "did you mean 'paths'?"
says "did you mean 'unkey.audit_logs'?"
says "did you mean 'pipeline'?"
[ "$(grep -c -E '^ +\^$' err)" -ge 6 ] || fail "carets are missing"
expect 78 classify --config picket.yaml good.ndjson
expect 78 check --config absent.yaml
says "absent.yaml: error: no such file"
expect 78 check --rules absent.yml
says "absent.yml: error: no such file"
cat >alerts.yaml <<'CONFIG'
inputs: [{name: api, type: file, paths: ["*.ndjson"]}]
outputs: [{name: file, type: file, path: alerts.ndjson}]
CONFIG
expect 78 check --config alerts.yaml
says "alerts.yaml:1:41: error: '*.ndjson' matches 'alerts.ndjson', which picket writes"
[ ! -e alerts.ndjson ] || fail "check left a file behind"
ok "check finds every mistake of a configuration"

sed 's/|contains/|contain/' rules.yml >typo.yml
expect 78 check --rules typo.yml
says "typo.yml:5:7: error: "
says "did you mean 'contains'?"
expect 78 check --json --rules typo.yml
rejected='^\{"loaded":1,"rejected":\[\{"file":"typo.yml","line":5,"column":7,"rule_id":"11111111-'
grep -q -E "$rejected" out ||
  fail "the JSON is another one: $(cat out)"
expect 0 check --json --rules rules.yml
[ "$(cat out)" = '{"loaded":2,"rejected":[]}' ] || fail "the JSON is another one: $(cat out)"
expect 0 match --rules typo.yml good.ndjson
says "did you mean 'contains'?"
[ "$(wc -l <out)" -eq 2 ] || fail "the rule that is fine did not match"
expect 78 match --strict --rules typo.yml good.ndjson
ok "a rule with a typo is told, and refused under --strict"

# Explaining.
expect 0 explain --list
cut -d ' ' -f 1 out >urns
listed=$(grep -c '^  - urn:' "$source_dir/config/errors/unkey.yaml")
[ "$(wc -l <urns)" -eq "$listed" ] || fail "$(wc -l <urns) codes listed instead of $listed"
while read -r urn; do
  expect 0 explain "$urn"
  [ "$(head -n 1 out)" = "$urn" ] || fail "$urn is not explained"
  grep -q '^How to fix it:$' out || fail "$urn has no fix"
  awk 'length($0) > 80 && $0 !~ /err:/ {exit 1}' out || fail "$urn is wider than 80 columns"
done <urns
expect 0 explain unkey:authorization:forbidden
expect 0 explain https://unkey.com/docs/errors/unkey/authorization/forbidden
[ "$(head -n 1 out)" = err:unkey:authorization:forbidden ] || fail "the URL means something else"
expect 1 explain err:unkey:authorization:forbiden
says "did you mean 'err:unkey:authorization:forbidden'?"
expect 1 explain nothing-of-the-kind
ok "explain knows all $listed codes"

# Tests inside rules.
cat >tested.yml <<'RULES'
title: A deletion
name: deletion
logsource: {product: unkey}
detection:
  s: {url.path|contains: delete}
  condition: s
---
title: Deletions
name: deletions
correlation:
  type: event_count
  rules: [deletion]
  group-by: [unkey.workspace_id]
  timespan: 1m
  condition: {gte: 3}
picket:
  mode: shadow
  exceptions:
    - {match: {unkey.workspace_id: ws_ci}, expires: 2026-03-01, owner: ops, reason: nightly}
  tests:
    - name: three in a minute
      schema: unkey.api_requests
      base: {path: /v2/apis.deleteApi, workspace_id: ws_1}
      events: [{repeat: 3, every: 10s}]
      expect: {alerts: 1, matches: 3, labels: {unkey.workspace_id: ws_1}}
    - name: too slow
      schema: unkey.api_requests
      base: {path: /v2/apis.deleteApi, workspace_id: ws_1}
      events: [{repeat: 3, every: 31s}]
      expect: {alerts: 0}
    - name: excepted
      schema: unkey.api_requests
      start: 2026-02-28T23:00:00Z
      base: {path: /v2/apis.deleteApi, workspace_id: ws_ci}
      events: [{repeat: 3}]
      expect: {alerts: 0, matches: 0}
    - name: no longer excepted
      schema: unkey.api_requests
      start: 2026-03-01T00:00:00Z
      base: {path: /v2/apis.deleteApi, workspace_id: ws_ci}
      events: [{repeat: 3}]
      expect: {alerts: 1}
RULES
expect 0 test --junit junit.xml tested.yml
[ "$(grep -c '"passed":true,"problems":\[\]}$' out)" -eq 4 ] || fail "not a line per test"
says "tested.yml: 4 tests, all passed"
grep -q '<testsuites name="picket" tests="4" failures="0">' junit.xml || fail "no JUnit file"
expect 0 test --filter slow tested.yml
[ "$(wc -l <out)" -eq 1 ] || fail "--filter let others through"
sed 's/alerts: 0}/alerts: 2}/' tested.yml >failing.yml
expect 1 test --junit junit.xml failing.yml
says "FAILED Deletions: too slow"
says "failing.yml:30: 0 alerts opened, expected 2"
grep -q '<failure message="0 alerts opened, expected 2">' junit.xml || fail "no failure in JUnit"
expect 1 test rules.yml
says "no tests were found"
expect 78 test typo.yml
expect 2 test
expect 0 test "$source_dir/rules/packs"
ok "test"

# Shadow rules and exceptions, from a log to the summary.
deletions() {
  for i in 1 2 3; do
    row "$i" /v2/apis.deleteApi 200 '{}' | sed "s/ws_1/$1/; s/\"time\":[0-9]*/\"time\":$2/"
  done
}
deletions ws_1 1772323200000 >shadow.ndjson
expect 0 replay --rules tested.yml shadow.ndjson
[ ! -s out ] || fail "a shadow rule delivered an alert"
says "shadow: Deletions would have alerted 1 time"
sed '/mode: shadow/d' tested.yml >loud.yml
expect 0 replay --rules loud.yml shadow.ndjson
grep -q '"title":"Deletions"' out || fail "no alert without shadow mode"
deletions ws_ci 1772323199000 >excepted.ndjson
expect 0 replay --rules loud.yml excepted.ndjson
[ ! -s out ] || fail "an alert in spite of the exception"
deletions ws_ci 1772323200000 >expired.ndjson
expect 0 replay --rules loud.yml expired.ndjson
grep -q '"title":"Deletions"' out || fail "an exception held after it had expired"
ok "shadow mode, and exceptions until they expire"

# Why a rule matches.
expect 2 explain --rule deletion
expect 2 explain --rule deletion --list
expect 1 explain --rule deletoin --event good.ndjson --rules tested.yml
says "did you mean 'deletion'?"
expect 0 explain --rule deletion --event good.ndjson --rules tested.yml
grep -q -F "  > true  s: url.path|contains: delete   <- '/v2/apis.deleteApi'" out || fail "no match"
grep -q -F "  > false s: url.path|contains: delete   <- '/v2/apis.getApi'" out || fail "no miss"
code=0
"$binary" explain --rule Deletions --event - --rules tested.yml <shadow.ndjson >out 2>err || code=$?
[ "$code" -eq 0 ] || fail "explaining standard input exited with $code"
grep -q -F "  unkey.workspace_id=ws_1: 3 events counted" out || fail "no group"
grep -q -F "    an alert is open" out || fail "no alert"
ok "explain --rule"

# Likely mistakes.
cat >lint.yml <<'RULES'
title: Never
logsource: {product: unkey}
detection:
  a: {url.path: /v1}
  b: {url.path: /v2}
  condition: a and b
RULES
expect 0 check --rules lint.yml
says " 0 errors, 0 warnings"
expect 0 check --lint --json --rules lint.yml
says "lint.yml:6:3: warning: the condition can never hold, unless 'url.path' is a list"
grep -q -F '"rejected":[],"warnings":[{"file":"lint.yml","line":6,' out || fail "no warnings in JSON"
expect 78 check --lint --strict --rules lint.yml
ok "check --lint"

# A binary by itself has nothing that says how lines are read.
if [ ! -d /usr/share/picket ]; then
  cp "$binary" alone
  code=0
  ./alone classify --rules tested.yml "$samples/api_requests_raw_v2.jsonl" >out 2>err || code=$?
  [ "$code" -eq 78 ] || fail "without schemas, picket exited with $code"
  says "no schema says how lines are read"
  ok "no schemas"
fi

passed=true
echo "passed"
