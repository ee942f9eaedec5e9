// NibbleSieve: where in a text one of a few windows of two to four bytes may begin, 32 places at a
// time.
//
// Method: the windows are dealt out to 16 buckets, in two halves of eight. For each byte of a
// window and each half of that byte, a table of 16 entries says in which buckets some window has
// that half there; the table is one register, and looking up 32 halves in it is one instruction.
// Where the answers for all halves have a bucket in common, a window may begin. (The packed
// matching of Teddy, by G. Langdale for Hyperscan; Wang et al., NSDI 2019, section 4.3.) Windows
// that share halves share buckets, so that a bucket says "no" as often as it can.
//
// It stands in front of the tables of TextScan where there are few texts; step by step that looks
// at one place where this looks at 32. x86 with AVX2 only, chosen at run time; elsewhere TextScan
// does without it.
//
// Thread rule: const after the constructor, shared. Tested by nibble_sieve_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace picket {

class NibbleSieve {
 public:
  static constexpr size_t kWindowMax = 4;
  static constexpr size_t kBlock = 64;
  static constexpr size_t kOverrun = kBlock + kWindowMax;

  // Whether this processor can.
  static bool supported();
  // `width` bytes of each of `windows` count, the lowest first.
  NibbleSieve(std::span<const uint64_t> windows, size_t width);

  // Sets bit i of masks[b] when a window may begin at text[b * kBlock + i], for all of `masks`.
  // REQUIRES: supported(); kWindowMax bytes behind the last block are readable.
  void find(const char* text, std::span<uint64_t> masks) const;

 private:
  static constexpr size_t kBuckets = 16;
  // The buckets that have a half of a byte at a place of the window: low halves, high halves.
  using Tables = std::array<std::array<std::array<uint8_t, 16>, 2>, kWindowMax>;
  struct Bucket {
    std::array<std::array<uint16_t, 2>, kWindowMax> halves{};  // sets
    std::array<double, kWindowMax> shares{};  // of the bytes in logs, those with both halves in
    double chance = 0;                        // at how many places the bucket says "maybe"

    void add(uint64_t window, size_t width);
  };
  // Bit i: a window may begin at from[i].
  uint32_t places(const char* from) const;

  alignas(16) std::array<Tables, kBuckets / 8> tables_{};
};

}  // namespace picket
