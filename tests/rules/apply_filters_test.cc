#include "rules/apply_filters.h"

#include <gtest/gtest.h>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

// Rules `w` (windows, process_creation), `p` (windows), `l` (linux), `o` (no logsource) and the
// correlation `c`, then one filter with this logsource and these rules.
RuleDocuments filtered(const std::string& logsource, const std::string& rules) {
  const std::string body = "detection: {s: {f: 1}, condition: s}\n---\n";
  RuleDocuments documents = read_text(
      "title: W\nname: w\nid: 11\nlogsource: {product: windows, category: process_creation}\n" +
      body + "title: P\nname: p\nlogsource: {product: windows}\n" + body +
      "title: L\nname: l\nlogsource: {product: linux}\n" + body + "title: O\nname: o\n" + body +
      "title: C\nname: c\ncorrelation: {type: temporal, rules: [w], timespan: 1m}\n---\n"
      "title: F\nlogsource: {" +
      logsource + "}\nfilter:\n  rules: " + rules + "\n  s: {g: 2}\n  condition: not s\n");
  apply_filters(documents);
  return documents;
}

// The names of the rules that the filter narrowed.
std::string narrowed(const RuleDocuments& documents) {
  std::string names;
  for (const DetectionSpec& rule : documents.detections) {
    const std::string tree = dump(rule.condition);
    if (tree == "f = 1\n") continue;
    EXPECT_EQ(tree, "and\n  f = 1\n  not\n    g = 2\n");
    names += rule.head.name;
  }
  return names;
}

TEST(Filters, NarrowTheRulesOfTheirLogsource) {
  struct Case {
    const char* logsource;
    const char* rules;
    const char* narrowed;
  };
  const Case cases[] = {
      {"", "w", "w"},
      {"", "[p, 11]", "wp"},
      {"", "[w, 11, w]", "w"},
      {"", "any", "wplo"},
      {"product: windows", "any", "wp"},
      // A rule for all of windows is not about process creation alone.
      {"product: windows, category: process_creation", "any", "w"},
      {"category: process_creation", "any", "w"},
      {"category: dns", "any", ""},
      // A name says what is meant where the logsource leaves it open.
      {"product: windows, category: process_creation", "[w, p, o]", "wpo"},
      {"product: linux", "[any]", "l"},
      {"product: windows, service: x, definition: any prose", "[p]", "p"},
  };
  for (const Case& c : cases) {
    const RuleDocuments documents = filtered(c.logsource, c.rules);
    EXPECT_EQ(narrowed(documents), c.narrowed) << c.logsource << " " << c.rules;
    EXPECT_TRUE(documents.rejected.empty()) << c.rules;
  }
}

TEST(Filters, WhatTheyNameInVainIsReported) {
  struct Case {
    const char* logsource;
    const char* rules;
    const char* message;
    const char* hint;
  };
  const Case cases[] = {
      {"product: linux", "[l, w]", "the filter names 'w', which is for another logsource",
       "give the filter the logsource of the rule"},
      {"", "[l, '1']", "the filter names '1', which is no rule", "did you mean '11'?"},
      {"", "[l, c]", "the filter names the correlation 'c'",
       "name the rules that it counts, or write 'picket: {exceptions: ...}' in it"},
  };
  for (const Case& c : cases) {
    const RuleDocuments documents = filtered(c.logsource, c.rules);
    EXPECT_EQ(narrowed(documents), "l");
    ASSERT_EQ(documents.rejected.size(), 1U) << c.rules;
    EXPECT_EQ(documents.rejected[0].message, c.message);
    EXPECT_EQ(documents.rejected[0].hint, c.hint);
    EXPECT_EQ(documents.rejected[0].severity, Severity::Warning);
    EXPECT_EQ(documents.rejected[0].where.line, 25U);
  }
}

TEST(Filters, CopiesAreBounded) {
  std::string text;
  for (int i = 0; i < 30; ++i) {
    text += "title: t\ndetection: {s: {f: 1}, condition: s}\n---\n";
  }
  std::string values;
  for (int i = 0; i < 70'000; ++i) values += "x,";
  text += "title: F\nfilter: {rules: any, s: {f: [" + values + "]}, condition: not s}\n";
  RuleDocuments documents = read_text(text);
  apply_filters(documents);
  ASSERT_EQ(documents.rejected.size(), 1U);
  EXPECT_EQ(documents.rejected[0].message, "the filter is too large for the rules that it narrows");
  EXPECT_EQ(dump(documents.detections[0].condition), "f = 1\n");
}

}  // namespace
}  // namespace picket
