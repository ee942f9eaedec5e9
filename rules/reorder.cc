#include "rules/reorder.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace picket {

// A heap keeps its largest element first, so "less" means "comes later".
bool ReorderBuffer::comes_later(const Place& a, const Place& b) {
  if (a.key != b.key) return a.key > b.key;
  return std::tie(a.place, a.order) > std::tie(b.place, b.order);
}

size_t ReorderBuffer::size_of(const PendingHit& hit) {
  return sizeof(Slot) + sizeof(Place) + hit.record.size();
}

void ReorderBuffer::push(const PendingHit& hit) {
  while (!free_.empty() && slots_[free_.back()].waits) free_.pop_back();
  if (free_.empty()) make_slot(static_cast<uint32_t>(slots_.size()));
  const uint32_t slot = free_.back();
  free_.pop_back();
  enter(slot, hit);
  mark_changed(slot);
}

void ReorderBuffer::enter(uint32_t slot, const PendingHit& hit) {
  slots_[slot].hit = hit;
  slots_[slot].waits = true;
  bytes_ += size_of(hit);
  heap_.push_back({hit.key, hit.order, hit.place, slot});
  std::push_heap(heap_.begin(), heap_.end(), comes_later);
}

void ReorderBuffer::pop(PendingHit& out) {
  std::pop_heap(heap_.begin(), heap_.end(), comes_later);
  const uint32_t slot = heap_.back().slot;
  heap_.pop_back();
  bytes_ -= size_of(slots_[slot].hit);
  std::swap(out, slots_[slot].hit);
  slots_[slot].waits = false;
  free_.push_back(slot);
  mark_changed(slot);
  if (heap_.empty()) give_back();
}

void ReorderBuffer::take_changes(
    const std::function<void(uint32_t slot, const PendingHit* hit)>& visit) {
  for (const uint32_t at : changed_) {
    Slot& slot = slots_[at];
    slot.changed = false;
    if (slot.waits || slot.saved) visit(at, slot.waits ? &slot.hit : nullptr);
    saved_ += slot.waits;
    saved_ -= slot.saved;
    slot.saved = slot.waits;
  }
  changed_.clear();
  if (heap_.empty()) give_back();
}

bool ReorderBuffer::restore(uint32_t slot, const PendingHit& hit, bool changed) {
  if (!claim_saved(slot)) return false;
  enter(slot, hit);
  if (changed) mark_changed(slot);
  return true;
}

bool ReorderBuffer::restore_empty(uint32_t slot) {
  if (!claim_saved(slot)) return false;
  mark_changed(slot);
  return true;
}

bool ReorderBuffer::claim_saved(uint32_t slot) {
  if (slot >= kSlotsMax) return false;
  make_slot(slot);
  if (slots_[slot].waits || slots_[slot].saved) return false;
  slots_[slot].saved = true;
  ++saved_;
  return true;
}

void ReorderBuffer::mark_changed(uint32_t slot) {
  if (std::exchange(slots_[slot].changed, true)) return;
  changed_.push_back(slot);
}

// Makes all slots up to this one.
void ReorderBuffer::make_slot(uint32_t slot) {
  for (auto next = static_cast<uint32_t>(slots_.size()); next <= slot; ++next) {
    slots_.emplace_back();
    free_.push_back(next);
  }
}

// A long wait is over: what it took is given back, unless rows that were saved are to be erased
// yet.
void ReorderBuffer::give_back() {
  constexpr size_t kSlotsKept = 4096;
  if (slots_.size() <= kSlotsKept || saved_ > 0) return;
  slots_ = {};
  free_ = {};
  changed_ = {};
}

}  // namespace picket
