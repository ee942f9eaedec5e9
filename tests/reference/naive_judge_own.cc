// Each type recomputes everything from the first hit on (see naive_judge_own.h).
#include "tests/reference/naive_judge_own.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace picket {
namespace {

using Hits = std::vector<NaiveHit>;

const Node* option(const CorrelationSpec& spec, const char* key) {
  return spec.options ? spec.options->find(key) : nullptr;
}
double number(const CorrelationSpec& spec, const char* key, double fallback = 0) {
  Diagnostics problems;
  const Node* node = option(spec, key);
  return node ? read_double(*node, problems).value_or(fallback) : fallback;
}
Duration duration(const CorrelationSpec& spec, const char* key, Duration fallback = Duration(0)) {
  Diagnostics problems;
  const Node* node = option(spec, key);
  return node ? read_duration(*node, problems).value_or(fallback) : fallback;
}
std::vector<std::string> texts(const CorrelationSpec& spec, const char* key) {
  Diagnostics problems;
  const Node* node = option(spec, key);
  return node ? read_strings(*node, problems).value_or(std::vector<std::string>{})
              : std::vector<std::string>{};
}

// Which references come from the option `key`.
uint64_t roles_under(const NaiveRule& rule, const char* key) {
  uint64_t roles = 0;
  for (const std::string& name : texts(*rule.spec, key)) {
    for (size_t role = 0; role < rule.references.size(); ++role) {
      if (rule.references[role] == name) roles |= uint64_t{1} << role;
    }
  }
  return roles;
}

double ms(Duration d) { return static_cast<double>(d.count()); }

bool sequential_test(const NaiveRule& rule, const Hits& hits) {
  const CorrelationSpec& spec = *rule.spec;
  double honest = number(spec, "p_honest", 0.2);
  double prober = number(spec, "p_prober", 0.8);
  if (honest > prober) {
    honest = 1 - honest;
    prober = 1 - prober;
  }
  const uint64_t failure = roles_under(rule, "failure");
  std::map<std::string, Timestamp> remembered;
  const double threshold =
      std::log((1 - number(spec, "missed", 0.01)) / number(spec, "false_alarm", 0.0001)) - 1e-9;
  double evidence = 0;
  for (const NaiveHit& hit : hits) {
    if (!hit.value) continue;
    const auto known = remembered.find(*hit.value);
    const bool fresh = known == remembered.end() || hit.time - known->second > naive_timespan(spec);
    Timestamp& seen = remembered.try_emplace(*hit.value, hit.time).first->second;
    seen = std::max(seen, hit.time);
    if (!fresh) continue;
    evidence += (hit.roles & failure) != 0 ? std::log(prober / honest)
                                           : std::log((1 - prober) / (1 - honest));
    evidence = std::clamp(evidence, 0.0, threshold + std::log(prober / honest));
  }
  return evidence >= threshold;
}

// Counted in milliseconds of leaking, which are whole.
bool leaky_bucket(const NaiveRule& rule, const Hits& hits) {
  const double one = ms(duration(*rule.spec, "leak"));
  const double capacity = number(*rule.spec, "capacity");
  double level = 0;
  Timestamp before = hits.front().time;
  for (const NaiveHit& hit : hits) {
    level = std::max(0.0, level - ms(hit.time - before)) + one;
    level = std::min(level, (capacity + 1) * one);
    before = hit.time;
  }
  return level > capacity * one;
}

bool ratio(const NaiveRule& rule, const Hits& hits) {
  const uint64_t part_roles = roles_under(rule, "part");
  // The window is a whole number of slices, the last being that of the event at hand.
  constexpr int64_t kSlices = 60;
  const auto slice = [&](const NaiveHit& hit) {
    return kSlices * to_ms(hit.time) / rule.spec->timespan.count();
  };
  const bool part_too = option(*rule.spec, "once_per") != nullptr;
  const Duration quantum = duration(*rule.spec, part_too ? "once_per" : "rest_once_per");
  double part = 0;
  double whole = 0;
  std::set<std::pair<bool, int64_t>> counted;
  for (const NaiveHit& hit : hits) {
    const int64_t age = slice(hits.back()) - slice(hit);
    if (age < 0 || age >= kSlices) continue;
    const bool is_part = (hit.roles & part_roles) != 0;
    const bool once = quantum > Duration(0) && (!is_part || part_too);
    if (once && !counted.insert({is_part, to_ms(hit.time) / quantum.count()}).second) continue;
    whole += 1;
    if (is_part) part += 1;
  }
  return whole >= number(*rule.spec, "min_events") && part / whole >= number(*rule.spec, "gte");
}

bool first_seen(const NaiveRule& rule, const Hits& hits) {
  const NaiveHit& now = hits.back();
  if (now.time - hits.front().time < duration(*rule.spec, "learn")) return false;
  for (size_t i = 0; i + 1 < hits.size(); ++i) {
    const bool recent = now.time - hits[i].time <= duration(*rule.spec, "forget");
    if (recent && hits[i].value == now.value) return false;
  }
  return true;
}

bool spike(const NaiveRule& rule, const Hits& hits) {
  const CorrelationSpec& spec = *rule.spec;
  const Duration baseline = duration(spec, "baseline");
  if (hits.back().time - hits.front().time < baseline) return false;
  const int64_t length = spec.timespan.count();
  const int64_t current = to_ms(hits.back().time) / length;
  std::vector<double> steps(static_cast<size_t>(baseline.count() / length) + 1, 0.0);
  for (const NaiveHit& hit : hits) {
    const int64_t age = current - to_ms(hit.time) / length;
    if (age >= 0 && age < static_cast<int64_t>(steps.size())) steps[static_cast<size_t>(age)] += 1;
  }
  const double past = static_cast<double>(steps.size() - 1);
  double mean = 0;
  for (size_t i = 1; i < steps.size(); ++i) mean += steps[i] / past;
  double variance = 0;
  for (size_t i = 1; i < steps.size(); ++i) {
    variance += (steps[i] - mean) * (steps[i] - mean) / past;
  }
  if (steps[0] < number(spec, "min_events")) return false;
  if (option(spec, "score")) {
    const double deviation = std::sqrt(std::max(variance, mean));
    if (steps[0] < mean + number(spec, "score") * deviation) return false;
  }
  return steps[0] >= number(spec, "factor", 0) * mean;
}

bool risk(const NaiveRule& rule, const Hits& hits) {
  const double half_life = ms(duration(*rule.spec, "half_life"));
  const Node* scores = option(*rule.spec, "scores");
  Diagnostics problems;
  double sum = 0;
  for (const NaiveHit& hit : hits) {
    const double age = ms(hits.back().time - hit.time);
    for (size_t role = 0; role < rule.references.size(); ++role) {
      if ((hit.roles >> role & 1) == 0) continue;
      const Node* points = scores->find(rule.references[role]);
      sum += read_double(*points, problems).value_or(0) * std::exp2(-age / half_life);
    }
  }
  return sum >= number(*rule.spec, "gte");
}

// Nothing: for as long as it could matter.
std::optional<Duration> memory_of(const CorrelationSpec& spec) {
  if (spec.type == "first_seen") return duration(spec, "forget");
  if (spec.type == "sequential_test") return naive_timespan(spec);
  if (spec.type == "spike") return duration(spec, "baseline") + spec.timespan;
  return std::nullopt;
}

using Judge = bool (*)(const NaiveRule&, const Hits&);
const std::map<std::string, Judge>& judges() {
  static const std::map<std::string, Judge> kJudges = {
      {"sequential_test", sequential_test},
      {"leaky_bucket", leaky_bucket},
      {"ratio", ratio},
      {"first_seen", first_seen},
      {"spike", spike},
      {"risk", risk},
      {"absence", nullptr},
  };
  return kJudges;
}

}  // namespace

bool naive_own_type(const NaiveRule& rule) { return judges().contains(rule.type()); }

void read_own_options(const CorrelationSpec& spec, NaiveRule& rule) {
  if (!naive_own_type(rule)) return;
  const auto add = [&](std::vector<std::string>& list, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
    }
  };
  const bool names_none =
      spec.type == "leaky_bucket" || spec.type == "first_seen" || spec.type == "spike";
  if (!names_none) rule.references.clear();
  for (const char* key : {"after", "missing", "success", "failure", "part", "whole", "rules"}) {
    add(rule.references, texts(spec, key));
  }
  if (const Node* scores = option(spec, "scores")) {
    for (const Node::Entry& entry : scores->entries()) {
      add(rule.references, {entry.key.text()});
    }
  }
  for (const char* key : {"field", "first_contact"}) add(rule.fields, texts(spec, key));
}

Duration naive_timespan(const CorrelationSpec& spec) {
  if (spec.type == "absence") return duration(spec, "within", spec.timespan);
  if (spec.timespan != Duration(0) || spec.type != "sequential_test") return spec.timespan;
  return std::chrono::hours(24);
}

Duration naive_quantum(const NaiveRule& rule, const NaiveHit& hit) {
  const CorrelationSpec& spec = *rule.spec;
  if (spec.type == "sequential_test") {
    constexpr int64_t kQuanta = 64;
    if ((hit.roles & roles_under(rule, "failure")) != 0) return Duration(0);
    return std::max(naive_timespan(spec) / kQuanta, Duration(1));
  }
  if (spec.type != "ratio" || (hit.roles & roles_under(rule, "part")) != 0) return Duration(0);
  return duration(spec, option(spec, "once_per") != nullptr ? "once_per" : "rest_once_per");
}

bool naive_own_holds(const NaiveRule& rule, const std::vector<NaiveHit>& hits) {
  // A group that was quiet for longer than its type remembers begins anew.
  const std::optional<Duration> memory = memory_of(*rule.spec);
  size_t first = 0;
  Timestamp last = hits.front().time;
  for (size_t i = 1; memory && i < hits.size(); ++i) {
    if (hits[i].came - last > *memory) first = i;
    last = std::max(last, hits[i].time);
  }
  const Hits known(hits.begin() + static_cast<ptrdiff_t>(first), hits.end());
  return judges().at(rule.type())(rule, known);
}

}  // namespace picket
