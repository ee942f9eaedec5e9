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

void ReorderBuffer::push(const PendingHit& hit) {
  uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot] = hit;
  heap_.push_back({hit.key, hit.order, hit.place, slot});
  std::push_heap(heap_.begin(), heap_.end(), comes_later);
}

void ReorderBuffer::pop(PendingHit& out) {
  std::pop_heap(heap_.begin(), heap_.end(), comes_later);
  const uint32_t slot = heap_.back().slot;
  heap_.pop_back();
  std::swap(out, slots_[slot]);
  free_.push_back(slot);
  // A long wait is over: what it took is given back.
  constexpr size_t kSlotsKept = 4096;
  if (heap_.empty() && slots_.size() > kSlotsKept) {
    slots_ = {};
    free_ = {};
  }
}

}  // namespace picket
