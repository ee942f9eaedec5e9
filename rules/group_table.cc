#include "rules/group_table.h"

#include <algorithm>

#include "rules/bytes.h"

namespace picket {
namespace {

// What a group costs besides its state and dossier: its slot, its place in the index when that is
// at its emptiest, and what the allocator adds to the state.
constexpr size_t kGroupOverhead = sizeof(Group) + 12 + 16;
// Of the budget, for the doorkeeper.
constexpr size_t kDoorShare = 4;

// Hits, for ranks below half way: the first six hits count one by one, further ones less.
uint8_t rank_of_hits(uint64_t hits) {
  constexpr std::array<uint64_t, 7> kSteps = {2, 3, 4, 5, 6, 9, 13};
  uint8_t rank = 0;
  while (rank < kSteps.size() && hits >= kSteps[rank]) ++rank;
  return rank;
}

// `unseen` hits are taken to have brought as much as the others did.
uint8_t rank_of(double progress, uint64_t hits, uint64_t unseen) {
  if (progress >= 1) return GroupTable::kHolds;
  double seen = static_cast<double>(std::max<uint64_t>(hits, 1));
  double likely = std::max(progress, 0.0) * (seen + static_cast<double>(unseen)) / seen;
  auto sixteenths = static_cast<uint8_t>(std::min(likely * 16, 15.0) + 1e-9);
  return std::max(sixteenths, rank_of_hits(hits + unseen));
}

}  // namespace

std::string GroupKey::encode() const {
  std::string bytes;
  put_bytes(bytes, rule);
  put_bytes(bytes, high);
  put_bytes(bytes, low);
  return bytes;
}

std::optional<GroupKey> GroupKey::decode(std::string_view bytes) {
  GroupKey key;
  bool good = take_bytes(bytes, key.rule) && take_bytes(bytes, key.high) &&
              take_bytes(bytes, key.low) && bytes.empty();
  return good ? std::optional(key) : std::nullopt;
}

GroupTable::GroupTable(size_t bytes_max, bool track_changes)
    : bytes_max_(bytes_max),
      track_changes_(track_changes),
      door_(bytes_max / kDoorShare),
      index_(0, SlotHash{&blocks_}, SlotEqual{&blocks_}) {}

Group* GroupTable::find(const GroupKey& key) {
  auto it = index_.find(key);
  return it == index_.end() ? nullptr : &slot(*it);
}

Group* GroupTable::add(const GroupKey& key, std::unique_ptr<GroupState> state) {
  uint32_t at = 0;
  if (free_.empty()) {
    at = slots_used_++;
    if (at % kBlock == 0) blocks_.push_back(std::make_unique<Block>());
  } else {
    at = free_.back();
    free_.pop_back();
  }
  Group& group = slot(at);
  group.key = key;
  group.state = std::move(state);
  group.place.slot = at;
  index_.insert(at);
  return &group;
}

void GroupTable::charge(Group& group) {
  size_t now = kGroupOverhead + group.state->bytes() + group.dossier.bytes();
  counts_.bytes = counts_.bytes - group.charged + now;
  if (group.place.linked && group.place.rank == kFires) firing_bytes_ += now - group.charged;
  group.charged = now;
}

void GroupTable::touch(Group& group, double progress, uint64_t hits) {
  GroupPlace& place_now = group.place;
  if (!place_now.linked) {
    uint32_t unseen = door_.count(GroupKeyHash()(group.key), group.key.high);
    place_now.unseen = static_cast<uint8_t>(unseen);
  }
  place(group, group.firing ? kFires : rank_of(progress, hits, place_now.unseen));
}

void GroupTable::restore(Group& group, uint8_t rank) {
  place(group, group.firing ? kFires : std::min(rank, kHolds));
}

void GroupTable::place(Group& group, uint8_t rank) {
  charge(group);
  const bool newcomer = !group.place.linked;
  if (newcomer || group.place.rank != rank) {
    if (!newcomer) unlink(group);
    link(group, rank);
  } else {
    group.place.hit_since = true;
  }
  group.place.aged = false;
  mark_changed(group);
  // A newcomer takes the place of lower ranks only; a group that grew, of its equals too.
  const int rank_max = std::min<int>(rank, kHolds) - (newcomer ? 1 : 0);
  if (!make_room(group.place.slot, rank_max) && !group.firing) {
    ++(newcomer ? counts_.refused : counts_.evictions);
    drop(group);
  } else if (newcomer && group.place.unseen > 0) {
    ++counts_.approximated;
  }
}

// The first to give way: the lowest rank that is not above `rank_max`, and in it the group that has
// been quiet for longest. A group that took hits since it was looked at last is passed over once
// instead of being moved at each hit (second chance, as in the clock algorithm).
uint32_t GroupTable::victim(uint32_t spare, int rank_max) {
  for (int rank = 0; rank <= rank_max; ++rank) {
    List& list = lists_[static_cast<size_t>(rank)];
    while (list.tail != kNone && list.tail != list.head) {
      Group& tail = slot(list.tail);
      if (!tail.place.hit_since && list.tail != spare) break;
      unlink(tail);
      link(tail, static_cast<uint8_t>(rank));
    }
    if (list.tail != kNone && list.tail != spare) return list.tail;
  }
  return kNone;
}

// False when the groups that may give way are not enough.
bool GroupTable::make_room(uint32_t spare, int rank_max) {
  while (counts_.bytes > bytes_max_ - bytes_max_ / kDoorShare) {
    uint32_t at = victim(spare, rank_max);
    if (at == kNone) return false;
    ++counts_.evictions;
    drop(slot(at));
  }
  return true;
}

// Erases, and leaves a note of the hits that are lost.
void GroupTable::drop(Group& group) {
  door_.note(GroupKeyHash()(group.key), group.key.high,
             std::max<uint64_t>(1, group.dossier.events()) + group.place.unseen);
  erase(group.key);
}

void GroupTable::age(Group& group) {
  if (group.place.aged) return;
  group.place.aged = true;
  auto half = static_cast<uint8_t>(group.place.rank / 2);
  unlink(group);
  link(group, half);
}

void GroupTable::mark_changed(Group& group) {
  if (!track_changes_ || group.place.dirty) return;
  group.place.dirty = true;
  dirty_.push_back(group.place.slot);
}

void GroupTable::erase(const GroupKey& key) {
  auto it = index_.find(key);
  if (it == index_.end()) return;
  uint32_t at = *it;
  Group& group = slot(at);
  if (group.place.linked) unlink(group);
  counts_.bytes -= group.charged;
  if (group.place.stored) erased_.push_back(key);
  index_.erase(it);
  group = Group{};
  free_.push_back(at);
}

void GroupTable::link(Group& group, uint8_t rank) {
  GroupPlace& at = group.place;
  List& list = lists_[rank];
  at.rank = rank;
  at.linked = true;
  if (rank == kFires) firing_bytes_ += group.charged;
  at.hit_since = false;
  at.previous = kNone;
  at.next = list.head;
  if (list.head != kNone) slot(list.head).place.previous = at.slot;
  list.head = at.slot;
  if (list.tail == kNone) list.tail = at.slot;
}

void GroupTable::unlink(Group& group) {
  GroupPlace& at = group.place;
  List& list = lists_[at.rank];
  if (at.rank == kFires) firing_bytes_ -= group.charged;
  (at.previous != kNone ? slot(at.previous).place.next : list.head) = at.next;
  (at.next != kNone ? slot(at.next).place.previous : list.tail) = at.previous;
}

GroupTable::Changes GroupTable::take_changes() {
  Changes changes;
  for (uint32_t at : dirty_) {
    Group& group = slot(at);
    if (!group.state || !group.place.dirty) continue;  // erased since
    group.place.dirty = false;
    group.place.stored = true;
    changes.changed.push_back(&group);
  }
  dirty_.clear();
  changes.erased = std::move(erased_);
  erased_.clear();
  return changes;
}

GroupStats GroupTable::stats() const {
  GroupStats stats = counts_;
  stats.groups = index_.size();
  stats.bytes += door_.bytes();
  stats.bytes_max = bytes_max_;
  return stats;
}

}  // namespace picket
