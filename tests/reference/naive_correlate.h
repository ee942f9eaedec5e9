// WARNING: slow on purpose. Linked into tests only.
//
// Rules and events in, alerts out, read literally from docs/rules.md: each event is matched against
// each rule, each correlation keeps the list of all hits of each group, and each question is
// answered from that list (naive_judge.h).
//
// Time passes with the events. What is decided at a moment E is decided when an event with a later
// time turns up, before that event is looked at; at the end of the input the newest event's time is
// as far as time got.
//
// Thread rule: pure functions.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules/rule_spec.h"
#include "tests/reference/naive_match.h"

namespace picket {

struct NaiveAlert {
  std::string rule;  // its name
  std::vector<std::pair<std::string, std::string>> group{};
  Timestamp starts_at{};
  std::optional<Timestamp> ends_at{};  // nothing: firing when the input ended
  auto operator<=>(const NaiveAlert&) const = default;
};

// "rule {field=value, …} start - end", times as milliseconds since the epoch.
std::string to_text(const NaiveAlert& alert);

// The alerts in the order (starts_at, rule, group). `arrivals` are in the order in which they were
// read; one that is more than `lateness` older than the newest before it is late.
std::vector<NaiveAlert> naive_correlate(const RuleDocuments& rules,
                                        const std::vector<NaiveEvent>& arrivals, Duration lateness);

}  // namespace picket
