#include "rules/hit_translation.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "rules/bytes.h"

namespace picket {
namespace {

// What a feed means depends on its rule, on its kind, and on what its hits go to.
uint64_t meaning_of(const RuleSet& rules, RuleId rule, std::string_view kind, RuleId feed) {
  std::vector<uint64_t> fed;
  for (const Feed& to : rules.feeds(feed)) {
    fed.push_back(rules.rules()[rules.correlations()[to.correlation].rule].fingerprint);
  }
  std::ranges::sort(fed);
  std::string text(kind);
  put_bytes(text, rules.rules()[rule].fingerprint);
  for (const uint64_t fingerprint : fed) put_bytes(text, fingerprint);
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace

// That a rule or a feed of the background feeds others than before does not change what it means.
HitVocabulary HitVocabulary::of(const RuleSet& rules) {
  HitVocabulary vocabulary;
  for (size_t i = 0; i < rules.rules().size(); ++i) {
    const auto id = static_cast<RuleId>(i);
    const uint64_t fingerprint = rules.rules()[i].fingerprint;
    vocabulary.rules.emplace(id, fingerprint);
    for (const GuardedFeed& guarded : rules.guarded_feeds(id)) {
      vocabulary.rules.emplace(guarded.feed, meaning_of(rules, id, "guarded", guarded.feed));
    }
    const RuleId background = rules.background_feed(id);
    if (background != 0) {
      std::string text = "background";
      put_bytes(text, fingerprint);
      vocabulary.rules.emplace(background, XXH3_64bits(text.data(), text.size()));
    }
  }
  for (const FieldId field : rules.captures()) {
    vocabulary.captures.emplace_back(rules.fields().name(field));
  }
  return vocabulary;
}

std::string HitVocabulary::encode() const {
  std::string text;
  put_bytes(text, static_cast<uint32_t>(rules.size()));
  for (const auto& [id, meaning] : rules) {
    put_bytes(text, id);
    put_bytes(text, meaning);
  }
  put_bytes(text, static_cast<uint32_t>(captures.size()));
  for (const std::string& name : captures) put_text(text, name);
  return text;
}

std::optional<HitVocabulary> HitVocabulary::decode(std::string_view text) {
  HitVocabulary vocabulary;
  uint32_t count = 0;
  if (!take_bytes(text, count)) return std::nullopt;
  for (uint32_t i = 0; i < count; ++i) {
    RuleId id = 0;
    uint64_t meaning = 0;
    if (!take_bytes(text, id) || !take_bytes(text, meaning)) return std::nullopt;
    vocabulary.rules.emplace(id, meaning);
  }
  if (!take_bytes(text, count)) return std::nullopt;
  for (uint32_t i = 0; i < count; ++i) {
    std::string_view name;
    if (!take_text(text, name)) return std::nullopt;
    vocabulary.captures.emplace_back(name);
  }
  if (!text.empty()) return std::nullopt;
  return vocabulary;
}

HitTranslation::HitTranslation(const HitVocabulary& from, const HitVocabulary& to)
    : captures_from_(from.captures.size()) {
  std::map<uint64_t, RuleId> known;
  for (const auto& [id, meaning] : to.rules) known.emplace(meaning, id);
  for (const auto& [id, meaning] : from.rules) {
    const auto same = known.find(meaning);
    if (same != known.end()) rules_.emplace(id, same->second);
  }
  for (size_t i = 0; i < captures_from_; ++i) {
    const auto place = std::ranges::find(to.captures, from.captures[i]);
    if (place == to.captures.end()) continue;
    captures_.emplace(static_cast<uint16_t>(i), static_cast<uint16_t>(place - to.captures.begin()));
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
