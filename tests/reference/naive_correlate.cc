// Events in order, hits per group, alerts per group (see naive_correlate.h).
//
// Rules are numbered: detections first, then correlations. An event that matched a correlation has
// its group-by values as its fields and is processed directly after what caused it.
#include "tests/reference/naive_correlate.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "tests/reference/naive_judge.h"
#include "tests/reference/naive_judge_own.h"

namespace picket {
namespace {

using Key = std::vector<std::string>;

struct Group {
  std::vector<NaiveHit> hits{};
  std::set<Timestamp> judged{};  // moments
  std::optional<NaiveAlert> alert{};
  Timestamp held{};  // the last time that the condition held
};

// An event, or the match of a correlation.
struct Occurrence {
  const NaiveEvent* event = nullptr;
  std::vector<size_t> matched{};  // numbers of rules
};

struct Moment {
  Timestamp at{};
  size_t depth = 0;
  size_t rule = 0;
  Key key{};
  auto operator<=>(const Moment&) const = default;
};

std::optional<std::string> text_of(const NaiveEvent& event, const std::string& field) {
  const NaiveValue* value = naive_field(event, field);
  if (!value || value->kind == NaiveValue::Kind::Null) return std::nullopt;
  return value->scalar() ? value->text : naive_json(*value);
}

class Run {
 public:
  explicit Run(const RuleDocuments& documents) : documents_(documents) {
    for (const CorrelationSpec& spec : documents.correlations) {
      rules_.push_back(make_naive_rule(spec, [this](const auto& name) { return find(name); }));
    }
    groups_.resize(rules_.size());
    find_silent();
  }

  // REQUIRES: keys do not fall.
  void event(const NaiveEvent& event, Timestamp key) {
    decide_before(key);
    Occurrence occurrence{&event};
    for (size_t i = 0; i < documents_.detections.size(); ++i) {
      if (!naive_match(documents_.detections[i].condition, event)) continue;
      if (excepted(documents_.detections[i].head, event)) continue;
      occurrence.matched.push_back(i);
      if (!silent_.contains(i)) detection_alert(documents_.detections[i].head, i, event.time);
    }
    queue_.push_back(occurrence);
    drain();
    now_ = std::max(now_, key);
  }

  std::vector<NaiveAlert> finish() {
    for (auto& groups : groups_) {
      for (auto& [key, group] : groups) close(group, now_);
    }
    for (auto& [rule, group] : detections_) close(group, now_);
    std::sort(alerts_.begin(), alerts_.end(), [](const auto& a, const auto& b) {
      return std::tie(a.starts_at, a.rule, a.group) < std::tie(b.starts_at, b.rule, b.group);
    });
    return alerts_;
  }

 private:
  size_t find(const std::string& name) const {
    const auto is = [&](const RuleHead& head) { return head.name == name || head.id == name; };
    const size_t detections = documents_.detections.size();
    for (size_t i = 0; i < detections; ++i) {
      if (is(documents_.detections[i].head)) return i;
    }
    for (size_t i = 0; i < documents_.correlations.size(); ++i) {
      if (is(documents_.correlations[i].head)) return detections + i;
    }
    return SIZE_MAX;
  }

  // Rules that others refer to without `generate`.
  void find_silent() {
    std::set<size_t> loud;
    for (const NaiveRule& rule : rules_) {
      for (const size_t source : rule.sources) {
        (rule.spec->generate ? loud : silent_).insert(source);
      }
    }
    for (const size_t source : loud) silent_.erase(source);
  }

  // A match has its fields and its time as an event has.
  static bool excepted(const RuleHead& rule, const NaiveEvent& event) {
    for (const RuleException& exception : rule.picket.exceptions) {
      const bool expired = exception.expires && event.time >= *exception.expires;
      if (!expired && naive_match(exception.match, event)) return true;
    }
    return false;
  }

  // How many correlations stand between a rule and events.
  size_t depth(size_t rule) const {
    size_t deepest = 0;
    for (const size_t source : rules_[rule].sources) {
      const size_t detections = documents_.detections.size();
      if (source >= detections) deepest = std::max(deepest, depth(source - detections) + 1);
    }
    return deepest;
  }

  // The field of `reference` that the rule calls `name`.
  static std::string field_of(const NaiveRule& rule, const RuleHead& head,
                              const std::string& name) {
    for (const FieldAlias& alias : rule.spec->aliases) {
      if (alias.alias != name) continue;
      for (const auto& [reference, field] : alias.fields) {
        if (reference == head.name || reference == head.id) return field;
      }
    }
    return name;
  }

  const RuleHead& head(size_t source) const {
    const size_t detections = documents_.detections.size();
    return source < detections ? documents_.detections[source].head
                               : documents_.correlations[source - detections].head;
  }

  void drain() {
    while (!queue_.empty()) {
      const Occurrence occurrence = queue_.front();
      queue_.pop_front();
      for (size_t rule = 0; rule < rules_.size(); ++rule) take(rule, occurrence);
    }
  }

  // One hit per group that the occurrence belongs to; several roles of one group are one hit.
  void take(size_t number, const Occurrence& occurrence) {
    const NaiveRule& rule = rules_[number];
    if (excepted(rule.spec->head, *occurrence.event)) return;
    std::vector<std::pair<Key, NaiveHit>> hits;
    for (size_t role = 0; role < rule.sources.size(); ++role) {
      const size_t source = rule.sources[role];
      const auto& matched = occurrence.matched;
      if (std::find(matched.begin(), matched.end(), source) == matched.end()) continue;
      const std::optional<Key> key = key_of(rule, head(source), *occurrence.event);
      if (!key) continue;
      auto known = std::find_if(hits.begin(), hits.end(),
                                [&](const auto& entry) { return entry.first == *key; });
      if (known == hits.end()) {
        hits.emplace_back(*key, hit_of(rule, head(source), *occurrence.event));
        known = hits.end() - 1;
      }
      known->second.roles |= uint64_t{1} << role;
    }
    for (const auto& [key, hit] : hits) {
      if (!naive_ignores(rule, hit)) add(number, key, hit);
    }
  }

  static std::optional<Key> key_of(const NaiveRule& rule, const RuleHead& head,
                                   const NaiveEvent& event) {
    Key key;
    for (const std::string& name : rule.spec->group_by) {
      std::optional<std::string> value = text_of(event, field_of(rule, head, name));
      if (!value && !rule.spec->head.picket.group_missing_empty) return std::nullopt;
      key.push_back(value.value_or(""));
    }
    return key;
  }

  static NaiveHit hit_of(const NaiveRule& rule, const RuleHead& head, const NaiveEvent& event) {
    NaiveHit hit{.time = event.time, .came = event.time};
    NaiveValue tuple{.kind = NaiveValue::Kind::Array};
    for (const std::string& name : rule.fields) {
      const std::optional<std::string> value = text_of(event, field_of(rule, head, name));
      if (!value) return hit;
      tuple.items.push_back({.kind = NaiveValue::Kind::String, .text = *value});
    }
    hit.value = naive_json(tuple);
    if (rule.fields.empty()) return hit;
    const NaiveValue* first = naive_field(event, field_of(rule, head, rule.fields.front()));
    hit.number = naive_number(*first);
    return hit;
  }

  void add(size_t number, const Key& key, NaiveHit hit) {
    const NaiveRule& rule = rules_[number];
    Group& group = groups_[number][key];
    const Duration quantum = naive_quantum(rule, hit);
    if (quantum > Duration(0)) {
      hit.time = timestamp_ms(to_ms(hit.time) / quantum.count() * quantum.count());
    }
    group.hits.push_back(hit);
    if (quantum > Duration(0) || naive_waits(rule)) return;
    if (naive_holds(rule, group.hits)) holds(number, key, hit.time);
  }

  // Everything that is decided at a moment before `limit`, in the order of moments.
  void decide_before(Timestamp limit) {
    while (true) {
      std::set<Moment> due;
      for (size_t i = 0; i < rules_.size(); ++i) {
        if (!naive_waits(rules_[i])) continue;
        for (const auto& [key, group] : groups_[i]) {
          for (const Timestamp at : naive_moments(rules_[i], group.hits)) {
            if (at < limit && !group.judged.contains(at)) due.insert({at, depth(i), i, key});
          }
        }
      }
      if (due.empty()) return;
      decide(*due.begin());
      drain();
    }
  }

  void decide(const Moment& moment) {
    Group& group = groups_[moment.rule][moment.key];
    const NaiveRule& rule = rules_[moment.rule];
    group.judged.insert(moment.at);
    const bool holding = naive_holds_at(rule, group.hits, moment.at);
    if (naive_forgets(rule, group.hits, moment.at)) {
      group.hits.clear();
      group.judged.clear();
    }
    if (holding) holds(moment.rule, moment.key, moment.at);
  }

  void holds(size_t number, const Key& key, Timestamp at) {
    const NaiveRule& rule = rules_[number];
    Group& group = groups_[number][key];
    if (!hold(group, rule.resolve_after, at)) return;
    NaiveEvent match{.time = at};
    group.alert = NaiveAlert{.rule = rule.name(), .starts_at = at};
    for (size_t i = 0; i < key.size(); ++i) {
      group.alert->group.emplace_back(rule.spec->group_by[i], key[i]);
      match.record.members[rule.spec->group_by[i]] = {.kind = NaiveValue::Kind::String,
                                                      .text = key[i]};
    }
    const size_t source = documents_.detections.size() + number;
    if (silent_.contains(source)) group.alert->rule.clear();
    matches_.push_back(match);
    queue_.push_back({&matches_.back(), {source}});
  }

  // True when an alert has to open at `at`; the one before, if any, has then been closed.
  bool hold(Group& group, Duration resolve_after, Timestamp at) {
    const bool stays = group.alert && at <= group.held + resolve_after;
    if (stays) {
      group.held = std::max(group.held, at);
      return false;
    }
    if (group.alert) group.alert->ends_at = group.held + resolve_after;
    keep(group);
    group.held = at;
    resolve_after_[&group] = resolve_after;
    return true;
  }

  void detection_alert(const RuleHead& rule, size_t number, Timestamp at) {
    Group& group = detections_[number];
    if (hold(group, rule.picket.resolve_after.value_or(Duration(0)), at)) {
      group.alert = NaiveAlert{.rule = rule.name, .starts_at = at};
    }
  }

  void close(Group& group, Timestamp now) {
    if (!group.alert) return;
    const Timestamp end = group.held + resolve_after_[&group];
    if (end < now) group.alert->ends_at = end;
    keep(group);
  }

  // An alert without a rule is one that only other correlations see.
  void keep(Group& group) {
    if (group.alert && !group.alert->rule.empty()) alerts_.push_back(*group.alert);
    group.alert.reset();
  }

  const RuleDocuments& documents_;
  std::vector<NaiveRule> rules_;
  std::vector<std::map<Key, Group>> groups_;  // by correlation
  std::map<size_t, Group> detections_;
  std::map<const Group*, Duration> resolve_after_;
  std::set<size_t> silent_;
  std::deque<Occurrence> queue_;
  std::deque<NaiveEvent> matches_;
  Timestamp now_ = Timestamp::min();
  std::vector<NaiveAlert> alerts_;
};

}  // namespace

std::string to_text(const NaiveAlert& alert) {
  std::string text = alert.rule + " {";
  for (const auto& [name, value] : alert.group) {
    text += (text.back() == '{' ? "" : ", ") + name + "=" + value;
  }
  text += fmt::format("}} {} - ", to_ms(alert.starts_at));
  return text + (alert.ends_at ? std::to_string(to_ms(*alert.ends_at)) : "firing");
}

std::vector<NaiveAlert> naive_correlate(const RuleDocuments& rules,
                                        const std::vector<NaiveEvent>& arrivals,
                                        Duration lateness) {
  // A late event takes the place that the watermark has reached, not that of its time.
  std::vector<std::pair<Timestamp, const NaiveEvent*>> order;
  Timestamp newest = Timestamp::min();
  for (const NaiveEvent& event : arrivals) {
    const bool late = newest != Timestamp::min() && event.time < newest - lateness;
    order.emplace_back(late ? newest - lateness : event.time, &event);
    newest = std::max(newest, event.time);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Run run(rules);
  for (const auto& [key, event] : order) run.event(*event, key);
  return run.finish();
}

}  // namespace picket
