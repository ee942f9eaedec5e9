// PaddedBytes: storage. Only the padding is cleared: a SIMD parser reads it.
#include "rules/batch.h"

#include <cstring>
#include <utility>

namespace picket {

PaddedBytes::PaddedBytes(size_t capacity) { reserve(capacity); }

PaddedBytes::PaddedBytes(std::string_view text) { append(text); }

void PaddedBytes::reserve(size_t capacity) {
  if (bytes_ != nullptr && capacity <= capacity_) return;
  auto grown = std::make_unique_for_overwrite<char[]>(capacity + kPadding);
  if (size_ > 0) std::memcpy(grown.get(), bytes_.get(), size_);
  std::memset(grown.get() + capacity, 0, kPadding);
  bytes_ = std::move(grown);
  capacity_ = capacity;
}

void PaddedBytes::append(std::string_view text) {
  const size_t needed = size_ + text.size();
  if (bytes_ == nullptr || needed > capacity_) {
    // Doubling keeps a line that grows by small pieces linear.
    reserve(needed > 2 * capacity_ ? needed : 2 * capacity_);
  }
  if (!text.empty()) std::memcpy(bytes_.get() + size_, text.data(), text.size());
  size_ = needed;
}

void PaddedBytes::resize(size_t size) { size_ = size; }

}  // namespace picket
