#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

TEST(ReadRules, ReadsADetectionRule) {
  const RuleDocuments rules = read_text(R"(title: Probe
id: 6f3e2d1c
name: probe
description: what it is
status: test
level: high
tags: [attack.discovery, x]
logsource: {product: unkey, service: api_requests, definition: "any prose"}
custom: {anything: goes}
detection:
  selection: {http.response.status_code: 403}
  condition: selection
)");
  ASSERT_TRUE(rules.rejected.empty()) << render(rules.rejected[0]);
  ASSERT_EQ(rules.detections.size(), 1U);
  const DetectionSpec& spec = rules.detections[0];
  EXPECT_EQ(spec.head.title, "Probe");
  EXPECT_EQ(spec.head.id, "6f3e2d1c");
  EXPECT_EQ(spec.head.name, "probe");
  EXPECT_EQ(spec.head.description, "what it is");
  EXPECT_EQ(spec.head.level, Level::High);
  EXPECT_EQ(spec.head.tags, (std::vector<std::string>{"attack.discovery", "x"}));
  EXPECT_EQ(spec.head.where.file, "r.yml");
  EXPECT_EQ(spec.head.where.line, 1U);
  EXPECT_EQ(spec.logsource.product, "unkey");
  EXPECT_EQ(spec.logsource.service, "api_requests");
  EXPECT_EQ(spec.logsource.category, "");
  EXPECT_EQ(dump(spec.condition), "http.response.status_code = 403\n");
}

CorrelationSpec read_one_correlation(const std::string& text) {
  RuleDocuments rules = read_text(text);
  for (const Diagnostic& d : rules.rejected) ADD_FAILURE() << render(d, *rules.files[0].text);
  return rules.correlations.empty() ? CorrelationSpec{} : rules.correlations[0];
}

TEST(ReadRules, ReadsAnEventCount) {
  const CorrelationSpec spec = read_one_correlation(R"(title: t
correlation:
  type: event_count
  rules: [a, b]
  group-by: [user, host]
  timespan: 5m
  aliases:
    user: {a: user.name, b: account}
  condition: {gte: 10, lt: 20.5}
  generate: true
)");
  EXPECT_EQ(spec.type, "event_count");
  EXPECT_EQ(spec.rules, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(spec.group_by, (std::vector<std::string>{"user", "host"}));
  EXPECT_EQ(spec.timespan, std::chrono::minutes(5));
  ASSERT_EQ(spec.aliases.size(), 1U);
  EXPECT_EQ(spec.aliases[0].alias, "user");
  EXPECT_EQ(spec.aliases[0].fields.at(1), (std::pair<std::string, std::string>{"b", "account"}));
  ASSERT_EQ(spec.condition.bounds.size(), 2U);
  EXPECT_EQ(spec.condition.bounds[0].first, Comparison::GreaterEqual);
  EXPECT_EQ(spec.condition.bounds[1].second, 20.5);
  EXPECT_TRUE(spec.generate);
  EXPECT_EQ(spec.options, nullptr);
}

TEST(ReadRules, ReadsOtherCorrelations) {
  const CorrelationSpec percentile = read_one_correlation(
      "title: t\ncorrelation: {type: value_percentile, rules: a, group_by: u, timeframe: 1h,\n"
      "  condition: {field: [x, y], percentile: 95, gt: 3}}\n");
  EXPECT_EQ(percentile.rules, std::vector<std::string>{"a"});
  EXPECT_EQ(percentile.group_by, std::vector<std::string>{"u"});
  EXPECT_EQ(percentile.condition.fields, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(percentile.condition.percentile, 95);
  const CorrelationSpec temporal = read_one_correlation(
      "title: t\ncorrelation: {type: temporal, rules: [a, b], timespan: 1h,\n"
      "  condition: a and not b}\n");
  EXPECT_EQ(temporal.condition.expression, "a and not b");
  EXPECT_FALSE(temporal.generate);
  RuleDocuments own = read_text(
      "title: t\ncorrelation: {group-by: u}\n"
      "picket: {correlation: {type: sequential_test, success: a, failure: b}}\n");
  ASSERT_EQ(own.correlations.size(), 1U) << render(own.rejected.at(0));
  EXPECT_EQ(own.correlations[0].type, "sequential_test");
  ASSERT_NE(own.correlations[0].options, nullptr);
  EXPECT_EQ(own.correlations[0].options->find("failure")->text(), "b");
}

TEST(ReadRules, ReadsTimespans) {
  const std::pair<const char*, int64_t> cases[] = {
      {"1s", 1},       {"90m", 5400},      {"2h", 7200},        {"7d", 604800},
      {"2w", 1209600}, {"1M", 30 * 86400}, {"1y", 365 * 86400}, {"10y", 3650 * 86400},
  };
  for (const auto& [text, seconds] : cases) {
    EXPECT_EQ(read_one_correlation(
                  std::string("title: t\ncorrelation: {type: temporal, rules: [a], timespan: ") +
                  text + "}\n")
                  .timespan,
              std::chrono::seconds(seconds));
  }
}

TEST(ReadRules, ReadsFilters) {
  const RuleDocuments rules = read_text(R"(title: f
logsource: {category: process_creation}
filter:
  rules: [r1, r2]
  known: {User|startswith: adm_}
  condition: not known
)");
  ASSERT_EQ(rules.filters.size(), 1U) << render(rules.rejected.at(0));
  EXPECT_EQ(rules.filters[0].rules, (std::vector<std::string>{"r1", "r2"}));
  EXPECT_EQ(rules.filters[0].logsource.category, "process_creation");
  EXPECT_EQ(dump(rules.filters[0].condition), "not\n  User ~ 'adm_*'\n");
}

TEST(ReadRules, ReadsSeveralDocumentsAndKeepsTheGoodOnes) {
  RuleDocuments rules;
  for (int i = 0; i < 20; ++i) {
    auto file = parse_yaml(
        "title: good\ndetection: {s: {f: 1}, condition: s}\npicket: {tests: [x]}\n"
        "---\n---\n"
        "title: bad\ndetection: {s: {f|x: 1, g|y: 2}, condition: t}\n"
        "---\ntitle: c\ncorrelation: {type: temporal, rules: [a], timespan: 1m}\n",
        "r" + std::to_string(i) + ".yml");
    ASSERT_TRUE(file);
    read_rules(*std::move(file), {}, rules);
  }
  EXPECT_EQ(rules.detections.size(), 20U);
  EXPECT_EQ(rules.correlations.size(), 20U);
  // One diagnostic per rejected rule, which tells of all its problems.
  ASSERT_EQ(rules.rejected.size(), 20U);
  const Diagnostic& d = rules.rejected[0];
  EXPECT_EQ(d.where.line, 7U);
  EXPECT_EQ(d.message,
            "unknown modifier 'x'; line 7:25: unknown modifier 'y'; "
            "line 7:45: there is no selection 't'");
  // Nodes that specs point to survive the growth of the list of files.
  EXPECT_EQ(rules.detections[0].head.picket.tests,
            rules.files[0].documents[0].find("picket")->find("tests"));
}

// What a file comes to: the conditions of its rules, or the place and text of the first problem.
struct FileCase {
  std::string text;
  std::string expected;
};

TEST(ReadRules, ReadsTheFormsOfYaml) {
  const std::string rule = "title: t\ndetection: {s: {f: 1}, condition: s}\n";
  const FileCase cases[] = {
      {"\xef\xbb\xbf" + rule, "f = 1\n"},
      {"title: t\r\ndetection:\r\n  s:\r\n    f: 1\r\n  condition: s\r\n", "f = 1\n"},
      {"---\n---\n# nothing\n---\n" + rule + "---\n---\n" + rule + "...\n", "f = 1\nf = 1\n"},
      {"", ""},
      {"# nothing\n", ""},
      {"- a\n---\n" + rule, "1:1 a rule must be a map"},
      {"text\n---\n" + rule, "1:1 a rule must be a map"},
      {"title: t\ndetection:\n\ts: {f: 1}\n",
       "3:1 not valid YAML: found character that cannot start any token while scanning for the "
       "next "
       "token that begins on line 3"},
      {"title: t\ndetection:\n  a: &x {f: 1}\n  b: *x\n  condition: all of them\n",
       "and\n  f = 1\n  f = 1\n"},
      {"title: t\ndetection:\n  a: &x {f: 1}\n  b: {<<: *x, g: 2}\n  condition: a and b\n",
       "4:7 merge keys ('<<') are not supported"},
      {"title: t\ndetection: {s: {f: 1, f: 2}, condition: s}\n", "2:23 duplicate key 'f'"},
      {"title: t\ndetection: {s: {f: 1}, s: {f: 2}, condition: s}\n", "2:24 duplicate key 's'"},
      // One field may be tested twice with other modifiers.
      {"title: t\ndetection: {s: {f|contains: a, f|endswith: b}, condition: s}\n",
       "and\n  f ~ '*a*'\n  f ~ '*b'\n"},
      {"title: t\ndetection: {s: {f: " + std::string(70, '[') + std::string(70, ']') + "}}\n",
       "2:81 nested deeper than 64 levels"},
      {"title: >\n  t\ndetection:\n  s:\n    f|contains: |-\n      a\n      b\n  condition: s\n",
       "f ~ '*a\\x0ab*'\n"},
      {"title: t\ndetection: {s: {f: !!str 5}, condition: s}\n", "f ~ '5'\n"},
      {"{title: t, detection: {s: {\"f\": \"1\"}, condition: s}}", "f ~ '1'\n"},
      {"title: t\ndetection: {s: {? [f] : 1}, condition: s}\n", "2:19 a key must be a plain text"},
      {"title: t\ndetection: {s: {~: 1}, condition: s}\n", "2:17 a key must be a plain text"},
      {"action: reset\n---\n" + rule, "1:9 'action' collections left Sigma with version 2"},
      {"action: repeat\ntitle: t\n", "1:9 'action' collections left Sigma with version 2"},
  };
  for (const FileCase& c : cases) {
    const RuleDocuments rules = read_text(c.text);
    std::string found;
    if (rules.rejected.empty()) {
      for (const DetectionSpec& spec : rules.detections) found += dump(spec.condition);
    } else {
      const Diagnostic& d = rules.rejected[0];
      found = fmt::format("{}:{} {}", d.where.line, d.where.column, d.message);
    }
    EXPECT_EQ(found, c.expected) << c.text;
  }
}

TEST(ReadRules, WarnsOfWhatLooksLikeATypo) {
  const FileCase cases[] = {
      {"status: done", "1:9 unknown status 'done' ()"},
      {"status: experimentel", "1:9 unknown status 'experimentel' (did you mean 'experimental'?)"},
      {"status: deprecated", ""},
      {"lvel: high", "1:1 unknown key 'lvel' in a rule (did you mean 'level'?)"},
      {"pickets: {mode: shadow}", "1:1 unknown key 'pickets' in a rule (did you mean 'picket'?)"},
      {"logsource: {prodcut: windows}",
       "1:13 unknown key 'prodcut' in logsource (did you mean 'product'?)"},
      {"logsource: {product: windows, definition: any, vendor: acme}", ""},
      {"our_ticket: 17\nregression_tests_path: x\ncustom_attributes: {a: b}", ""},
      {"date: 2026/01/31\nmodified: 2026-01-31\nlicense: MIT\nrelated: [{id: 1, type: derived}]",
       ""},
  };
  for (const FileCase& c : cases) {
    const RuleDocuments rules =
        read_text(c.text + "\ntitle: t\ndetection: {s: {f: 1}, condition: s}\n");
    EXPECT_EQ(rules.detections.size(), 1U) << c.text;
    std::string found;
    for (const Diagnostic& d : rules.rejected) {
      EXPECT_EQ(d.severity, Severity::Warning);
      found += fmt::format("{}:{} {} ({})", d.where.line, d.where.column, d.message, d.hint);
    }
    EXPECT_EQ(found, c.expected) << c.text;
  }
}

struct BadRule {
  std::string text;
  uint32_t line;
  uint32_t column;
  std::string message;
  std::string hint;
};

const std::string kCorrelation = "title: t\ncorrelation:\n";

std::vector<BadRule> bad_rules() {
  return {
      {"- a\n", 1, 1, "a rule must be a map", ""},
      {"title: t\n", 1, 1, "the document has no 'detection', 'correlation' or 'filter'", ""},
      {"title: t\ndetektion: {}\n", 1, 1,
       "the document has no 'detection', 'correlation' or 'filter'", "did you mean 'detection'?"},
      {"detection: {s: {f: 1}, condition: s}\n", 1, 1, "a rule needs a title", ""},
      {"title:\ndetection: {s: {f: 1}, condition: s}\n", 1, 1, "a rule needs a title", ""},
      {"title: [a]\ndetection: {s: {f: 1}, condition: s}\n", 1, 8, "expected a text, found a list",
       ""},
      {"title: t\nlevel: hihg\ndetection: {s: {f: 1}, condition: s}\n", 2, 8,
       "unknown level 'hihg'", "did you mean 'high'?"},
      {"title: t\nlogsource: windows\ndetection: {s: {f: 1}, condition: s}\n", 2, 12,
       "'logsource' must be a map", ""},
      {"title: t\ndetection: [a]\n", 2, 12,
       "'detection' must be a map of selections and a condition", ""},
      {"title: t\ndetection: {s: {f: 1}}\n", 2, 12, "'detection' needs a condition", ""},
      {"title: t\ndetection: {s: {f: 1}, timeframe: 5m, condition: s}\n", 2, 24,
       "'timeframe' left the detection part of Sigma with version 2",
       "write a rule with 'correlation:' that refers to this one"},
      {"action: global\ntitle: t\n", 1, 9, "'action' collections left Sigma with version 2",
       "write each rule out, or use a 'correlation:' or 'filter:' document"},
      {"title: t\ndetection: {}\ncorrelation: {}\n", 1, 1,
       "a document is one of detection, correlation and filter, not several", ""},
      {"title: t\nfilter: {rules: a}\n", 2, 9, "'filter' needs a condition", ""},
      {"title: t\nfilter: {s: {f: 1}, condition: s}\n", 2, 9,
       "'filter' needs the rules that it narrows",
       "list names or ids under 'rules', or write 'rules: any'"},
      {"title: t\nfilter: {rules: [], s: {f: 1}, condition: s}\n", 2, 17,
       "'filter' needs the rules that it narrows",
       "list names or ids under 'rules', or write 'rules: any'"},
      {"title: t\nfilter: {rules: [{a: b}], s: {f: 1}, condition: s}\n", 2, 18,
       "expected a text, found a map", ""},
      {"title: t\ncorrelation: x\n", 2, 14, "expected a map for correlation, found 'x'", ""},
      {kCorrelation + "  type: event_cuont\n", 3, 9, "unknown correlation type 'event_cuont'",
       "did you mean 'event_count'?"},
      {kCorrelation + "  type: sequential_test\n", 3, 9,
       "unknown correlation type 'sequential_test'",
       "types beyond Sigma belong under 'picket: {correlation: {type: ...}}'"},
      {kCorrelation + "  type: temporal\n  rules: a\n", 3, 3,
       "a correlation of type 'temporal' needs 'timespan'", ""},
      {kCorrelation + "  type: temporal\n  rules: a\n  timespan: 0s\n", 5, 13,
       "a timespan must be longer than nothing", ""},
      {kCorrelation + "  type: temporal\n  rules: a\n  timespan: 11y\n", 5, 13,
       "a timespan may not exceed ten years", ""},
      {kCorrelation + "  type: temporal\n  rules: a\n  timespan: 99999999999999999w\n", 5, 13,
       "a timespan may not exceed ten years", ""},
      {kCorrelation + "  type: temporal\n  rules: a\n  timespan: 5 minutes\n", 5, 13,
       "a timespan is a whole number and one of s, m, h, d, w, M, y",
       "for example 10m; M is a month, m a minute"},
      {kCorrelation + "  type: temporal\n  rules: a\n  timespan: 5m\n  grup-by: x\n", 6, 3,
       "unknown key 'grup-by' in correlation", "did you mean 'group-by'?"},
      {kCorrelation + "  type: event_count\n  rules: a\n  timespan: 5m\n", 3, 3,
       "a correlation of type 'event_count' needs 'condition'", ""},
      {kCorrelation + "  type: event_count\n  rules: a\n  timespan: 5m\n  condition: {get: 3}\n", 6,
       15, "unknown key 'get' in condition", "did you mean 'gt'?"},
      {kCorrelation + "  type: value_count\n  rules: a\n  timespan: 5m\n  condition: {gte: 3}\n", 3,
       3, "a correlation of type 'value_count' needs 'condition.field'", ""},
      {kCorrelation + "  type: event_count\n  rules: a\n  timespan: 5m\n  timeframe: 5m\n"
                      "  condition: {gte: 3}\n",
       6, 14, "'timespan' and 'timeframe' are the same thing; write one", ""},
      {"title: t\ncorrelation: {}\npicket: {correlation: {success: a}}\n", 3, 23,
       "'picket.correlation' needs 'type'", ""},
  };
}

TEST(ReadRules, RejectsWithPlaceReasonAndHint) {
  for (const BadRule& c : bad_rules()) {
    const RuleDocuments rules = read_text(c.text);
    ASSERT_EQ(rules.rejected.size(), 1U) << c.text;
    const Diagnostic& d = rules.rejected[0];
    EXPECT_EQ(d.message.substr(0, d.message.find("; line")), c.message) << c.text;
    EXPECT_EQ(d.hint, c.hint) << c.text;
    EXPECT_EQ(d.where.line, c.line) << c.text;
    EXPECT_EQ(d.where.column, c.column) << c.text;
    EXPECT_TRUE(rules.detections.empty() && rules.correlations.empty() && rules.filters.empty());
  }
}

}  // namespace
}  // namespace picket
