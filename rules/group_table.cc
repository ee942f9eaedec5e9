#include "rules/group_table.h"

#include <algorithm>

#include "rules/bytes.h"

namespace picket {
namespace {

// What a group costs besides its state and dossier: its slot and its place in the index.
constexpr size_t kGroupOverhead = sizeof(Group) + 48;

size_t text_bytes(const EvidenceItem& item) {
  size_t bytes = sizeof(EvidenceItem);
  for (const std::string* text : {&item.request_id, &item.method, &item.path, &item.status,
                                  &item.code, &item.cause, &item.target}) {
    if (text->capacity() > 15) bytes += text->capacity() + 1;
  }
  return bytes;
}

void encode_item(const EvidenceItem& item, std::string& out) {
  put_bytes(out, to_ms(item.time));
  for (const std::string* text : {&item.request_id, &item.method, &item.path, &item.status,
                                  &item.code, &item.cause, &item.target}) {
    put_text(out, *text);
  }
}

bool decode_item(std::string_view& in, EvidenceItem& item) {
  int64_t time = 0;
  if (!take_bytes(in, time)) return false;
  item.time = timestamp_ms(time);
  for (std::string* text : {&item.request_id, &item.method, &item.path, &item.status, &item.code,
                            &item.cause, &item.target}) {
    if (!take_text(in, *text)) return false;
  }
  return true;
}

bool decode_items(std::string_view& in, std::vector<EvidenceItem>& items) {
  uint32_t count = 0;
  if (!take_bytes(in, count) || count > in.size()) return false;
  items.resize(count);
  return std::all_of(items.begin(), items.end(),
                     [&](EvidenceItem& item) { return decode_item(in, item); });
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

void Dossier::add(EvidenceItem item, size_t keep) {
  ++events;
  auto at =
      std::lower_bound(causes.begin(), causes.end(), item.cause,
                       [](const auto& known, const auto& name) { return known.first < name; });
  if (at != causes.end() && at->first == item.cause) {
    ++at->second;
  } else if (causes.size() < kCausesMax && !item.cause.empty()) {
    causes.insert(at, {item.cause, 1});
  }
  size_t first_max = (keep + 1) / 2;
  size_t last_max = keep - first_max;
  if (first.size() < first_max) {
    first.push_back(std::move(item));
  } else if (last_max > 0) {
    if (last.size() == last_max) last.erase(last.begin());
    last.push_back(std::move(item));
  }
}

size_t Dossier::bytes() const {
  size_t bytes = causes.capacity() * sizeof(causes[0]);
  bytes += (first.capacity() - first.size() + last.capacity() - last.size()) * sizeof(EvidenceItem);
  for (const EvidenceItem& item : first) bytes += text_bytes(item);
  for (const EvidenceItem& item : last) bytes += text_bytes(item);
  return bytes;
}

void Dossier::encode(std::string& out) const {
  put_bytes(out, events);
  put_bytes(out, static_cast<uint32_t>(causes.size()));
  for (const auto& [cause, count] : causes) {
    put_text(out, cause);
    put_bytes(out, count);
  }
  for (const auto* items : {&first, &last}) {
    put_bytes(out, static_cast<uint32_t>(items->size()));
    for (const EvidenceItem& item : *items) encode_item(item, out);
  }
}

bool Dossier::decode(std::string_view& in) {
  uint32_t count = 0;
  if (!take_bytes(in, events) || !take_bytes(in, count) || count > kCausesMax) return false;
  causes.resize(count);
  for (auto& [cause, number] : causes) {
    if (!take_text(in, cause) || !take_bytes(in, number)) return false;
  }
  return decode_items(in, first) && decode_items(in, last);
}

GroupTable::GroupTable(size_t bytes_max, bool track_changes)
    : bytes_max_(bytes_max), track_changes_(track_changes) {}

Group* GroupTable::find(const GroupKey& key) {
  auto it = index_.find(key);
  return it == index_.end() ? nullptr : &slots_[it->second];
}

Group* GroupTable::add(const GroupKey& key, std::unique_ptr<GroupState> state) {
  size_t need = kGroupOverhead + state->bytes();
  if (bytes_ + need > bytes_max_ && !make_room(need, kNone)) {
    ++refused_;
    return nullptr;
  }
  uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Group& group = slots_[slot];
  group.key = key;
  group.state = std::move(state);
  group.charged = need;
  bytes_ += need;
  index_.emplace(key, slot);
  link(slot, 0);
  return &group;
}

// Evicts groups with a single hit, the longest quiet first, until `need` bytes fit.
bool GroupTable::make_room(size_t need, uint32_t spare) {
  while (bytes_ + need > bytes_max_) {
    uint32_t victim = lists_[0].tail;
    if (victim == spare && victim != kNone) victim = slots_[victim].previous;
    if (victim == kNone) return false;
    ++evictions_;
    erase(slots_[victim].key);
  }
  return true;
}

void GroupTable::touch(Group& group, double progress, uint64_t hits) {
  auto slot = static_cast<uint32_t>(&group - slots_.data());
  size_t now = kGroupOverhead + group.state->bytes() + group.dossier.bytes();
  bytes_ = bytes_ - group.charged + now;
  group.charged = now;
  unlink(slot);
  uint8_t rank = progress >= 1 || group.firing ? 3 : progress > 0.5 ? 2 : 1;
  if (hits <= 1 && rank < 3) rank = 0;
  link(slot, rank);
  mark_changed(group);
  // A group that grew may cost others their place: first single hits, then those furthest from an
  // alert. Groups that hold are never dropped.
  if (bytes_ > bytes_max_ && !make_room(0, slot)) {
    if (rank == 0) {  // it got in through a gap that its evidence does not fit into
      ++refused_;
      erase(group.key);
      return;
    }
    for (size_t rank_limit = 1; rank_limit < kRanks - 1 && bytes_ > bytes_max_; ++rank_limit) {
      while (bytes_ > bytes_max_) {
        uint32_t victim = lists_[rank_limit].tail;
        if (victim == slot) victim = slots_[victim].previous;
        if (victim == kNone) break;
        ++evictions_;
        erase(slots_[victim].key);
      }
    }
  }
}

void GroupTable::mark_changed(Group& group) {
  if (!track_changes_ || group.dirty) return;
  group.dirty = true;
  dirty_.push_back(static_cast<uint32_t>(&group - slots_.data()));
}

void GroupTable::erase(const GroupKey& key) {
  auto it = index_.find(key);
  if (it == index_.end()) return;
  uint32_t slot = it->second;
  unlink(slot);
  bytes_ -= slots_[slot].charged;
  if (slots_[slot].stored) erased_.push_back(key);
  slots_[slot] = Group{};
  free_.push_back(slot);
  index_.erase(it);
}

void GroupTable::link(uint32_t slot, uint8_t rank) {
  Group& group = slots_[slot];
  List& list = lists_[rank];
  group.rank = rank;
  group.previous = kNone;
  group.next = list.head;
  if (list.head != kNone) slots_[list.head].previous = slot;
  list.head = slot;
  if (list.tail == kNone) list.tail = slot;
}

void GroupTable::unlink(uint32_t slot) {
  Group& group = slots_[slot];
  List& list = lists_[group.rank];
  if (group.previous != kNone) {
    slots_[group.previous].next = group.next;
  } else {
    list.head = group.next;
  }
  if (group.next != kNone) {
    slots_[group.next].previous = group.previous;
  } else {
    list.tail = group.previous;
  }
}

GroupTable::Changes GroupTable::take_changes() {
  Changes changes;
  for (uint32_t slot : dirty_) {
    Group& group = slots_[slot];
    if (!group.state || !group.dirty) continue;  // erased since
    group.dirty = false;
    group.stored = true;
    changes.changed.push_back(&group);
  }
  dirty_.clear();
  changes.erased = std::move(erased_);
  erased_.clear();
  return changes;
}

GroupStats GroupTable::stats() const {
  return {index_.size(), bytes_, bytes_max_, evictions_, refused_};
}

}  // namespace picket
