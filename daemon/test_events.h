// The events of a test inside a rule, as the NDJSON lines that the decoder reads.
//
// A test gives its lines as text, names a file of them (relative to the rule file), or lists them:
//   start: 2026-01-01T00:00:00Z          # optional; what `at` counts from
//   base: {who: w1, status: 403}         # merged into each event, whose own fields win
//   events:
//     - {at: +30s, request.id: a}
//     - {at: +40s, repeat: 3, every: 10s, request.id: "r{n}"}   # {n} is 1, 2, 3
// A field may be named as in the log or as the schema calls it, as long as the schema takes it over
// unchanged; dots descend; values may be lists and maps. The time goes where the schema looks for
// it, so a list needs `schema`. An event without `at` has the time of the one before.
//
// Thread rule: pure, but for reading the file that is named.
// Tested by tests/daemon/rule_tests_test.cc.
#pragma once

#include <string>

#include "config/node.h"
#include "config/schema.h"
#include "rules/types.h"

namespace picket {

// A moment as tests write it: RFC 3339, or an offset such as +30s from `start`.
std::optional<Timestamp> parse_moment(std::string_view text, Timestamp start);

struct TestEvents {
  std::string lines;
  Timestamp start{};
};

// `schema` may be null. Errors: each problem at its place in the rule file.
Result<TestEvents> read_test_events(const Node& test, const Schema* schema);

}  // namespace picket
