#include "daemon/rule_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "daemon/test_events.h"
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
  explicit Recorder(RuleId rule) : rule_(rule) {}

  void on_event(Event&, const Refusal* refusal, const std::vector<RuleId>& detections) override {
    Named named;
    if (refusal) {
      named = {true, refusal->rule, std::string(refusal->code), *refusal->classification};
    }
    const bool listed = std::find(detections.begin(), detections.end(), rule_) != detections.end();
    if (listed || (refusal && refusal->rule == rule_)) ++matches;
    events.push_back(std::move(named));
  }

  std::vector<Named> events;
  uint64_t matches = 0;

 private:
  RuleId rule_;
};

struct Outcome {
  std::vector<Named> events;
  std::vector<Alert> opened;  // by the rule of the test, as they stood last
  uint64_t matches = 0;
  size_t dead = 0;
  Timestamp start{};
};

void collect_alerts(const RuleHead& head, const std::vector<AlertEvent>& changes,
                    std::vector<Alert>& opened) {
  for (const AlertEvent& change : changes) {
    const Alert& alert = change.alert;
    if (alert.rule.id != head.id || alert.rule.title != head.title) continue;
    if (change.change == AlertChange::Opened) {
      opened.push_back(alert);
      continue;
    }
    for (Alert& known : opened) {
      if (known.id == alert.id) known = alert;
    }
  }
}

Outcome outcome_of(const std::shared_ptr<const RuleSet>& rules, RuleId rule, int schema,
                   const TestEvents& events) {
  Recorder recorder(rule);
  Processor processor(rules, &recorder);
  Engine engine(rules, {"test"}, {.live = false, .track_changes = false, .show_shadow = true});
  engine.add_stream(0, std::nullopt);
  LineBatch batch;
  batch.bytes = PaddedBytes(events.lines);
  HitBatch hits;
  processor.process(std::move(batch), {.fixed_schema = schema}, hits);
  std::vector<AlertEvent> changes;
  engine.process(hits, Timestamp{}, changes);
  engine.finish(changes);
  Outcome outcome{.events = std::move(recorder.events),
                  .matches = recorder.matches,
                  .dead = hits.dead.size(),
                  .start = events.start};
  const RuleInfo& info = rules->rules()[rule];
  if (info.kind == RuleKind::Correlation) outcome.matches = engine.stats().rules[rule].matches;
  collect_alerts(*info.head, changes, outcome.opened);
  return outcome;
}

// "1 event", "2 events"
std::string counted(uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

class Checker {
 public:
  Checker(const Outcome& outcome, Diagnostics& problems) : outcome_(outcome), problems_(problems) {}

  // `by`: the rule that has to name the refusals, or nothing.
  void classify(const Node& expected, std::optional<RuleId> by) {
    const bool none = expected.is_scalar() && expected.text() == "none";
    if (!none && !expected.is_map()) {
      return report(expected, "'classify' must be 'none' or a map of names");
    }
    for (size_t i = 0; i < outcome_.events.size(); ++i) {
      const Named& named = outcome_.events[i];
      if (none || !named.refused) {
        if (none == !named.refused) continue;
        report(expected, fmt::format("event {} is {}", i + 1,
                                     named.refused ? "refused as " + named.classification.cause
                                                   : std::string("no refusal")));
        continue;
      }
      if (by && named.rule != *by) {
        report(expected, fmt::format("event {} is named by another rule", i + 1));
      }
      names(named, expected, i + 1);
    }
    if (outcome_.events.empty()) report(expected, "there are no events");
  }

  void matches(const Node& expected) {
    const std::string found = std::to_string(outcome_.matches);
    if (!expected.is_scalar() || expected.text() != found) {
      report(expected, fmt::format("{} matched, expected {}", counted(outcome_.matches, "event"),
                                   text_of(expected)));
    }
  }

  void alerts(const Node& expect) {
    const Node* count = expect.find("alerts");
    const auto opened = std::to_string(outcome_.opened.size());
    if (count && text_of(*count) != opened) {
      report(*count, fmt::format("{} opened, expected {}", counted(outcome_.opened.size(), "alert"),
                                 text_of(*count)));
    }
    for (const char* key : {"severity", "verdict", "labels", "distinct", "score", "starts_at"}) {
      const Node* expected = expect.find(key);
      if (!expected || !outcome_.opened.empty()) continue;
      if (!count) report(*expected, fmt::format("no alert opened that could have this {}", key));
      if (count && text_of(*count) == "0") {
        report(*expected, fmt::format("where no alert is expected none can have this {}", key));
      }
    }
    for (const Alert& alert : outcome_.opened) check_alert(expect, alert);
  }

 private:
  void report(const Node& at, std::string problem) {
    problems_.push_back({at.where(), std::move(problem)});
  }

  static std::string text_of(const Node& node) {
    return node.is_scalar() ? node.text() : "something that is no text";
  }

  void same(const Node* expected, std::string_view found, std::string_view what) {
    if (!expected || text_of(*expected) == found) return;
    report(*expected, fmt::format("{} is '{}', expected '{}'", what, found, text_of(*expected)));
  }

  void names(const Named& named, const Node& expected, size_t event) {
    const Classification& c = named.classification;
    const auto prefix = fmt::format("event {}: ", event);
    same(expected.find("cause"), c.cause, prefix + "cause");
    same(expected.find("code"), named.code, prefix + "code");
    same(expected.find("scenario"), c.scenario, prefix + "scenario");
    same(expected.find("mistake"), std::to_string(c.mistake), prefix + "mistake");
  }

  void check_alert(const Node& expect, const Alert& alert) {
    same(expect.find("severity"), to_text(alert.severity), "severity");
    same(expect.find("verdict"), to_text(alert.verdict), "verdict");
    if (const Node* labels = expect.find("labels")) check_labels(*labels, alert);
    const auto& distinct = alert.measure.distinct;
    same(expect.find("distinct"), distinct ? std::to_string(*distinct) : "(none)", "distinct");
    if (const Node* score = expect.find("score")) check_score(*score, alert.measure.score);
    if (const Node* starts = expect.find("starts_at")) {
      const auto time = parse_moment(text_of(*starts), outcome_.start);
      if (!time || *time != alert.starts_at) {
        same(starts, format_rfc3339(alert.starts_at), "starts_at");
      }
    }
  }

  void check_score(const Node& expected, std::optional<double> found) {
    constexpr double kTolerance = 1e-3;
    const auto wanted = read_double(expected, problems_);
    if (!wanted || (found && std::abs(*found - *wanted) <= kTolerance)) return;
    same(&expected, found ? fmt::format("{:.6g}", *found) : "(none)", "score");
  }

  void check_labels(const Node& labels, const Alert& alert) {
    if (!labels.is_map()) report(labels, "'labels' must be a map of names and values");
    for (const Node::Entry& entry : labels.entries()) {
      const std::string name = label_name(entry.key.text());
      std::string found = "(none)";
      for (const auto& [label, value] : alert.labels) {
        if (label == name) found = value;
      }
      same(&entry.value, found, "label " + name);
    }
  }

  const Outcome& outcome_;
  Diagnostics& problems_;
};

// What a test may say; anything else is a mistake that would otherwise pass unseen.
const Node* check_keys(const Node& test, Diagnostics& problems) {
  MapReader reader(test, "test", problems);
  for (const char* key : {"name", "schema", "start", "base", "events", "file"}) {
    (void)reader.optional(key);
  }
  const Node* expect = reader.require("expect");
  reader.finish();
  if (!expect) return nullptr;
  MapReader expected(*expect, "expect", problems);
  for (const char* key : {"classify", "matches", "alerts", "severity", "verdict", "labels",
                          "distinct", "score", "starts_at"}) {
    (void)expected.optional(key);
  }
  expected.finish();
  if (expect->is_map() && expect->entries().empty()) {
    problems.push_back({expect->where(), "the test expects nothing"});
  }
  return expect;
}

}  // namespace

RuleTestResult RuleTestRunner::run_one(RuleId rule, const Node& test) const {
  const RuleInfo& info = rules_->rules()[rule];
  const Node* name = test.find("name");
  RuleTestResult result{.rule = info.head,
                        .name = name && name->is_scalar() ? name->text() : "(unnamed)",
                        .where = test.where()};
  const Node* expect = check_keys(test, result.problems);
  if (!expect || !result.passed()) return result;
  const Node* schema = test.find("schema");
  const int id = schema && schema->is_scalar() ? rules_->find_schema(schema->text()) : -1;
  if (schema && id < 0) {
    result.problems.push_back(
        {schema->where(),
         fmt::format("there is no schema '{}'", schema->is_scalar() ? schema->text() : "")});
    return result;
  }
  const Schema* known = id < 0 ? nullptr : &rules_->plans().schemas[static_cast<size_t>(id)];
  Result<TestEvents> events = read_test_events(test, known);
  if (!events) {
    result.problems = std::move(events).error();
    return result;
  }
  const Outcome outcome = outcome_of(rules_, rule, id, *events);
  if (outcome.dead > 0) {
    result.problems.push_back(
        {test.where(), counted(outcome.dead, "line") + " could not be decoded"});
  }
  Checker checker(outcome, result.problems);
  if (const Node* classify = expect->find("classify")) {
    const bool own = info.kind == RuleKind::Classify;
    checker.classify(*classify, own ? std::optional(rule) : std::nullopt);
  }
  if (const Node* matches = expect->find("matches")) checker.matches(*matches);
  checker.alerts(*expect);
  return result;
}

std::vector<RuleTestResult> RuleTestRunner::run(RuleId rule, std::string_view filter) const {
  std::vector<RuleTestResult> results;
  const RuleHead& head = *rules_->rules()[rule].head;
  if (!head.picket.tests) return results;
  const bool whole = head.title.find(filter) != std::string::npos;
  for (const Node& test : head.picket.tests->items()) {
    const Node* name = test.find("name");
    const bool named = name && name->is_scalar() && name->text().find(filter) != std::string::npos;
    if (whole || named) results.push_back(run_one(rule, test));
  }
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
