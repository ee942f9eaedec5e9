// One correlation, a few events, and when alerts open: how the tests of correlation types speak.
//
// Thread rule: one thread.
#pragma once

#include <string>
#include <tuple>
#include <vector>

namespace picket {

struct AlertEvent;

// An event "TIME NAME" of one group, with the value of field `f` ("" for none).
using TestEvent = std::tuple<int64_t, std::string, std::string>;

// Detections a, b, c and d, which match events of their name; "ab" is an event of a and b. Then the
// correlation, whose body ends in a line break.
std::string correlation_rules(const std::string& body);

// "TIME TIME ": when alerts opened, all of them.
std::string opened(const std::vector<AlertEvent>& events);
std::string opened(const std::string& body, const std::vector<TestEvent>& events);

std::string event_line(const TestEvent& event);

// The first problem of the rule, "" when it has none.
std::string problem(const std::string& body);

}  // namespace picket
