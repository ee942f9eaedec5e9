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

uint64_t count_lines(const LineBatch& batch) {
  if (batch.kind == BatchKind::OversizeLine) return 1;
  if (batch.kind == BatchKind::EndOfStream) return 0;
  const std::string_view text = batch.bytes.view();
  uint64_t lines = text.empty() || text.back() == '\n' ? 0 : 1;
  // Blocks whose count fits into one byte: compilers turn the inner loop into byte-wide vector
  // instructions, which makes this a small part of what reading the bytes costs.
  constexpr size_t kBlock = 255;
  for (size_t at = 0; at < text.size(); at += kBlock) {
    uint8_t found = 0;
    for (const char c : text.substr(at, kBlock)) found = static_cast<uint8_t>(found + (c == '\n'));
    lines += found;
  }
  return lines;
}

// A character of up to three bytes was one unit of two bytes, U+FFFD that stands for half of a pair
// included; one of four bytes was two units.
uint64_t stored_size(const LineBatch& batch, std::string_view text) {
  if (!batch.utf16) return text.size();
  uint64_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    units += (byte & 0xC0) != 0x80;
    units += byte >= 0xF0;
  }
  return 2 * units;
}

}  // namespace picket
