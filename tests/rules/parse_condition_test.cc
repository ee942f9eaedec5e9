#include "rules/parse_condition.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

// A rule with selections a, b, c, x_1, x_2, x_3 and _h, each testing a field of its own name.
std::string rule_with(const std::string& condition) {
  std::string body;
  for (const char* name : {"a", "b", "c", "x_1", "x_2", "x_3", "_h"}) {
    body += std::string("  ") + name + ": {" + name + ": 1}\n";
  }
  return "title: t\ndetection:\n" + body + "  condition: " + condition + "\n";
}

std::string tree_of(const std::string& condition) {
  const RuleDocuments rules = read_text(rule_with(condition));
  for (const Diagnostic& d : rules.rejected) {
    if (d.severity == Severity::Error) return std::to_string(d.where.column) + ": " + d.message;
  }
  std::string text = dump(rules.detections.at(0).condition);
  for (size_t at = 0; (at = text.find(" = 1", at)) != std::string::npos;) text.erase(at, 4);
  return text;
}

TEST(Condition, BuildsTrees) {
  const std::pair<const char*, const char*> cases[] = {
      {"a", "a\n"},
      {"(((a)))", "a\n"},
      {"a and b", "and\n  a\n  b\n"},
      {"a AND NOT b", "and\n  a\n  not\n    b\n"},
      {"a or b and c", "or\n  a\n  and\n    b\n    c\n"},
      {"(a or b) and c", "and\n  or\n    a\n    b\n  c\n"},
      {"(a)or(b)", "or\n  a\n  b\n"},
      {"not a or not not b", "or\n  not\n    a\n  not\n    not\n      b\n"},
      {"1 of x*", "or\n  x_1\n  x_2\n  x_3\n"},
      {"any of x_*", "or\n  x_1\n  x_2\n  x_3\n"},
      {"all of x*", "and\n  x_1\n  x_2\n  x_3\n"},
      {"3 of x*", "and\n  x_1\n  x_2\n  x_3\n"},
      {"2 of x*",
       "or\n  and\n    x_1\n    x_2\n  and\n    x_1\n    x_3\n  and\n    x_2\n    x_3\n"},
      {"1 of *_2", "x_2\n"},
      {"1 of x_1", "x_1\n"},
      {"1 of *_*", "or\n  x_1\n  x_2\n  x_3\n"},
      {"1 of _*", "_h\n"},
      {"all of them", "and\n  a\n  b\n  c\n  x_1\n  x_2\n  x_3\n"},
      {"not 1 of x* and a", "and\n  not\n    or\n      x_1\n      x_2\n      x_3\n  a\n"},
      {"[a, b and c]", "or\n  a\n  and\n    b\n    c\n"},
  };
  for (const auto& [condition, expected] : cases) {
    EXPECT_EQ(tree_of(condition), expected) << condition;
  }
}

TEST(Condition, PointsAtTheProblem) {
  const std::pair<const char*, const char*> cases[] = {
      {"''", "15: the condition is empty"},
      {"d", "14: there is no selection 'd'"},
      {"a and d", "20: there is no selection 'd'"},
      {"'a and d'", "21: there is no selection 'd'"},
      {"a b", "16: expected 'and' or 'or' before 'b'"},
      {"a and", "19: the condition ends where a selection name belongs"},
      {"and a", "14: expected a selection name before 'and'"},
      {"not", "17: the condition ends where a selection name belongs"},
      {"(a or b", "14: this '(' is not closed"},
      {"a)", "15: this ')' closes nothing"},
      {"()", "15: expected a selection name before ')'"},
      {"x*", "14: there is no selection 'x*'"},
      {"1 of y*", "19: no selection matches 'y*'"},
      {"0 of x*", "14: expected 'all', 'any' or a number before 'of', found '0'"},
      {"some of x*", "14: expected 'all', 'any' or a number before 'of', found 'some'"},
      {"4 of x*", "14: 4 of 3 selections can never hold"},
      {"1 of", "18: 'of' needs 'them' or a name with '*'"},
      {"a | count() by b > 5",
       "16: aggregations in a condition ('| count() ...') left Sigma with version 2"},
      {"a | near b", "16: '| near' left Sigma with version 2"},
      {"1 of them | count() > 5",
       "24: aggregations in a condition ('| count() ...') left Sigma with version 2"},
      {"1 of (a, b)", "19: 'of' needs 'them' or a name with '*'"},
      {"1 of y* or b", "19: no selection matches 'y*'"},
      {"1 of _y*", "19: no selection matches '_y*'"},
      {"-1 of x*", "14: expected 'all', 'any' or a number before 'of', found '-1'"},
      {"a && b", "16: expected 'and' or 'or' before '&&'"},
      {"a and or b", "20: expected a selection name before 'or'"},
      {"[a, d]", "18: there is no selection 'd'"},
      {"|\n   a and\n   d\n", "14: there is no selection 'd'"},
      {"5", "14: there is no selection '5'"},
      {"null", "3: 'detection' needs a condition"},
      {"{a: b}", "14: a condition must be a text or a list of texts"},
      {"[]", "14: a condition must be a text or a list of texts"},
      {"[[a]]", "15: a condition must be a text"},
  };
  for (const auto& [condition, expected] : cases) {
    EXPECT_EQ(tree_of(condition), expected) << condition;
  }
}

TEST(Condition, GivesHints) {
  const RuleDocuments typo =
      read_detection_body("  selection: {a: 1}\n  condition: not selektion\n");
  ASSERT_EQ(typo.rejected.size(), 1U);
  EXPECT_EQ(typo.rejected[0].hint, "did you mean 'selection'?");
  EXPECT_EQ(typo.rejected[0].where.line, 4U);
  EXPECT_EQ(typo.rejected[0].where.column, 18U);
  const RuleDocuments glob = read_text(rule_with("x*"));
  EXPECT_EQ(glob.rejected.at(0).hint, "write '1 of x*' or 'all of x*'");
  const RuleDocuments pipe = read_text(rule_with("a | count() > 5"));
  EXPECT_EQ(pipe.rejected.at(0).hint, "write a rule with 'correlation:' that refers to this one");
}

TEST(Condition, WarnsOfUnusedSelections) {
  const RuleDocuments rules = read_text(rule_with("a and b and c and 1 of x_*"));
  ASSERT_EQ(rules.detections.size(), 1U);
  ASSERT_EQ(rules.rejected.size(), 1U);
  EXPECT_EQ(rules.rejected[0].severity, Severity::Warning);
  EXPECT_EQ(rules.rejected[0].message, "selection '_h' is not used by the condition");
  EXPECT_EQ(rules.rejected[0].where.line, 9U);
}

TEST(Condition, SelectionNamesWinOverWords) {
  const RuleDocuments rules =
      read_detection_body("  them: {a: 1}\n  all: {b: 1}\n  condition: them and all\n");
  ASSERT_TRUE(rules.rejected.empty()) << render(rules.rejected[0]);
  EXPECT_EQ(dump(rules.detections[0].condition), "and\n  a = 1\n  b = 1\n");
}

TEST(Condition, BoundsDepthAndSize) {
  const std::string deep = std::string(100'000, '(') + "a" + std::string(100'000, ')');
  EXPECT_NE(tree_of(deep).find("nested deeper than 64 levels"), std::string::npos);
  std::string nots;
  for (int i = 0; i < 100'000; ++i) nots += "not ";
  EXPECT_NE(tree_of(nots + "a").find("nested deeper than 64 levels"), std::string::npos);

  std::string body;
  for (int i = 0; i < 30; ++i) {
    body += "  s" + std::to_string(i) + ": {f" + std::to_string(i) + ": 1}\n";
  }
  const RuleDocuments many = read_detection_body(body + "  condition: 15 of s*\n");
  ASSERT_EQ(many.rejected.size(), 1U);
  EXPECT_EQ(many.rejected[0].message, "15 of 30 selections unfold to too many tests");

  std::string values = "x";
  for (int i = 0; i < 2000; ++i) values += ", x";
  std::string uses = "s";
  for (int i = 0; i < 1000; ++i) uses += " or s";
  const RuleDocuments large =
      read_detection_body("  s: {f: [" + values + "]}\n  condition: " + uses + "\n");
  ASSERT_EQ(large.rejected.size(), 1U);
  EXPECT_EQ(large.rejected[0].message, "the condition unfolds to too many tests");
}

// Values of a, b, c as bits of `world`.
bool evaluate(const MatchTree& tree, unsigned world) {
  switch (tree.kind) {
    case MatchTree::Kind::Leaf:
      return (world >> static_cast<unsigned>(tree.leaf.field[0] - 'a')) & 1U;
    case MatchTree::Kind::Not:
      return !evaluate(tree.children.at(0), world);
    case MatchTree::Kind::And:
      return std::all_of(tree.children.begin(), tree.children.end(),
                         [&](const MatchTree& child) { return evaluate(child, world); });
    case MatchTree::Kind::Or:
      return std::any_of(tree.children.begin(), tree.children.end(),
                         [&](const MatchTree& child) { return evaluate(child, world); });
  }
  return false;
}

// The obviously right evaluator: rewrites the text until one digit is left, innermost parentheses
// first, then all "not", then all "and", then all "or".
void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from)) != std::string::npos;) {
    text.replace(at, from.size(), to);
  }
}

bool rewrite(std::string text) {
  const auto flat = [](std::string part) {
    for (std::string before; before != part;) {
      before = part;
      replace_all(part, "not 0", "1");
      replace_all(part, "not 1", "0");
    }
    for (std::string before; before != part;) {
      before = part;
      replace_all(part, "0 and 1", "0");
      replace_all(part, "1 and 0", "0");
      replace_all(part, "0 and 0", "0");
      replace_all(part, "1 and 1", "1");
    }
    return part.find('1') != std::string::npos ? "1" : "0";
  };
  for (size_t close; (close = text.find(')')) != std::string::npos;) {
    const size_t open = text.rfind('(', close);
    text.replace(open, close - open + 1, flat(text.substr(open + 1, close - open - 1)));
  }
  return std::string(flat(text)) == "1";
}

// All conditions over four operands out of a, b, c, with every choice of operators, negations and
// one pair of parentheses.
std::vector<std::string> all_conditions() {
  const std::string names = "abc";
  std::vector<std::string> out;
  for (unsigned operators = 0; operators < 8; ++operators) {
    for (unsigned negations = 0; negations < 16; ++negations) {
      for (size_t open = 0; open < 4; ++open) {
        for (size_t close = open; close < 4; ++close) {
          for (const bool outside : {false, true}) {
            std::string text;
            for (size_t i = 0; i < 4; ++i) {
              if (i > 0) text += (operators >> (i - 1)) & 1U ? " and " : " or ";
              const std::string negation = (negations >> i) & 1U ? "not " : "";
              const std::string paren = i == open ? "(" : "";
              text += (outside ? negation + paren : paren + negation) + names[i % 3];
              if (i == close) text += ")";
            }
            out.push_back(text);
          }
        }
      }
    }
  }
  return out;
}

TEST(Condition, AgreesWithAnEvaluatorByRewriting) {
  size_t compared = 0;
  for (const std::string& condition : all_conditions()) {
    const RuleDocuments rules =
        read_text("title: t\ndetection:\n  a: {a: 1}\n  b: {b: 1}\n  c: {c: 1}\n  condition: \"" +
                  condition + "\"\n");
    ASSERT_EQ(rules.detections.size(), 1U) << condition;
    for (unsigned world = 0; world < 8; ++world) {
      std::string text = condition;
      // Single letters only: the operators contain a, b and c as parts of words.
      std::string digits;
      for (size_t i = 0; i < text.size(); ++i) {
        const bool alone = (i == 0 || text[i - 1] == ' ' || text[i - 1] == '(') &&
                           (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == ')');
        if (alone && text[i] >= 'a' && text[i] <= 'c') {
          digits += (world >> static_cast<unsigned>(text[i] - 'a')) & 1U ? '1' : '0';
        } else {
          digits += text[i];
        }
      }
      EXPECT_EQ(evaluate(rules.detections[0].condition, world), rewrite(digits))
          << condition << " with " << digits;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 8U * 16 * 10 * 2 * 8);
}

}  // namespace
}  // namespace picket
