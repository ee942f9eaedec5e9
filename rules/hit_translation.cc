#include "rules/hit_translation.h"

#include <algorithm>
#include <utility>

namespace picket {
namespace {

// What the hits with this id feed, in terms that both rule sets understand.
std::vector<uint64_t> fed_by(const RuleSet& rules, RuleId feed) {
  std::vector<uint64_t> fed;
  for (const Feed& to : rules.feeds(feed)) {
    fed.push_back(rules.rules()[rules.correlations()[to.correlation].rule].fingerprint);
  }
  std::ranges::sort(fed);
  return fed;
}

}  // namespace

HitTranslation::HitTranslation(const RuleSet& from, const RuleSet& to)
    : captures_from_(from.captures().size()) {
  std::map<uint64_t, RuleId> known;
  for (size_t id = 0; id < to.rules().size(); ++id) {
    known.emplace(to.rules()[id].fingerprint, static_cast<RuleId>(id));
  }
  for (size_t i = 0; i < from.rules().size(); ++i) {
    const auto id = static_cast<RuleId>(i);
    const auto same = known.find(from.rules()[i].fingerprint);
    if (same == known.end()) continue;
    rules_.emplace(id, same->second);
    for (const GuardedFeed& guarded : from.guarded_feeds(id)) {
      for (const GuardedFeed& other : to.guarded_feeds(same->second)) {
        if (fed_by(from, guarded.feed) != fed_by(to, other.feed)) continue;
        rules_.emplace(guarded.feed, other.feed);
      }
    }
    const RuleId background = from.background_feed(id);
    const RuleId other = to.background_feed(same->second);
    if (background != 0 && other != 0) rules_.emplace(background, other);
  }
  for (size_t i = 0; i < captures_from_; ++i) {
    const auto field = to.fields().find(from.fields().name(from.captures()[i]));
    const auto place = std::ranges::find(to.captures(), field.value_or(FieldId{}));
    if (!field || place == to.captures().end()) continue;
    captures_.emplace(static_cast<uint16_t>(i),
                      static_cast<uint16_t>(place - to.captures().begin()));
  }
}

bool HitTranslation::translate(std::string& record) {
  if (!view_.parse(record, captures_from_)) return false;
  std::vector<RuleId> rules;
  for (const RuleId rule : view_.rules()) {
    if (const auto same = rules_.find(rule); same != rules_.end()) rules.push_back(same->second);
  }
  if (rules.empty()) return false;
  std::ranges::sort(rules);
  std::map<uint16_t, std::string_view> values;  // in the order of the new places
  for (const auto& [from, to] : captures_) {
    if (view_.has(from)) values.emplace(to, view_.value(from));
  }
  std::string translated;
  HitWriter writer(translated);
  writer.rules(rules);
  for (const auto& [place, value] : values) writer.capture(place, value);
  writer.finish();
  record = std::move(translated);  // the view is of the old one: not used any more
  return true;
}

}  // namespace picket
