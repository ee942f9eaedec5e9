// Doorkeeper: how often keys that have no place in the GroupTable were seen, in four bytes each.
//
// Exact state costs hundreds of bytes per group; a flood of invented keys is millions of them. The
// doorkeeper remembers a fingerprint, a count and an age per key, so a quarter of a budget of
// 64 MiB holds four million keys, and a slow prober among them is still known when it returns.
// Against a count-min sketch of the same size: its error grows with all hits of the flood and makes
// newcomers look seen before, while a fingerprint is mistaken for another in one of 4,096 look-ups
// whatever the load; and forgetting the oldest needs no halving pass.
//
// Layout: buckets of 16 entries, one cache line. Entry: 16 bits fingerprint, 4 bits count (at most
// kCountMax), 12 bits age; 0 is empty. A full bucket gives up its oldest entry, whatever its count:
// a key counts for as long as about as many others as there are entries have come after it.
//
// References: TinyLFU admission (Einziger, Friedman and Manes, ACM TOS 2017); buckets of
// fingerprints as in cuckoo filters (Fan et al., CoNEXT 2014), without moving them.
// Nothing is allocated before the first note(). Thread rule: one owner. Tested by
// doorkeeper_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace picket {

class Doorkeeper {
 public:
  static constexpr uint32_t kCountMax = 15;

  explicit Doorkeeper(size_t bytes_max);

  // What note() said last of the key with these two hashes, 0 if it is not known (any more).
  uint32_t count(uint64_t place, uint64_t print) const;
  // The key was seen `count` times so far. REQUIRES: count > 0.
  void note(uint64_t place, uint64_t print, uint64_t count);

  size_t bytes() const { return buckets_.size() * sizeof(Bucket); }

 private:
  struct alignas(64) Bucket {
    std::array<uint32_t, 16> entries = {};
  };

  uint32_t age_now() const { return static_cast<uint32_t>(newcomers_ / per_age_) & 0xFFF; }

  size_t size_ = 1;  // in buckets, a power of two
  uint64_t per_age_ = 1;
  uint64_t newcomers_ = 0;
  std::vector<Bucket> buckets_;
};

}  // namespace picket
