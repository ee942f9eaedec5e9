#include "tests/support/correlation_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "rules/decode_plan.h"
#include "tests/support/engine_run.h"
#include "tests/support/source_dir.h"

namespace picket {

const char kRawEventSchema[] = R"(
schema: raw_events
recognise: [timestamp]
time: {field: timestamp, unit: ms}
fields: {}
)";

namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

const NaiveValue* member(const NaiveValue& value, const std::string& name) {
  const auto found = value.members.find(name);
  return found == value.members.end() ? nullptr : &found->second;
}

std::string text_under(const NaiveValue& value, const std::string& name) {
  const NaiveValue* found = member(value, name);
  if (!found) ADD_FAILURE() << "no '" << name << "' in " << naive_json(value);
  return found ? found->text : "";
}

Timestamp time_of(const std::string& text) {
  const std::optional<Timestamp> time = parse_rfc3339(text);
  EXPECT_TRUE(time) << text;
  return time.value_or(Timestamp{});
}

NaiveAlert alert_of(const NaiveValue& value) {
  NaiveAlert alert{.rule = text_under(value, "rule")};
  if (const NaiveValue* group = member(value, "group")) {
    for (const auto& [name, field] : group->members) alert.group.emplace_back(name, field.text);
  }
  alert.starts_at = time_of(text_under(value, "starts_at"));
  if (member(value, "ends_at")) alert.ends_at = time_of(text_under(value, "ends_at"));
  return alert;
}

void sort_alerts(std::vector<NaiveAlert>& alerts) {
  for (NaiveAlert& alert : alerts) std::sort(alert.group.begin(), alert.group.end());
  std::sort(alerts.begin(), alerts.end(), [](const auto& a, const auto& b) {
    return std::tie(a.starts_at, a.rule, a.group) < std::tie(b.starts_at, b.rule, b.group);
  });
}

// The fields that a rule groups by, as far as its alert names them.
NaiveAlert simplified(const Alert& alert, const RuleDocuments& documents) {
  NaiveAlert out{.rule = alert.rule.name, .starts_at = alert.starts_at, .ends_at = alert.ends_at};
  for (const CorrelationSpec& spec : documents.correlations) {
    if (spec.head.name != alert.rule.name) continue;
    for (const std::string& field : spec.group_by) {
      const auto label =
          std::find_if(alert.labels.begin(), alert.labels.end(),
                       [&](const auto& pair) { return pair.first == label_name(field); });
      out.group.emplace_back(field, label == alert.labels.end() ? "" : label->second);
    }
  }
  return out;
}

}  // namespace

std::vector<fs::path> correlation_case_folders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(source_dir() + "/tests/cases/correlation")) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

CorrelationCase read_correlation_case(const fs::path& folder) {
  CorrelationCase out;
  out.rules = read_text_file((folder / "rule.yml").string());
  out.lines = lines_of(read_text_file((folder / "events.ndjson").string()));
  const auto expected = parse_naive_json(read_text_file((folder / "expected.json").string()));
  if (!expected) {
    ADD_FAILURE() << folder << ": expected.json is not JSON";
    return out;
  }
  out.why = text_under(*expected, "why");
  if (member(*expected, "lateness")) {
    Diagnostics problems;
    const auto yaml = parse_yaml(text_under(*expected, "lateness"), "lateness");
    out.lateness = read_duration(yaml->documents.at(0), problems).value_or(Duration(-1));
    EXPECT_GE(out.lateness, Duration(0)) << folder;
  }
  const NaiveValue* alerts = member(*expected, "alerts");
  EXPECT_TRUE(alerts) << folder;
  for (const NaiveValue& alert : alerts ? alerts->items : std::vector<NaiveValue>{}) {
    out.alerts.push_back(alert_of(alert));
  }
  sort_alerts(out.alerts);
  return out;
}

RuleDocuments read_rule_text(const std::string& rules) {
  RuleDocuments documents;
  auto file = parse_yaml(rules, "rule.yml");
  if (!file) {
    ADD_FAILURE() << render(file.error().front());
    return documents;
  }
  read_rules(*std::move(file), {}, documents);
  for (const Diagnostic& problem : documents.rejected) ADD_FAILURE() << render(problem);
  return documents;
}

NaiveEvent raw_event(const std::string& line) {
  NaiveEvent event;
  const std::optional<NaiveValue> record = parse_naive_json(line);
  EXPECT_TRUE(record) << line;
  event.record = record.value_or(NaiveValue{.kind = NaiveValue::Kind::Object});
  event.time = time_of(text_under(event.record, "timestamp"));
  return event;
}

std::vector<NaiveAlert> reference_alerts(const std::string& rules,
                                         const std::vector<std::string>& lines, Duration lateness) {
  const RuleDocuments documents = read_rule_text(rules);
  std::vector<NaiveEvent> events;
  for (const std::string& line : lines) events.push_back(raw_event(line));
  std::vector<NaiveAlert> alerts = naive_correlate(documents, events, lateness);
  sort_alerts(alerts);
  return alerts;
}

std::vector<NaiveAlert> engine_alerts(std::shared_ptr<const RuleSet> rules,
                                      const std::vector<std::string>& lines, size_t per_batch,
                                      Duration lateness) {
  if (!rules) return {};
  EngineRun run(rules, {.lateness = lateness});
  for (size_t first = 0; first < lines.size(); first += per_batch) {
    std::string text;
    for (size_t i = first; i < std::min(lines.size(), first + per_batch); ++i) {
      text += lines[i] + "\n";
    }
    run.lines(text);
  }
  run.finish();
  std::map<std::string, NaiveAlert> by_id;  // the last state of each alert
  for (const AlertEvent& event : run.events) {
    by_id[event.alert.id] = simplified(event.alert, rules->documents());
  }
  std::vector<NaiveAlert> alerts;
  for (auto& [id, alert] : by_id) alerts.push_back(std::move(alert));
  sort_alerts(alerts);
  return alerts;
}

std::string to_text(const std::vector<NaiveAlert>& alerts) {
  std::string text;
  for (const NaiveAlert& alert : alerts) text += to_text(alert) + "\n";
  return text;
}

}  // namespace picket
