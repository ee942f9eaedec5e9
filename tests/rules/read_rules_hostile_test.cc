// Rules that are wrong on purpose, or as large as an attacker would make them: a clear diagnostic
// or bounded work, never a hang or a crash.
#include <gtest/gtest.h>

#include <string>

#include "rules/rule_set.h"
#include "tests/rules/rule_text.h"
#include "tests/support/engine_run.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

// The first problem of a rule file, or "none". A message may quote a whole hostile text.
std::string problem(const std::string& text) {
  const RuleDocuments rules = read_text(text);
  return rules.rejected.empty() ? "none" : rules.rejected.front().message;
}

std::string problem_of_body(const std::string& body) {
  return problem("title: t\ndetection:\n" + body);
}

std::string problem_of_condition(const std::string& condition) {
  return problem_of_body("  s: {f: 1}\n  condition: " + condition + "\n");
}

// How many of `lines` match the only rule of `text`.
size_t matches(const std::string& text, const std::vector<std::string>& lines) {
  class Counter final : public EventObserver {
   public:
    void on_event(Event& /*event*/, const Refusal* /*refusal*/,
                  const std::vector<RuleId>& detections) override {
      count += detections.size();
    }
    size_t count = 0;
  };
  Counter counter;
  Processor processor(test_rules(text), &counter);
  for (const std::string& line : lines) {
    LineBatch batch;
    batch.bytes = PaddedBytes(line);
    HitBatch hits;
    processor.process(std::move(batch), {.fixed_schema = 0}, hits);
  }
  return counter.count;
}

TEST(HostileRules, UnknownModifiersAreNamed) {
  const RuleDocuments rules = read_detection_body("  s: {f|contians: x}\n  condition: s\n");
  ASSERT_EQ(rules.rejected.size(), 1U);
  EXPECT_EQ(rules.rejected[0].message, "unknown modifier 'contians'");
  EXPECT_EQ(rules.rejected[0].hint, "did you mean 'contains'?");
  EXPECT_EQ(rules.rejected[0].where.line, 3U);
}

TEST(HostileRules, DeepConditionsAreRefused) {
  const std::string deep = "nested deeper than 64 levels";
  EXPECT_EQ(problem_of_condition(repeated("not ", 100'000) + "s"), deep);
  EXPECT_EQ(problem_of_condition(repeated("(", 100'000) + "s" + repeated(")", 100'000)), deep);
  EXPECT_EQ(problem_of_condition(repeated("(", 60) + "s" + repeated(")", 60)), "none");
  EXPECT_EQ(problem_of_condition("s" + repeated(" or s", 20'000)), "none");
}

TEST(HostileRules, TenThousandSelectionsWork) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) {
    body += "  s" + std::to_string(i) + ": {f: v" + std::to_string(i) + "}\n";
  }
  const std::string rule = "title: t\ndetection:\n" + body + "  condition: 1 of s*\n";
  EXPECT_EQ(matches(rule, {R"({"t":1,"f":"v9999"})", R"({"t":1,"f":"v10000"})"}), 1U);
  EXPECT_NE(problem("title: t\ndetection:\n" + body + "  condition: 5000 of s*\n"), "none");
}

TEST(HostileRules, FiftyThousandValuesWork) {
  std::string values;
  for (int i = 0; i < 50'000; ++i) values += "      - value" + std::to_string(i) + "\n";
  const std::string head = "title: t\ndetection:\n  s:\n    f";
  const std::vector<std::string> lines = {
      R"({"t":1,"f":"value49999"})", R"({"t":1,"f":"value50000x"})", R"({"t":1,"f":"x value7 y"})"};
  EXPECT_EQ(matches(head + ":\n" + values + "  condition: s\n", lines), 1U);
  EXPECT_EQ(matches(head + "|contains:\n" + values + "  condition: s\n", lines), 3U);
}

TEST(HostileRules, VariantsAreBounded) {
  EXPECT_NE(problem_of_body("  s: {f|windash: '" + repeated(" -a", 30) + "'}\n  condition: s\n")
                .find("'windash' makes more than 4096 variants"),
            std::string::npos);
  std::string values(100, 'x');
  const Placeholders many = {{"p", std::vector<std::string>(100, values)}};
  const RuleDocuments rules =
      read_detection_body("  s: {f|expand: '%p%%p%%p%%p%'}\n  condition: s\n", many);
  ASSERT_EQ(rules.rejected.size(), 1U);
  EXPECT_EQ(rules.rejected[0].message, "the placeholders make too many values");
}

TEST(HostileRules, ValuesDoNotUnfoldToGigabytes) {
  // 3,125 variants for each of many values; three codes of each.
  const std::string dashes = "'-a -b -c -d -e', ";
  EXPECT_EQ(problem_of_body("  s: {f|windash|base64offset|contains: [" + repeated(dashes, 25) +
                            "]}\n  condition: s\n"),
            "the values of this rule make more than 200,000 tests");
  const std::string huge(1 << 20, 'x');
  EXPECT_EQ(problem_of_body("  s: {f|windash: '-a -b -c " + huge + "'}\n  condition: s\n"),
            "the variants that 'windash' makes are too long");
  const Placeholders large = {{"p", std::vector<std::string>(30, huge)}};
  const RuleDocuments rules =
      read_detection_body("  s: {f|expand|contains: '%p%'}\n  condition: s\n", large);
  ASSERT_EQ(rules.rejected.size(), 1U);
  EXPECT_EQ(rules.rejected[0].message, "the placeholders make too many values");
  std::string values;
  for (int i = 0; i < 10; ++i) values += "'-a -b " + std::string(600'000, 'x') + "', ";
  EXPECT_EQ(problem_of_body("  s: {f|windash: [" + values + "]}\n  condition: s\n"),
            "the values of this rule make more than 64 MiB of text");
}

TEST(HostileRules, AliasesDoNotUnfoldToGigabytes) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    text += repeated(", " + last, 9) + "]\n";
  }
  EXPECT_EQ(problem(text), "the aliases of this document unfold to too many values");
}

TEST(HostileRules, NumbersBeyondAllBoundsAreTextsOrRefused) {
  EXPECT_EQ(item_tree("f: 1e999"), "f ~ '1e999'\n");
  EXPECT_EQ(item_tree("f|gte: 1e999"), "error: 'f|gte' needs a number");
  EXPECT_EQ(item_tree("f|gte: " + repeated("9", 400)), "error: 'f|gte' needs a number");
}

TEST(HostileRules, HugeScalarsWork) {
  const std::string huge(1 << 20, 'x');
  const std::string rule = "title: t\ndetection:\n  s: {f: '" + huge + "'}\n  condition: s\n";
  EXPECT_EQ(
      matches(rule, {"{\"t\":1,\"f\":\"" + huge + "\"}", "{\"t\":1,\"f\":\"x" + huge + "\"}"}), 1U);
}

TEST(HostileRules, NestedRepetitionOnAMegabyteIsLinear) {
  const std::string rule = "title: t\ndetection:\n  s: {f|re: '(a+)+$'}\n  condition: s\n";
  const std::string huge(1 << 20, 'a');
  EXPECT_EQ(
      matches(rule, {"{\"t\":1,\"f\":\"" + huge + "!\"}", "{\"t\":1,\"f\":\"" + huge + "\"}"}), 1U);
}

TEST(HostileRules, MalformedExpressionsArePlaced) {
  const RuleDocuments rules = read_detection_body(
      "  s:\n    f|re:\n      - 'a+'\n      - 'a('\n      - '(?=a'\n  condition: s\n");
  ASSERT_EQ(rules.rejected.size(), 1U);
  EXPECT_EQ(rules.rejected[0].where.line, 6U);
  EXPECT_EQ(rules.rejected[0].where.column, 9U);
  EXPECT_NE(rules.rejected[0].message.find("regular expression 'a(' is malformed: missing )"),
            std::string::npos);
  EXPECT_NE(rules.rejected[0].message.find("line 7:9: regular expression '(?=a' is malformed"),
            std::string::npos);
  // Programs of gigabytes.
  EXPECT_NE(problem_of_body("  s: {f|re: '(((a{1000}){1000}){1000}){1000}'}\n  condition: s\n")
                .find("is malformed"),
            std::string::npos);
}

// On this line, a backtracking engine would try for longer than the world stands.
TEST(HostileRules, LookAroundIsReportedAndRunsInBoundedSteps) {
  RuleDocuments documents = read_detection_body("  s: {f|re: '^(?=a)(a|aa)+$'}\n  condition: s\n");
  ASSERT_TRUE(documents.rejected.empty());
  const auto rules = RuleSet::make(std::move(documents), {test_schema()});
  ASSERT_TRUE(rules);
  ASSERT_EQ((*rules)->rejected().size(), 1U);
  EXPECT_EQ((*rules)->rejected()[0].severity, Severity::Warning);
  EXPECT_NE((*rules)->rejected()[0].message.find("needs look-around"), std::string::npos);
  Processor processor(*rules, nullptr);
  LineBatch batch;
  batch.bytes = PaddedBytes("{\"t\":1,\"f\":\"" + std::string(1000, 'a') + "!\"}");
  HitBatch hits;
  processor.process(std::move(batch), {.fixed_schema = 0}, hits);
  EXPECT_EQ(hits.stats.regex_limits, 1U);
}

TEST(HostileRules, LargeFilesAreRefusedUnread) {
  EXPECT_EQ(problem(std::string((64 << 20) - 1, ' ')), "the file has 64 MiB; at most 32 are read");
  EXPECT_EQ(problem("title: [" + repeated("a,", 500'001) + "]"),
            "the file has more than 500,000 values");
}

TEST(HostileRules, FieldsAreBounded) {
  std::string fields;
  for (int i = 0; i < 21'000; ++i) fields += "f" + std::to_string(i) + ": 1, ";
  RuleDocuments documents =
      read_detection_body("  s: {f0: 1}\n  condition: s\n---\ntitle: u\ndetection:\n  s: {" +
                          fields + "}\n  condition: s\n");
  const auto rules = RuleSet::make(std::move(documents), {test_schema()});
  ASSERT_TRUE(rules);
  EXPECT_EQ((*rules)->rules().size(), 1U);
  ASSERT_EQ((*rules)->rejected().size(), 1U);
  EXPECT_EQ((*rules)->rejected()[0].message,
            "all rules together test more than 20,000 different fields");
}

std::string count_of(const std::string& name, const std::string& rule, const std::string& rest) {
  return "title: t\nname: " + name + "\ncorrelation: {type: event_count, rules: [" + rule + "], " +
         rest + "}\n---\n";
}

// The first problem once the rules were put together.
std::string problem_of_set(const std::string& text) {
  const auto rules = RuleSet::make(read_text(text), {test_schema()});
  return !rules || (*rules)->rejected().empty() ? "none" : (*rules)->rejected()[0].message;
}

TEST(HostileRules, CorrelationsThatCannotWorkAreRefused) {
  const std::string base = "title: t\nname: d\ndetection: {s: {f: 1}, condition: s}\n---\n";
  const std::string plain = "timespan: 1m, condition: {gte: 2}";
  EXPECT_EQ(problem_of_set(base + count_of("c", "d", plain)), "none");
  EXPECT_EQ(problem_of_set(base + count_of("c", "c", plain)),
            "the correlation refers to itself: c -> c");
  EXPECT_EQ(problem_of_set(base + count_of("c", "e", plain) + count_of("e", "c", plain)),
            "the correlation refers to itself: c -> e -> c");
  EXPECT_EQ(problem_of_set(base + count_of("c", "dd", plain)),
            "the correlation refers to 'dd', which is no rule");
  EXPECT_EQ(problem_of_set(base + count_of("c", "d", "timespan: 0s, condition: {gte: 2}")),
            "a timespan must be longer than nothing");
  EXPECT_EQ(problem_of_set(base + count_of("c", "d", "timespan: -5m, condition: {gte: 2}")),
            "a timespan must be longer than nothing");
  EXPECT_EQ(problem_of_set(base + count_of("c", "d", "timespan: 1m, condition: {gte: 1000000000}")),
            "the threshold is above 10000");
  EXPECT_EQ(problem_of_set(base + count_of("c", "d", "timespan: 1m, condition: {gt: 5, lt: 3}")),
            "nothing can satisfy the condition > 5, < 3");
  EXPECT_EQ(problem_of_set(base + count_of("c", "d", plain + ", aliases: {u: {d: x, dd: y}}")),
            "alias 'u' is for 'dd', which is none of the counted rules");
  EXPECT_EQ(problem_of_set(base +
                           count_of("c", "d", plain + ", group-by: [" + repeated("f, ", 33) + "]")),
            "a group or a value of more than 32 fields");
  // A chain as long as people can write it.
  std::string chain = base;
  for (int i = 0; i < 2'000; ++i) {
    chain += count_of("c" + std::to_string(i), i == 0 ? "d" : "c" + std::to_string(i - 1), plain);
  }
  EXPECT_EQ(problem_of_set(chain), "none");
}

TEST(HostileRules, TwinsAreReportedWithThePlaceOfTheOther) {
  const std::string rule = "id: 7\nname: n\ntitle: t\ndetection: {s: {f: 1}, condition: s}\n";
  const RuleDocuments rules = read_text(rule + "---\n" + rule);
  ASSERT_EQ(rules.rejected.size(), 2U);
  EXPECT_EQ(rules.detections.size(), 2U);
  EXPECT_EQ(rules.rejected[0].message, "the id '7' is also that of the rule at r.yml:1");
  EXPECT_EQ(rules.rejected[1].message, "the name 'n' is also that of the rule at r.yml:1");
  EXPECT_EQ(rules.rejected[1].where.line, 7U);
  EXPECT_EQ(rules.rejected[1].severity, Severity::Warning);
}

TEST(HostileRules, PlainRulesDoNotKeepTheirDocuments) {
  const RuleDocuments rules = read_text("title: t\ndetection: {s: {f: 1}, condition: s}\n");
  ASSERT_EQ(rules.files.size(), 1U);
  EXPECT_TRUE(rules.files[0].documents.empty());
  EXPECT_EQ(*rules.files[0].name, "r.yml");
  const RuleDocuments tested =
      read_text("title: t\ndetection: {s: {f: 1}, condition: s}\npicket: {tests: [{name: x}]}\n");
  ASSERT_EQ(tested.files[0].documents.size(), 1U);
  EXPECT_EQ(tested.detections[0].head.picket.tests->items().size(), 1U);
}

}  // namespace
}  // namespace picket
