#include "rules/stats.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace picket {

std::string_view to_text(DecodeError error) {
  switch (error) {
    case DecodeError::None:
      return "none";
    case DecodeError::NotJson:
      return "not_json";
    case DecodeError::NotObject:
      return "not_object";
    case DecodeError::Truncated:
      return "truncated";
    case DecodeError::TooLong:
      return "too_long";
    case DecodeError::InvalidUtf8:
      return "invalid_utf8";
    case DecodeError::TooDeep:
      return "too_deep";
    case DecodeError::UnknownSchema:
      return "unknown_schema";
    case DecodeError::Count_:
      break;
  }
  return "none";
}

double RuleStats::seconds() const {
  if (samples == 0) return 0;
  const double each = static_cast<double>(sampled_ns) / static_cast<double>(samples);
  return each * static_cast<double>(evaluations) / 1e9;
}

void RuleStats::count_on(const RuleStats& before) {
  matches += before.matches;
  group_missing += before.group_missing;
  value_missing += before.value_missing;
  not_numeric += before.not_numeric;
  forgotten += before.forgotten;
  alerts += before.alerts;
  dropped += before.dropped;
  evaluations += before.evaluations;
  samples += before.samples;
  sampled_ns += before.sampled_ns;
}

void DecodeStats::add(const DecodeStats& other) {
  bytes += other.bytes;
  lines += other.lines;
  blank += other.blank;
  events += other.events;
  event_lines += other.event_lines;
  refusals += other.refusals;
  duplicate_keys += other.duplicate_keys;
  missing_time += other.missing_time;
  future_time += other.future_time;
  regex_limits += other.regex_limits;
  secrets_redacted += other.secrets_redacted;
  for (size_t i = 0; i < dead.size(); ++i) dead[i] += other.dead[i];
}

void add_unknown_text(std::vector<UnknownText>& known, const UnknownText& seen) {
  const auto same = std::ranges::find_if(known, [&seen](const UnknownText& item) {
    return item.text == seen.text && item.code == seen.code;
  });
  UnknownText item = seen;
  if (same != known.end()) {
    item.count += same->count;
    known.erase(same);
  } else if (known.size() >= kUnknownTextsMax) {
    known.erase(known.begin());
  }
  known.push_back(std::move(item));
}

uint64_t DecodeStats::dead_letters() const {
  return std::accumulate(dead.begin(), dead.end(), uint64_t{0});
}

void EngineStats::count_on(const EngineStats& before) {
  for (SourceStats& source : sources) {
    const auto same = std::ranges::find(before.sources, source.name, &SourceStats::name);
    if (same == before.sources.end()) continue;
    source.decode.add(same->decode);
    source.late_events += same->late_events;
    source.newest_event = std::max(source.newest_event, same->newest_event);
  }
  if (std::ranges::equal(rules, before.rules, {}, &RuleStats::id, &RuleStats::id)) {
    // The usual case, without a search; this is done with every snapshot.
    for (size_t i = 0; i < rules.size(); ++i) rules[i].count_on(before.rules[i]);
  } else {
    std::map<std::string_view, const RuleStats*> known;
    for (const RuleStats& rule : before.rules) known.emplace(rule.id, &rule);
    for (RuleStats& rule : rules) {
      if (const auto same = known.find(rule.id); same != known.end()) rule.count_on(*same->second);
    }
  }
  for (const auto& [key, count] : before.refusals) {
    if (refusals.contains(key) || refusals.size() < kRefusalSeriesMax) {
      refusals[key] += count;
    } else {
      refusals[{key.source, "other", key.cause}] += count;
      refusal_series_overflow += count;
    }
  }
  refusal_series_overflow += before.refusal_series_overflow;
  std::vector<UnknownText> texts = before.unknown_texts;
  for (const UnknownText& text : unknown_texts) add_unknown_text(texts, text);
  unknown_texts = std::move(texts);
  groups.evictions += before.groups.evictions;
  groups.refused += before.groups.refused;
  groups.approximated += before.groups.approximated;
  for (size_t i = 0; i < alerts_opened.size(); ++i) {
    alerts_opened[i] += before.alerts_opened[i];
    alerts_closed[i] += before.alerts_closed[i];
  }
  cooldowns_dropped += before.cooldowns_dropped;
  hits_released_early += before.hits_released_early;
}

bool DecodeStats::balanced() const { return lines == event_lines + blank + dead_letters(); }

}  // namespace picket
