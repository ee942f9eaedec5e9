#include "rules/doorkeeper.h"

#include <algorithm>
#include <bit>

namespace picket {
namespace {

constexpr uint32_t kCountShift = 12;
constexpr uint32_t kPrintShift = 16;
constexpr uint32_t kAgeMask = 0xFFF;
// The age counter goes once round while every entry could have been replaced this many times.
constexpr uint64_t kTurnovers = 8;

uint32_t print_of(uint64_t print) { return static_cast<uint32_t>(print >> 48); }
uint32_t count_of(uint32_t entry) { return entry >> kCountShift & Doorkeeper::kCountMax; }

}  // namespace

Doorkeeper::Doorkeeper(size_t bytes_max)
    : size_(std::bit_floor(std::max<size_t>(1, bytes_max / sizeof(Bucket)))) {
  uint64_t entries = size_ * Bucket().entries.size();
  per_age_ = std::max<uint64_t>(1, entries * kTurnovers / (kAgeMask + 1));
}

uint32_t Doorkeeper::count(uint64_t place, uint64_t print) const {
  if (buckets_.empty()) return 0;
  for (uint32_t entry : buckets_[place & (size_ - 1)].entries) {
    if (entry != 0 && entry >> kPrintShift == print_of(print)) return count_of(entry);
  }
  return 0;
}

void Doorkeeper::note(uint64_t place, uint64_t print, uint64_t count) {
  if (buckets_.empty()) buckets_.resize(size_);
  uint32_t now = age_now();
  auto capped = static_cast<uint32_t>(std::min<uint64_t>(count, kCountMax));
  uint32_t fresh = print_of(print) << kPrintShift | capped << kCountShift | now;
  uint32_t* oldest = nullptr;
  uint32_t oldest_age = 0;
  for (uint32_t& entry : buckets_[place & (size_ - 1)].entries) {
    if (entry != 0 && entry >> kPrintShift == print_of(print)) {
      entry = fresh;
      return;
    }
    uint32_t age = entry == 0 ? UINT32_MAX : (now - entry) & kAgeMask;
    if (oldest == nullptr || age > oldest_age) {
      oldest = &entry;
      oldest_age = age;
    }
  }
  *oldest = fresh;
  ++newcomers_;
}

}  // namespace picket
