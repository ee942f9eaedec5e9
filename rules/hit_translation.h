// HitTranslation: what hits of one rule set are in another.
//
// Hits that wait in the reorder buffer name rules and captures by number. When rules are changed
// while they wait, the numbers mean something else; this finds the new ones, so that windows of
// rules that did not change get what is theirs. A hit of a rule that is gone or means something
// else is nobody's any more.
//
// Thread rule: immutable once made. Tested by tests/rules/hit_translation_test.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/hit.h"
#include "rules/rule_set.h"

namespace picket {

class HitTranslation {
 public:
  HitTranslation(const RuleSet& from, const RuleSet& to);

  // Replaces the record. False: nothing of it is of use, or it is damaged.
  bool translate(std::string& record);

 private:
  std::map<RuleId, RuleId> rules_;  // also ids of feeds
  std::map<uint16_t, uint16_t> captures_;
  size_t captures_from_ = 0;
  HitView view_;
};

}  // namespace picket
