// Cooldowns: groups whose alert has ended and may not open again before a stated time.
//
// At most kMax of them: whoever makes many alerts come and go must not fill the memory. Beyond that
// the one that ends first is forgotten, and its alert may open again too early: noise rather than
// silence.
//
// Thread rule: the engine's thread. Tested by alert_table_test.cc.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "rules/group_table.h"

namespace picket {

class Cooldowns {
 public:
  static constexpr size_t kMax = 100'000;

  // False when another one had to be forgotten for it.
  bool add(const GroupKey& key, Timestamp until) {
    forget(key);
    until_.emplace(key, until);
    order_.emplace(until, key);
    if (until_.size() <= kMax) return true;
    forget(order_.begin()->second);
    return false;
  }
  bool blocks(const GroupKey& key, Timestamp time) const {
    auto it = until_.find(key);
    return it != until_.end() && time < it->second;
  }
  void forget_before(Timestamp time) {
    while (!order_.empty() && order_.begin()->first < time) forget(order_.begin()->second);
  }
  // By group, for the state file.
  const std::map<GroupKey, Timestamp>& all() const { return until_; }

 private:
  void forget(GroupKey key) {
    auto it = until_.find(key);
    if (it == until_.end()) return;
    order_.erase({it->second, key});
    until_.erase(it);
  }

  std::map<GroupKey, Timestamp> until_;
  std::set<std::pair<Timestamp, GroupKey>> order_;
};

}  // namespace picket
