// BitFilter: a quick "no" in front of a table that is asked for far more keys than it holds.
//
// One bit per key in an array of 32 to 64 bits for each, chosen by the top bits of the key's hash
// (a Bloom filter with a single hash function; Bloom, CACM 13(7), 1970). One look that stays in the
// nearest cache spares the probe of the table for 31 of 32 keys that are not in it, or more.
//
// Bounds: at most 256 KiB, however many keys.
// Thread rule: const after the last add(). Tested by text_scan_test.cc and matcher_test.cc.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace picket {

class BitFilter {
 public:
  BitFilter() = default;
  explicit BitFilter(size_t keys) {
    constexpr size_t kBitsPerKey = 32;
    constexpr size_t kBitsMin = 1024;
    constexpr size_t kBitsMax = size_t{1} << 21;
    const size_t bits = std::clamp(std::bit_ceil(keys * kBitsPerKey), kBitsMin, kBitsMax);
    shift_ = 64 - std::countr_zero(bits);
    words_.resize(bits / 64);
  }

  // REQUIRES: made for some number of keys. The top bits of `hash` must be well mixed.
  void add(uint64_t hash) {
    const uint64_t bit = hash >> shift_;
    words_[bit / 64] |= uint64_t{1} << bit % 64;
  }
  bool may_hold(uint64_t hash) const { return View(*this).may_hold(hash); }

  // For a loop that asks often: a copy in registers.
  class View {
   public:
    explicit View(const BitFilter& filter) : words_(filter.words_.data()), shift_(filter.shift_) {}
    bool may_hold(uint64_t hash) const {
      const uint64_t bit = hash >> shift_;
      return words_[bit / 64] >> (bit % 64) & 1;
    }

   private:
    const uint64_t* words_;
    int shift_;
  };

 private:
  int shift_ = 54;
  std::vector<uint64_t> words_ = std::vector<uint64_t>(16);
};

// Mixes a key of up to eight bytes (multiplication by the golden ratio; Knuth, TAOCP 3, 6.4).
inline uint64_t mixed(uint64_t key) { return key * 0x9E3779B97F4A7C15U; }

}  // namespace picket
