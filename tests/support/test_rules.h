// A small rule set in memory: a raw-like schema and rules given as YAML.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "rules/rule_set.h"

namespace picket {

// Schema "t": time in ms under "t", actor = field "who", field names are raw paths.
inline Schema test_schema(Duration lateness = Duration(0)) {
  Schema schema;
  schema.name = "t";
  schema.recognise = {{"t"}};
  schema.time = {{.path = "t"}};
  schema.lateness = lateness;
  schema.actor = {{"user.id"}};
  schema.fields = {{"user.id", {{.source = {.path = "who"}}}}};
  return schema;
}

inline std::shared_ptr<const RuleSet> test_rules(const std::string& yaml,
                                                 Duration lateness = Duration(0)) {
  RuleDocuments documents;
  Result<YamlFile> file = parse_yaml(yaml, "rules.yml");
  EXPECT_TRUE(file.has_value());
  read_rules(*std::move(file), {}, documents);
  auto rules = RuleSet::make(std::move(documents), {test_schema(lateness)});
  EXPECT_TRUE(rules.has_value());
  for (const Diagnostic& problem : (*rules)->rejected()) ADD_FAILURE() << render(problem);
  return *rules;
}

// "three fails of one user within 10 s" over events {"t":..,"who":..,"fail":..}.
inline const std::string kThreeFails = R"(
title: Fail
name: fail
id: 11111111-1111-4111-8111-111111111111
detection:
  selection: {fail: 1}
  condition: selection
---
title: Three fails
name: three_fails
id: 22222222-2222-4222-8222-222222222222
correlation:
  type: event_count
  rules: [fail]
  group-by: [actor]
  timespan: 10s
  condition: {gte: 3}
level: high
)";

}  // namespace picket
