// HitTranslation: what hits of one rule set are in another.
//
// Hits that wait in the reorder buffer name rules and captures by number. When rules are changed
// while they wait, by a reload or over a restart, the numbers mean something else; this finds the
// new ones, so that windows of rules that did not change get what is theirs. A hit of a rule that
// is gone or means something else is nobody's any more.
//
// Thread rule: plain values. Tested by tests/rules/hit_translation_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/hit.h"
#include "rules/rule_set.h"

namespace picket {

// What the numbers in hits of a rule set stand for, in terms that any other understands.
struct HitVocabulary {
  std::map<RuleId, uint64_t> rules = {};  // and feeds: a hash of what it means
  std::vector<std::string> captures = {};

  static HitVocabulary of(const RuleSet& rules);
  // u32 n, n x (u32 id, u64 meaning); u32 n, n x text name
  std::string encode() const;
  // Nothing: the text is damaged.
  static std::optional<HitVocabulary> decode(std::string_view text);
};

class HitTranslation {
 public:
  HitTranslation(const HitVocabulary& from, const HitVocabulary& to);

  // Replaces the record. False: nothing of it is of use, or it is damaged.
  bool translate(std::string& record);

 private:
  std::map<RuleId, RuleId> rules_;  // also ids of feeds
  std::map<uint16_t, uint16_t> captures_;
  size_t captures_from_ = 0;
  HitView view_;
};

}  // namespace picket
