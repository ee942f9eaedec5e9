#include "rules/explain_match.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

// Explains the condition of the first rule on every event.
class Explain final : public EventObserver {
 public:
  explicit Explain(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)) {}
  void on_event(Event& event, const Refusal*, const std::vector<RuleId>& detections) override {
    const DetectionSpec& spec = rules_->documents().detections.front();
    const MatchExplanation why = explain_match(spec.condition, rules_->fields(), event);
    EXPECT_EQ(why.holds, !detections.empty()) << "the engine comes to another answer";
    text += why.text;
  }
  std::string text;

 private:
  std::shared_ptr<const RuleSet> rules_;
};

std::string explain(const std::string& detection, const std::string& event) {
  auto rules =
      make_rules("title: X\nlogsource: {product: test}\ndetection:\n" + detection, {kTestSchema});
  if (!rules) return {};
  Explain observer(rules);
  Processor processor(rules, &observer);
  LineBatch batch;
  batch.bytes = PaddedBytes(event);
  HitBatch out;
  processor.process(std::move(batch), {.fixed_schema = 0}, out);
  return observer.text;
}

TEST(ExplainMatch, MarksWhatDecides) {
  const char kRule[] =
      "  paths: {p|contains: [delete, drop]}\n  own: {who|startswith: ci-}\n"
      "  condition: paths and not own\n";
  EXPECT_EQ(explain(kRule, R"({"t":1,"p":"/drop/x","who":"ci-7"})"),
            "> false all of\n"
            "  true    paths: any of\n"
            "  false     p|contains: delete   <- '/drop/x'\n"
            "  true      p|contains: drop   <- '/drop/x'\n"
            "> false   not\n"
            "> true      own: who|startswith: ci-   <- 'ci-7'\n");
  EXPECT_EQ(explain(kRule, R"({"t":1,"p":"/drop/x"})"),
            "> true  all of\n"
            "> true    paths: any of\n"
            "  false     p|contains: delete   <- '/drop/x'\n"
            "> true      p|contains: drop   <- '/drop/x'\n"
            "> true    not\n"
            "> false     own: who|startswith: ci-   <- absent\n");
}

TEST(ExplainMatch, WritesEveryTestAsARuleWould) {
  const char kRule[] =
      "  s:\n    a|endswith: x\n    b|cased: 'Y'\n    c|re|i: '^z'\n    d|cidr: 10.0.0.0/8\n"
      "    e|exists: true\n    f|gte: 5\n    g: null\n    h: 7\n    i|fieldref: j\n"
      "    k: a*b?c\n    l: true\n  condition: s\n";
  EXPECT_EQ(
      explain(kRule, R"({"t":1,"a":"wx","b":"Y","c":"Zz","d":"10.1.2.3","e":[1],"f":5,"h":"7",)"
                     R"("i":1,"j":1,"k":"a\u001bbxc","l":true})"),
      "> true  s: all of\n"
      "> true    a|endswith: x   <- 'wx'\n"
      "> true    b|cased: Y   <- 'Y'\n"
      "> true    c|re|i: ^z   <- 'Zz'\n"
      "> true    d|cidr: 10.0.0.0/8   <- '10.1.2.3'\n"
      "> true    e|exists: true   <- [1]\n"
      "> true    f|gte: 5   <- 5\n"
      "> true    g: null   <- absent\n"
      "> true    h: 7   <- '7'\n"
      "> true    i|fieldref: j   <- 1, other 1\n"
      "> true    k: a*b?c   <- 'a\\u001bbxc'\n"
      "> true    l: true   <- true\n");
}

TEST(ExplainMatch, CountsWhatDecidesNothing) {
  std::string values;
  for (int i = 0; i < 40; ++i) values += (i ? ", v" : "v") + std::to_string(i);
  const std::string text =
      explain("  s: {e: [" + values + "]}\n  condition: s\n", R"({"t":1,"e":"v39"})");
  EXPECT_NE(text.find("> true    e: v39   <- 'v39'\n"), text.npos) << text;
  EXPECT_NE(text.find("  false   (33 more)\n"), text.npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 9) << text;
}

}  // namespace
}  // namespace picket
