#include "rules/read_match.h"

#include <gtest/gtest.h>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

// The tree of the selection `s`, whose body is indented by four.
std::string selection_tree(const std::string& body) {
  const RuleDocuments rules = read_detection_body("  s:\n" + body + "\n  condition: s\n");
  if (rules.rejected.empty()) return dump(rules.detections.at(0).condition);
  const Diagnostic& d = rules.rejected.front();
  return std::to_string(d.where.line) + ":" + std::to_string(d.where.column) + ": " + d.message;
}

TEST(ReadMatch, TypesBareValues) {
  const std::pair<const char*, const char*> cases[] = {
      {"f: abc", "f ~ 'abc'\n"},
      {"f: ''", "f ~ ''\n"},
      {"f: null", "f is null\n"},
      {"f:", "f is null\n"},
      {"f: 'null'", "f ~ 'null'\n"},
      {"f: true", "f = true\n"},
      {"f: False", "f = false\n"},
      {"f: 'true'", "f ~ 'true'\n"},
      {"f: yes", "f ~ 'yes'\n"},
      {"f: 4688", "f = 4688\n"},
      {"f: '4688'", "f ~ '4688'\n"},
      {"f: -1", "f = -1\n"},
      {"f: 0", "f = 0\n"},
      {"f: 1.5", "f = 1.5\n"},
      {"f: 1.5e3", "f = 1500\n"},
      // These are numbers to some YAML readers only; a log holds them as texts.
      {"f: 007", "f ~ '007'\n"},
      {"f: 0x1f", "f ~ '0x1f'\n"},
      {"f: 1e3", "f ~ '1e3'\n"},
      {"f: 1.", "f ~ '1.'\n"},
      {"f: +1", "f ~ '+1'\n"},
      {"f: 1.2.3", "f ~ '1.2.3'\n"},
      {"f: -x", "f ~ '-x'\n"},
      {"f: .inf", "f ~ '.inf'\n"},
      {"f: 9007199254740993", "f ~ '9007199254740993'\n"},
      {"f.g.h: x", "f.g.h ~ 'x'\n"},
      {"f: [a, 1, null, true]", "or\n  f ~ 'a'\n  f = 1\n  f is null\n  f = true\n"},
  };
  for (const auto& [item, expected] : cases) EXPECT_EQ(item_tree(item), expected) << item;
}

TEST(ReadMatch, CombinesMapsAndLists) {
  EXPECT_EQ(selection_tree("    a: 1\n    b: 2"), "and\n  a = 1\n  b = 2\n");
  EXPECT_EQ(selection_tree("    - a: 1\n      b: 2\n    - c: 3"),
            "or\n  and\n    a = 1\n    b = 2\n  c = 3\n");
  EXPECT_EQ(selection_tree("    - - a: 1\n      - b: 2\n    - c: 3"),
            "4:7: a list within a list is not Sigma");
}

TEST(ReadMatch, ReadsKeywords) {
  EXPECT_EQ(selection_tree("    - evil\n    - 'a*b'\n    - 42"),
            "or\n  any value ~ '*evil*'\n  any value ~ '*a*b*'\n  any value ~ '*42*'\n");
  EXPECT_EQ(selection_tree("    one word"), "any value ~ '*one word*'\n");
  EXPECT_EQ(selection_tree("    '|all':\n      - a\n      - b"),
            "and\n  any value ~ '*a*'\n  any value ~ '*b*'\n");
  EXPECT_EQ(selection_tree("    '|re': 'x+'"), "any value re 'x+'\n");
  EXPECT_EQ(selection_tree("    '|startswith': x"), "any value ~ 'x*'\n");
  EXPECT_EQ(selection_tree("    - evil\n    - f: 1"), "or\n  any value ~ '*evil*'\n  f = 1\n");
}

TEST(ReadMatch, RefusesSelectionsThatSayNothing) {
  EXPECT_EQ(selection_tree("    {}"), "4:5: an empty selection would match everything");
  EXPECT_EQ(selection_tree("    []"), "4:5: an empty selection would match everything");
  EXPECT_EQ(selection_tree(""), "3:3: an empty selection would match everything");
  EXPECT_EQ(selection_tree("    f: []"), "4:8: an empty list matches nothing");
  EXPECT_EQ(selection_tree("    - a\n    - ~"), "5:7: an empty selection would match everything");
  EXPECT_EQ(selection_tree("    f: {g: h}"),
            "4:8: a value of 'f' must be a text, a number, true, false or null");
  EXPECT_EQ(selection_tree("    f: [[a]]"),
            "4:9: a value of 'f' must be a text, a number, true, false or null");
}

}  // namespace
}  // namespace picket
