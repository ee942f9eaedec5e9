// AlertTable: alerts from firing to resolved.
//
// One alert per (rule, group). It opens when the condition first holds, is updated while it goes on
// holding, and ends once it has not held for the rule's resolve_after. Ending is driven by event
// time alone, so a replay ends alerts where the live run did.
//
// Each alert has a rank, so that the least important one is at hand when there are too many.
//
// Thread rule: the engine's thread. Tested by alert_table_test.cc.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rules/alert.h"
#include "rules/group_table.h"

namespace picket {

struct ActiveAlert {
  Alert alert;
  GroupKey key;
  uint32_t correlation = 0;
  Timestamp due{};       // resolves when the watermark passes this
  size_t escalated = 0;  // steps of the rule's escalation taken
  bool shadow = false;   // evaluated and counted, never delivered
  uint8_t rank = 0;      // below AlertTable::kRanks; the lowest gives way first
  bool changed = false;  // the state file will hear of it
  bool stale = false;    // counts and evidence lag behind the group's dossier
  Timestamp emitted{};   // event time at which outputs heard of it last
};

class AlertTable {
 public:
  static constexpr size_t kRanks = 6;

  ActiveAlert* find(const GroupKey& key);
  // REQUIRES: no alert is active under alert.key.
  ActiveAlert& open(ActiveAlert alert);
  // Moves the time at which it ends.
  void extend(ActiveAlert& alert, Timestamp due);
  void set_rank(ActiveAlert& alert, uint8_t rank);
  // Of the lowest rank, the one that ends first; null when there is none.
  ActiveAlert* least();
  // Takes out the alert under `key`. REQUIRES: it is active.
  ActiveAlert take(const GroupKey& key);
  // The alert that ends first, if it ends before `time`; taken out.
  std::optional<ActiveAlert> take_due(Timestamp time);

  size_t size() const { return alerts_.size(); }
  // By starts_at, then id.
  std::vector<Alert> snapshot() const;

  // For the state file.
  static std::string encode(const ActiveAlert& alert);
  static std::optional<ActiveAlert> decode(std::string_view bytes);
  template <class Visit>
  void for_each(const Visit& visit) {
    for (auto& [key, alert] : alerts_) visit(alert);
  }

 private:
  boost::unordered_flat_map<GroupKey, ActiveAlert, GroupKeyHash> alerts_;
  std::array<std::set<std::pair<Timestamp, GroupKey>>, kRanks> due_;  // by rank
};

}  // namespace picket
