// GroupTable: the state of every (rule, group) that is being watched, within a byte budget.
//
// A group is known by a 128-bit hash of its values; the values themselves come with every hit and
// need not be kept. When the budget is used up, the least suspicious group that has been quiet for
// longest gives way. A newcomer never displaces a group that has more than one hit: if all kept
// groups have, the newcomer is turned away and counted, so inventing keys cannot push a prober out.
//
// Invariant: bytes() is at most the budget, but for groups of firing alerts, which are never
// dropped. Thread rule: the engine's thread. Tested by group_table_test.cc.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/alert.h"
#include "rules/correlator.h"
#include "rules/stats.h"

namespace picket {

struct GroupKey {
  uint64_t rule = 0;  // RuleInfo::fingerprint
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const GroupKey&) const = default;

  std::string encode() const;
  static std::optional<GroupKey> decode(std::string_view bytes);
};

struct GroupKeyHash {
  // The parts are hashes already.
  size_t operator()(const GroupKey& key) const { return key.low ^ (key.rule * 0x9E3779B97F4A7C15); }
};

// What an alert will show of the events so far. Bounded: the first and the last events are kept.
struct Dossier {
  uint64_t events = 0;
  std::vector<std::pair<std::string, uint64_t>> causes;  // at most kCausesMax, sorted by cause
  std::vector<EvidenceItem> first;
  std::vector<EvidenceItem> last;  // oldest first

  static constexpr size_t kCausesMax = 16;
  void add(EvidenceItem item, size_t keep);
  size_t bytes() const;
  void encode(std::string& out) const;
  bool decode(std::string_view& in);
};

struct Group {
  GroupKey key;
  uint32_t correlation = 0;
  std::unique_ptr<GroupState> state;
  Dossier dossier;
  Timestamp last{};
  bool firing = false;
  // Kept by the table.
  bool dirty = false;
  bool stored = false;  // take_changes() has handed it out: the state file may know it
  uint8_t rank = 0;
  uint32_t previous = 0;
  uint32_t next = 0;
  size_t charged = 0;
};

class GroupTable {
 public:
  // `track_changes`: take_changes() will be called; otherwise nothing is remembered for it.
  GroupTable(size_t bytes_max, bool track_changes);

  // The group under `key`, or null. A pointer is good until the next find_or_add, touch or erase.
  Group* find(const GroupKey& key);
  // The group, new if needed; `state` is called to make the state of a new one. Null: turned away.
  template <class MakeState>
  Group* find_or_add(const GroupKey& key, const MakeState& make_state) {
    if (Group* known = find(key)) return known;
    return add(key, make_state());
  }
  Group* add(const GroupKey& key, std::unique_ptr<GroupState> state);
  // Tells the table that `group` took a hit: `progress` is how near it is to an alert, 0 to 1.
  // Charges its bytes, makes room if needed and marks it changed. May evict others; `group` itself
  // only when this was its first hit and all others have more. REQUIRES: `group` is not used after.
  void touch(Group& group, double progress, uint64_t hits);
  // Tells the table that the state file must hear of `group`, though it took no hit.
  void mark_changed(Group& group);
  void erase(const GroupKey& key);
  // Drops groups whose last hit lies before `time(correlation)`. Looks at a bounded number per
  // call.
  template <class Before>
  void expire(const Before& before) {
    for (List& list : lists_) {
      for (int i = 0; i < kExpirePerCall && list.tail != kNone; ++i) {
        Group& group = slots_[list.tail];
        if (group.firing || group.last >= before(group)) break;
        erase(group.key);
      }
    }
  }

  // Calls `visit` for every group, in no particular order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Group& group : slots_) {
      if (group.state) visit(group);
    }
  }

  // Groups changed or erased since the last call, for the state file.
  struct Changes {
    std::vector<const Group*> changed;
    std::vector<GroupKey> erased;
  };
  Changes take_changes();

  GroupStats stats() const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr int kExpirePerCall = 4;
  static constexpr size_t kRanks = 4;  // one hit; under half way; over half way; holding or firing
  struct List {
    uint32_t head = kNone;  // most recently hit
    uint32_t tail = kNone;
  };

  void link(uint32_t slot, uint8_t rank);
  void unlink(uint32_t slot);
  bool make_room(size_t need, uint32_t spare);

  size_t bytes_max_;
  bool track_changes_;
  size_t bytes_ = 0;
  std::vector<Group> slots_;
  std::vector<uint32_t> free_;
  boost::unordered_flat_map<GroupKey, uint32_t, GroupKeyHash> index_;
  std::array<List, kRanks> lists_{};
  std::vector<uint32_t> dirty_;
  std::vector<GroupKey> erased_;
  uint64_t evictions_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace picket
