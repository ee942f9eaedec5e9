// NibbleSieve: never misses a place, and spares most others.
#include "rules/nibble_sieve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <string>
#include <vector>

namespace picket {
namespace {

uint64_t window_at(const std::string& text, size_t at, size_t width) {
  uint64_t window = 0;
  for (size_t i = 0; i < width; ++i) {
    window |= uint64_t{static_cast<unsigned char>(text[at + i])} << 8 * i;
  }
  return window;
}

TEST(NibbleSieve, MarksEveryPlaceOfAWindow) {
  if (!NibbleSieve::supported()) GTEST_SKIP() << "no AVX2";
  std::mt19937 random(5);
  constexpr size_t kBlocks = 3;
  constexpr size_t kSize = kBlocks * NibbleSieve::kBlock;
  for (int round = 0; round < 300; ++round) {
    const size_t width = 2 + random() % 3;
    std::string text(kSize + NibbleSieve::kOverrun, '\0');
    for (char& c : text) c = static_cast<char>(random() % 2 ? 'a' + random() % 26 : random());
    std::vector<uint64_t> windows;
    for (size_t i = 0; i < 1 + random() % 60; ++i) {
      windows.push_back(window_at(text, random() % kSize, width));
    }
    const NibbleSieve sieve(windows, width);
    uint64_t masks[kBlocks];
    sieve.find(text.data(), masks);
    for (size_t at = 0; at < kSize; ++at) {
      const uint64_t window = window_at(text, at, width);
      if (std::find(windows.begin(), windows.end(), window) == windows.end()) continue;
      ASSERT_TRUE(masks[at / NibbleSieve::kBlock] >> at % NibbleSieve::kBlock & 1) << at;
    }
  }
}

TEST(NibbleSieve, SparesMostPlaces) {
  if (!NibbleSieve::supported()) GTEST_SKIP() << "no AVX2";
  std::mt19937 random(6);
  std::string text(NibbleSieve::kBlock * 64 + NibbleSieve::kOverrun, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  std::vector<uint64_t> windows;
  for (size_t i = 0; i < 40; ++i) windows.push_back((random() & 0x0F0F0F0F) | 0x60606060);
  const NibbleSieve sieve(windows, 4);
  std::vector<uint64_t> masks(64);
  sieve.find(text.data(), masks);
  int marked = 0;
  for (uint64_t mask : masks) marked += std::popcount(mask);
  EXPECT_LT(marked, static_cast<int>(masks.size() * NibbleSieve::kBlock / 10));
}

}  // namespace
}  // namespace picket
