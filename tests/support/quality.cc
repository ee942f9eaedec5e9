#include "tests/support/quality.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/engine.h"
#include "rules/processor.h"
#include "rules/rule_set.h"
#include "tests/support/scenario.h"

namespace picket {
namespace {

constexpr size_t kBatchRows = 5000;

// Compares the cause of each refusal with the truth.
class CauseCheck final : public EventObserver {
 public:
  CauseCheck(const Scenario& scenario, Quality& quality) : quality_(quality) {
    for (const ScenarioRow& row : scenario.rows) truth_.emplace(row.request_id, row.cause);
  }
  void on_event(Event& event, const Refusal* refusal, const std::vector<RuleId>&) override {
    const auto known = truth_.find(event.get(BuiltinField::kRequestId).text());
    if (known == truth_.end()) return;
    const std::string_view found = refusal ? std::string_view(refusal->classification->cause) : "";
    quality_.refusals += known->second.empty() && found.empty() ? 0 : 1;
    if (found == known->second) return;
    ++quality_.wrong_causes;
    quality_.complaints.append("cause: ").append(found).append(" instead of ");
    quality_.complaints.append(known->second).append(" for ").append(known->first).append("\n");
  }

 private:
  std::unordered_map<std::string_view, std::string_view> truth_;
  Quality& quality_;
};

// Finds the caller that an alert is about, by its most specific label.
class Identities {
 public:
  explicit Identities(const Scenario& scenario) {
    for (uint32_t i = 0; i < scenario.callers.size(); ++i) {
      const Caller& caller = scenario.callers[i];
      by_label_["key_id"].emplace(caller.key_id, i);
      by_label_["workspace_id"].emplace(caller.client.workspace_id, i);
      for (const std::string& key : caller.more_keys) by_label_["key_id"].emplace(key, i);
      for (const std::string& id : caller.more_workspaces) {
        by_label_["workspace_id"].emplace(id, i);
      }
      by_label_["client_address"].emplace(caller.client.ip_address, i);
      by_label_["key_space_id"].emplace("ks_" + std::to_string(i), i);
      by_label_["app_id"].emplace("app_" + std::to_string(i), i);
    }
  }
  std::optional<uint32_t> find(const Alert& alert) const {
    for (const char* name :
         {"key_id", "workspace_id", "client_address", "key_space_id", "app_id"}) {
      for (const auto& [label, value] : alert.labels) {
        if (label != name) continue;
        const auto& known = by_label_.at(name);
        if (const auto at = known.find(value); at != known.end()) return at->second;
      }
    }
    return std::nullopt;
  }

 private:
  std::map<std::string_view, std::unordered_map<std::string, uint32_t>> by_label_;
};

std::vector<AlertEvent> run(const std::shared_ptr<const RuleSet>& rules, const Scenario& scenario,
                            EventObserver& observer) {
  Engine engine(rules, {"scenario"}, {.live = false});
  engine.add_stream(0, std::nullopt);
  Processor processor(rules, &observer);
  HitBatch hits;
  std::vector<AlertEvent> events;
  std::string text;
  for (size_t i = 0; i < scenario.rows.size(); ++i) {
    text.append(scenario.rows[i].text).append("\n");
    if ((i + 1) % kBatchRows != 0 && i + 1 != scenario.rows.size()) continue;
    LineBatch batch;
    batch.bytes = PaddedBytes(text);
    processor.process(std::move(batch), {}, hits);
    engine.process(hits, timestamp_ms(0), events);
    text.clear();
  }
  engine.finish(events);
  return events;
}

uint64_t refusals_until(const Scenario& scenario, uint32_t caller, Timestamp time) {
  return static_cast<uint64_t>(
      std::count_if(scenario.rows.begin(), scenario.rows.end(), [&](const ScenarioRow& row) {
        return row.caller == caller && !row.cause.empty() && row.time <= time;
      }));
}

void count_found(const Scenario& scenario, uint32_t caller, Timestamp time, Quality& quality) {
  const Caller& who = scenario.callers[caller];
  const uint64_t delay = refusals_until(scenario, caller, time);
  (who.fast ? quality.fast_delays : quality.slow_delays).push_back(delay);
  quality.delays[who.kind].push_back(delay);
  ++quality.found;
}

// The value that `share` of the values do not exceed.
uint64_t quantile(std::vector<uint64_t> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

uint64_t median(const std::vector<uint64_t>& values) { return quantile(values, 0.5); }

}  // namespace

double Quality::right_causes() const {
  if (refusals == 0) return 1;
  return 1 - static_cast<double>(wrong_causes) / static_cast<double>(refusals);
}

uint64_t Quality::median_fast_delay() const { return median(fast_delays); }

uint64_t Quality::long_slow_delay() const { return quantile(slow_delays, 0.99); }

void measure(const std::shared_ptr<const RuleSet>& rules, const Scenario& scenario,
             Quality& quality) {
  CauseCheck causes(scenario, quality);
  const Identities identities(scenario);
  std::map<uint32_t, std::pair<Timestamp, std::string>> accused;  // first, and by which rule
  for (const AlertEvent& event : run(rules, scenario, causes)) {
    const Alert& alert = event.alert;
    const bool hostile =
        alert.verdict == Verdict::BoundaryTesting || alert.verdict == Verdict::CredentialAbuse;
    if (event.change != AlertChange::Opened || !hostile) continue;
    const std::optional<uint32_t> caller = identities.find(alert);
    if (!caller) {
      quality.complaints += "nobody fits an alert of " + alert.rule.name + "\n";
      ++quality.false_alarms;
      continue;
    }
    const auto [at, is_new] = accused.try_emplace(*caller, alert.starts_at, alert.rule.name);
    if (!is_new && alert.starts_at < at->second.first) {
      at->second = {alert.starts_at, alert.rule.name};
    }
  }
  for (uint32_t i = 0; i < scenario.callers.size(); ++i) {
    const Caller& caller = scenario.callers[i];
    const auto at = accused.find(i);
    ++(caller.hostile ? quality.hostile : quality.honest);
    if (caller.hostile == (at != accused.end())) {
      if (caller.hostile) count_found(scenario, i, at->second.first, quality);
      continue;
    }
    if (!caller.hostile) ++quality.false_alarms;
    quality.complaints.append(caller.hostile ? "missed: " : "accused: ").append(caller.kind);
    if (!caller.hostile) quality.complaints.append(" by ").append(at->second.second);
    quality.complaints.append("\n");
  }
}

std::string summary(const Quality& quality) {
  std::string out;
  out += "hostile callers found  " + std::to_string(quality.found) + " of " +
         std::to_string(quality.hostile) + "\n";
  out += "honest callers accused " + std::to_string(quality.false_alarms) + " of " +
         std::to_string(quality.honest) + "\n";
  out += "causes right           " + std::to_string(quality.refusals - quality.wrong_causes) +
         " of " + std::to_string(quality.refusals) + "\n";
  out += "refusals until found   fast: median " + std::to_string(quality.median_fast_delay()) +
         ", slow: 99 % within " + std::to_string(quality.long_slow_delay()) + "\n";
  for (const auto& [kind, delays] : quality.delays) {
    out.append("  ").append(kind).append(": median ").append(std::to_string(median(delays)));
    out += ", at most " + std::to_string(*std::max_element(delays.begin(), delays.end())) + "\n";
  }
  return out;
}

}  // namespace picket
