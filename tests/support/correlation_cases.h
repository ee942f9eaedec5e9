// One correlation, a few events, and when alerts open: how the tests of correlation types speak.
//
// Thread rule: one thread.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "tests/support/engine_run.h"

namespace picket {

// An event "TIME NAME" of one group, with the value of field `f` ("" for none).
using TestEvent = std::tuple<int64_t, std::string, std::string>;

// Detections a, b, c and d, which match events of their name; "ab" is an event of a and b. Then the
// correlation, whose body ends in a line break.
inline std::string correlation_rules(const std::string& body) {
  std::string text;
  for (const char* name : {"a", "b", "c", "d"}) {
    std::string n = name;
    text += "title: " + n + "\nname: " + n + "\nlogsource: {product: test}\ndetection: {s: {e: [" +
            n + (n == "a" || n == "b" ? ", ab" : "") + "]}, condition: s}\n---\n";
  }
  return text + "title: T\nname: t\ncorrelation:\n  group-by: [who]\n  timespan: 10s\n" + body;
}

// "TIME TIME ": when alerts opened, all of them.
inline std::string opened(const std::vector<AlertEvent>& events) {
  std::string text;
  for (const AlertEvent& event : events) {
    if (event.change != AlertChange::Opened) continue;
    text += std::to_string(to_ms(event.alert.starts_at)) + " ";
  }
  return text;
}

inline std::string event_line(const TestEvent& event) {
  const auto& [time, name, f] = event;
  return test_line(time, name, "w", f.empty() ? "" : ",\"f\":" + f);
}

inline std::string opened(const std::string& body, const std::vector<TestEvent>& events) {
  EngineRun run(make_rules(correlation_rules(body)));
  for (const TestEvent& event : events) run.lines(event_line(event));
  run.finish();
  return opened(run.events);
}

// The first problem of the rule, "" when it has none.
inline std::string problem(const std::string& body) {
  auto rules = try_rules(correlation_rules(body), {kTestSchema});
  if (!rules) return rules.error().front().message;
  return (*rules)->rejected().empty() ? "" : (*rules)->rejected().front().message;
}

}  // namespace picket
