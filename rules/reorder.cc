#include "rules/reorder.h"

#include <algorithm>
#include <tuple>

namespace picket {
namespace {

// A heap keeps its largest element first, so "less" means "comes later".
bool comes_later(const PendingHit& a, const PendingHit& b) {
  return std::tie(a.key, a.stream, a.order) > std::tie(b.key, b.stream, b.order);
}

}  // namespace

void ReorderBuffer::push(PendingHit hit) {
  bytes_ += sizeof(PendingHit) + hit.record.size();
  heap_.push_back(std::move(hit));
  std::push_heap(heap_.begin(), heap_.end(), comes_later);
}

PendingHit ReorderBuffer::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), comes_later);
  PendingHit hit = std::move(heap_.back());
  heap_.pop_back();
  bytes_ -= sizeof(PendingHit) + hit.record.size();
  return hit;
}

}  // namespace picket
