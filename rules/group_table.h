// GroupTable: the state of every (rule, group) that is being watched, within a byte budget.
//
// A group is known by a 128-bit hash of its values; the values themselves come with every hit and
// need not be kept. While there is room, every group is kept exactly. When the budget is used up,
// groups compete, and whoever invents keys must not be able to push a prober out:
//
//  1. Rank. A group ranks by how near it is to an alert, in sixteenths, and below half way also by
//     how many hits it took, so that rules with high thresholds can tell a second hit from a first.
//     Groups that fire rank above all others and are never dropped.
//  2. Admission. A newcomer is judged with its hit like anyone else (it may fire at once), and then
//     stays only if there is room or a group of *lower* rank gives way; of those the lowest rank,
//     and in it the one that was quiet for longest. Equals keep their place: a second flood of keys
//     with two hits each changes nothing for groups that had two before it.
//  3. Doorkeeper. Of a newcomer that is turned away, and of a group that gave way, a few bytes
//     remember how many hits it had (see doorkeeper.h). When it returns, its rank is that of the
//     hits it would have: an upper bound of its progress. So a prober that comes when the table is
//     full of groups with k hits gets its place with its hit k + 1 and keeps it; it is found k hits
//     later than with unlimited memory, and never lost. To displace a group that is d hits near an
//     alert an attacker must spend d + 1 hits on each key, not one.
//  4. Ageing. A group that was quiet for more than half the time that it matters counts for half
//     its rank, one quiet for longer is dropped. So groups left half way do not hold their place
//     for ever.
//
// Approximation begins with the first newcomer that is turned away, and is counted: `refused` hits
// had no place, `approximated` groups began with hits missing, `evictions` groups gave way.
//
// Invariant: after touch(), bytes() is at most the budget, but for groups of firing alerts, of
// which the engine ends some when they hold more than half of it. A quarter of the budget belongs
// to the doorkeeper, which takes it when it is needed first. Thread rule: the engine's thread.
// Tested by group_table_test.cc and group_table_flood_test.cc.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/correlator.h"
#include "rules/doorkeeper.h"
#include "rules/dossier.h"
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

// Where a group stands in its table.
struct GroupPlace {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t slot = kNone;
  uint32_t previous = kNone;  // in the list of its rank
  uint32_t next = kNone;
  uint8_t rank = 0;
  uint8_t unseen = 0;      // hits that it had without a place
  bool linked = false;     // it was touched since it was added
  bool hit_since = false;  // since it came to the head of its list
  bool aged = false;
  bool dirty = false;
  bool stored = false;  // take_changes() has handed it out: the state file may know it
};

struct Group {
  GroupKey key;
  Timestamp last{};
  std::unique_ptr<GroupState> state;
  uint32_t correlation = 0;
  bool firing = false;
  GroupPlace place;  // kept by the table
  size_t charged = 0;
  Dossier dossier;
};

class GroupTable {
 public:
  // Ranks of groups that hold without firing, and of those that fire.
  static constexpr uint8_t kHolds = 16;
  static constexpr uint8_t kFires = 17;

  // `track_changes`: take_changes() will be called; otherwise nothing is remembered for it.
  GroupTable(size_t bytes_max, bool track_changes);
  GroupTable(const GroupTable&) = delete;  // the index refers to the slots
  GroupTable& operator=(const GroupTable&) = delete;

  // The group under `key`, or null. A pointer is good until the next touch, expire or erase.
  Group* find(const GroupKey& key);
  // The group, new if needed; `state` is called to make the state of a new one. REQUIRES: touch()
  // follows, which decides whether a new one stays.
  template <class MakeState>
  Group* find_or_add(const GroupKey& key, const MakeState& make_state) {
    if (Group* known = find(key)) return known;
    return add(key, make_state());
  }
  Group* add(const GroupKey& key, std::unique_ptr<GroupState> state);
  // Tells the table that `group` took a hit: `progress` is how near it is to an alert, 0 to 1, and
  // `hits` how many it took. Charges its bytes, makes room if needed and marks it changed. May drop
  // others, or `group` itself. REQUIRES: `group` is not used after.
  void touch(Group& group, double progress, uint64_t hits);
  // The group as touch() left it: `rank` as it was in Group::place. REQUIRES: as for touch().
  void restore(Group& group, uint8_t rank);
  // Tells the table that the state file must hear of `group`, though it took no hit.
  void mark_changed(Group& group);
  void erase(const GroupKey& key);
  // Looks at the next few groups in turn: drops those that were quiet for longer than
  // `memory(group)`, and ages those that were for more than half of it. Groups for which
  // `waits(group)` stay.
  template <class Memory, class Waits>
  void expire(Timestamp now, const Memory& memory, const Waits& waits) {
    for (int i = 0; i < kLooksPerCall && slots_used_ > 0; ++i) {
      if (++hand_ >= slots_used_) hand_ = 0;
      Group& group = slot(hand_);
      if (!group.state || group.firing || !group.place.linked) continue;
      Duration limit = memory(group);
      if (now <= group.last + limit / 2 || waits(group)) continue;
      if (now > group.last + limit) {
        erase(group.key);
      } else {
        age(group);
      }
    }
  }

  // Calls `visit` for every group, in no particular order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (uint32_t i = 0; i < slots_used_; ++i) {
      if (slot(i).state) visit(slot(i));
    }
  }

  // Groups changed or erased since the last call, for the state file.
  struct Changes {
    std::vector<const Group*> changed;
    std::vector<GroupKey> erased;
  };
  Changes take_changes();

  GroupStats stats() const;
  // Groups that fire are never dropped, so somebody has to see to it that they do not fill the
  // budget: true when they hold more than half of it.
  bool firing_over() const { return firing_bytes_ > bytes_max_ / 2; }

 private:
  static constexpr uint32_t kNone = GroupPlace::kNone;
  static constexpr int kLooksPerCall = 2;
  static constexpr size_t kRanks = kFires + 1;
  static constexpr size_t kBlock = 256;  // groups stay where they are; blocks are added
  struct List {
    uint32_t head = kNone;  // came last
    uint32_t tail = kNone;
  };
  using Block = std::array<Group, kBlock>;
  using Blocks = std::vector<std::unique_ptr<Block>>;

  // The index holds slot numbers alone; the keys are in the slots.
  struct SlotHash {
    using is_transparent = void;
    const Blocks* blocks;
    size_t operator()(uint32_t slot) const {
      return GroupKeyHash()((*(*blocks)[slot / kBlock])[slot % kBlock].key);
    }
    size_t operator()(const GroupKey& key) const { return GroupKeyHash()(key); }
  };
  struct SlotEqual {
    using is_transparent = void;
    const Blocks* blocks;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(const GroupKey& key, uint32_t slot) const {
      return (*(*blocks)[slot / kBlock])[slot % kBlock].key == key;
    }
    bool operator()(uint32_t slot, const GroupKey& key) const { return (*this)(key, slot); }
  };

  Group& slot(uint32_t at) { return (*blocks_[at / kBlock])[at % kBlock]; }
  const Group& slot(uint32_t at) const { return (*blocks_[at / kBlock])[at % kBlock]; }
  void charge(Group& group);
  void place(Group& group, uint8_t rank);
  void age(Group& group);
  void link(Group& group, uint8_t rank);
  void unlink(Group& group);
  uint32_t victim(uint32_t spare, int rank_max);
  bool make_room(uint32_t spare, int rank_max);
  void drop(Group& group);

  size_t bytes_max_;
  bool track_changes_;
  size_t firing_bytes_ = 0;  // of groups of rank kFires
  Doorkeeper door_;
  Blocks blocks_;
  uint32_t slots_used_ = 0;
  uint32_t hand_ = 0;
  std::vector<uint32_t> free_;
  boost::unordered_flat_set<uint32_t, SlotHash, SlotEqual> index_;
  std::array<List, kRanks> lists_{};
  std::vector<uint32_t> dirty_;
  std::vector<GroupKey> erased_;
  GroupStats counts_;
};

}  // namespace picket
