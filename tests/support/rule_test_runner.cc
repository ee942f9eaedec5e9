#include "tests/support/rule_test_runner.h"

#include <fmt/format.h>

#include <optional>

#include "rules/engine.h"
#include "rules/processor.h"

namespace picket {
namespace {

// What classify said of one event.
struct Named {
  bool refused = false;
  RuleId rule = 0;
  std::string code = {};
  Classification classification = {};
};

class Recorder final : public EventObserver {
 public:
  void on_event(Event&, const Refusal* refusal, const std::vector<RuleId>&) override {
    Named named;
    if (refusal) {
      named = {true, refusal->rule, std::string(refusal->code), *refusal->classification};
    }
    events.push_back(std::move(named));
  }
  std::vector<Named> events;
};

struct Outcome {
  std::vector<Named> events;
  std::vector<Alert> opened;  // by the rule of the test, as they stood last
  size_t dead = 0;
};

Outcome outcome_of(const std::shared_ptr<const RuleSet>& rules, RuleId rule, int schema,
                   const std::string& text) {
  Recorder recorder;
  Processor processor(rules, &recorder);
  Engine engine(rules, {"test"}, {.live = false, .track_changes = false});
  engine.add_stream(0, std::nullopt);
  LineBatch batch;
  batch.bytes = PaddedBytes(text);
  HitBatch hits;
  processor.process(std::move(batch), {.fixed_schema = schema}, hits);
  std::vector<AlertEvent> changes;
  engine.process(hits, Timestamp{}, changes);
  engine.finish(changes);
  Outcome outcome{.events = std::move(recorder.events), .dead = hits.dead.size()};
  const RuleHead& head = *rules->rules()[rule].head;
  for (const AlertEvent& change : changes) {
    const Alert& alert = change.alert;
    if (alert.rule.id != head.id || alert.rule.title != head.title) continue;
    if (change.change == AlertChange::Opened) {
      outcome.opened.push_back(alert);
      continue;
    }
    for (Alert& known : outcome.opened) {
      if (known.id == alert.id) known = alert;
    }
  }
  return outcome;
}

class Checker {
 public:
  Checker(const Outcome& outcome, std::vector<std::string>& problems)
      : outcome_(outcome), problems_(problems) {}

  // `by`: the rule that has to name the refusals, or nothing.
  void classify(const Node& expected, std::optional<RuleId> by) {
    bool none = expected.is_scalar() && expected.text() == "none";
    for (size_t i = 0; i < outcome_.events.size(); ++i) {
      const Named& named = outcome_.events[i];
      if (none || !named.refused) {
        if (none == !named.refused) continue;
        report(fmt::format("event {} is {}", i + 1,
                           named.refused ? "refused as " + named.classification.cause
                                         : std::string("no refusal")));
        continue;
      }
      if (by && named.rule != *by) report(fmt::format("event {} is named by another rule", i + 1));
      names(named, expected, i + 1);
    }
    if (outcome_.events.empty()) report("there are no events");
  }

  void alerts(const Node& expect) {
    const Node* count = expect.find("alerts");
    auto opened = std::to_string(outcome_.opened.size());
    if (count && count->text() != opened) {
      report(fmt::format("{} alerts opened, expected {}", opened, count->text()));
    }
    for (const Alert& alert : outcome_.opened) {
      same(expect.find("severity"), to_text(alert.severity), "severity");
      same(expect.find("verdict"), to_text(alert.verdict), "verdict");
      if (const Node* labels = expect.find("labels")) check_labels(*labels, alert);
    }
  }

 private:
  void report(std::string problem) { problems_.push_back(std::move(problem)); }

  void same(const Node* expected, std::string_view found, std::string_view what) {
    if (!expected || expected->text() == found) return;
    report(fmt::format("{} is '{}', expected '{}'", what, found, expected->text()));
  }

  void names(const Named& named, const Node& expected, size_t event) {
    const Classification& c = named.classification;
    auto prefix = fmt::format("event {}: ", event);
    same(expected.find("cause"), c.cause, prefix + "cause");
    same(expected.find("code"), named.code, prefix + "code");
    same(expected.find("scenario"), c.scenario, prefix + "scenario");
    same(expected.find("mistake"), std::to_string(c.mistake), prefix + "mistake");
  }

  void check_labels(const Node& labels, const Alert& alert) {
    for (const Node::Entry& entry : labels.entries()) {
      std::string name = label_name(entry.key.text());
      std::string found = "(none)";
      for (const auto& [label, value] : alert.labels) {
        if (label == name) found = value;
      }
      same(&entry.value, found, "label " + name);
    }
  }

  const Outcome& outcome_;
  std::vector<std::string>& problems_;
};

}  // namespace

RuleTestResult RuleTestRunner::run_one(RuleId rule, const Node& test) const {
  const RuleInfo& info = rules_->rules()[rule];
  const Node* name = test.find("name");
  const Node* events = test.find("events");
  const Node* expect = test.find("expect");
  const Node* schema = test.find("schema");
  RuleTestResult result{
      .rule = info.head->title, .name = name ? name->text() : "(unnamed)", .where = test.where()};
  if (!events || !events->is_scalar() || !expect || !expect->is_map()) {
    result.problems.emplace_back("a test needs 'events' as text and a map 'expect'");
    return result;
  }
  int id = schema ? rules_->find_schema(schema->text()) : -1;
  if (schema && id < 0) {
    result.problems.push_back("there is no schema '" + schema->text() + "'");
    return result;
  }
  Outcome outcome = outcome_of(rules_, rule, id, events->text());
  if (outcome.dead > 0) {
    result.problems.push_back(fmt::format("{} lines could not be decoded", outcome.dead));
  }
  Checker checker(outcome, result.problems);
  if (const Node* classify = expect->find("classify")) {
    bool own = info.kind == RuleKind::Classify;
    checker.classify(*classify, own ? std::optional(rule) : std::nullopt);
  }
  checker.alerts(*expect);
  return result;
}

std::vector<RuleTestResult> RuleTestRunner::run(RuleId rule) const {
  std::vector<RuleTestResult> results;
  const Node* tests = rules_->rules()[rule].head->picket.tests;
  if (!tests) return results;
  for (const Node& test : tests->items()) results.push_back(run_one(rule, test));
  return results;
}

std::vector<RuleTestResult> RuleTestRunner::run() const {
  std::vector<RuleTestResult> results;
  for (RuleId rule = 0; rule < rules_->rules().size(); ++rule) {
    for (RuleTestResult& result : run(rule)) results.push_back(std::move(result));
  }
  return results;
}

}  // namespace picket
