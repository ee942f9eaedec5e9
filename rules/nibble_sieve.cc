#include "rules/nibble_sieve.h"

#include <algorithm>
#include <string_view>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace picket {
namespace {

// How often a byte occurs in folded log lines, roughly and in no unit.
constexpr double frequency(uint8_t byte) {
  const char c = static_cast<char>(byte);
  if (std::string_view("etaoinsr\"").find(c) != std::string_view::npos) return 4;
  if (std::string_view("lcdmup\\. ,:0123456789").find(c) != std::string_view::npos) return 2;
  if (c >= 'a' && c <= 'z') return 1;
  return byte >= 0x20 && byte < 0x7F && (c < 'A' || c > 'Z') ? 0.2 : 0.01;
}

using FrequencyTable = std::array<double, 256>;

constexpr FrequencyTable frequencies() {
  FrequencyTable table{};
  double sum = 0;
  for (size_t i = 0; i < table.size(); ++i) sum += table[i] = frequency(static_cast<uint8_t>(i));
  for (double& one : table) one /= sum;
  return table;
}

constexpr FrequencyTable kFrequencies = frequencies();

}  // namespace

void NibbleSieve::Bucket::add(uint64_t window, size_t width) {
  chance = 1;
  for (size_t i = 0; i < width; ++i) {
    const auto byte = static_cast<uint8_t>(window >> 8 * i);
    const size_t low = byte & 15;
    const size_t high = byte >> 4;
    auto& [lows, highs] = halves[i];
    if (!(lows >> low & 1)) {
      lows = static_cast<uint16_t>(lows | 1 << low);
      for (size_t h = 0; h < 16; ++h) {
        if (highs >> h & 1) shares[i] += kFrequencies[h << 4 | low];
      }
    }
    if (!(highs >> high & 1)) {
      highs = static_cast<uint16_t>(highs | 1 << high);
      for (size_t l = 0; l < 16; ++l) {
        if (lows >> l & 1) shares[i] += kFrequencies[high << 4 | l];
      }
    }
    chance *= shares[i];
  }
}

// Each window goes to the bucket that it widens the least.
NibbleSieve::NibbleSieve(std::span<const uint64_t> windows, size_t width) {
  std::vector<uint64_t> sorted(windows.begin(), windows.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::array<Bucket, kBuckets> buckets{};
  for (uint64_t window : sorted) {
    size_t best = 0;
    double least = 0;
    Bucket widened{};
    for (size_t i = 0; i < kBuckets; ++i) {
      Bucket wider = buckets[i];
      wider.add(window, width);
      const double more = wider.chance - buckets[i].chance;
      if (i > 0 && more >= least) continue;
      best = i;
      least = more;
      widened = wider;
    }
    buckets[best] = widened;
  }
  for (size_t b = 0; b < kBuckets; ++b) {
    for (size_t i = 0; i < kWindowMax; ++i) {
      for (size_t half = 0; half < 2; ++half) {
        const uint16_t set = i < width ? buckets[b].halves[i][half] : UINT16_MAX;
        for (size_t n = 0; n < 16; ++n) {
          uint8_t& buckets_with = tables_[b / 8][i][half][n];
          buckets_with = static_cast<uint8_t>(buckets_with | (set >> n & 1) << b % 8);
        }
      }
    }
  }
}

#if defined(__x86_64__)

bool NibbleSieve::supported() { return __builtin_cpu_supports("avx2") != 0; }

namespace {

// 16 entries in each half of a register. REQUIRES: `from` is aligned.
[[gnu::target("avx2")]] inline __m256i doubled(const std::array<uint8_t, 16>& from) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(&from)));
}

}  // namespace

[[gnu::target("avx2")]] uint32_t NibbleSieve::places(const char* from) const {
  const __m256i half = _mm256_set1_epi8(15);
  __m256i first = _mm256_set1_epi8(-1);
  __m256i second = first;
  for (size_t i = 0; i < kWindowMax; ++i) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
    const __m256i low = _mm256_and_si256(bytes, half);
    first = _mm256_and_si256(first, _mm256_shuffle_epi8(doubled(tables_[0][i][0]), low));
    first = _mm256_and_si256(first, _mm256_shuffle_epi8(doubled(tables_[0][i][1]), high));
    second = _mm256_and_si256(second, _mm256_shuffle_epi8(doubled(tables_[1][i][0]), low));
    second = _mm256_and_si256(second, _mm256_shuffle_epi8(doubled(tables_[1][i][1]), high));
  }
  const __m256i any = _mm256_or_si256(first, second);
  const __m256i none = _mm256_cmpeq_epi8(any, _mm256_setzero_si256());
  return ~static_cast<uint32_t>(_mm256_movemask_epi8(none));
}

[[gnu::target("avx2")]] void NibbleSieve::find(const char* text, std::span<uint64_t> masks) const {
  for (uint64_t& mask : masks) {
    mask = places(text) | static_cast<uint64_t>(places(text + kBlock / 2)) << (kBlock / 2);
    text += kBlock;
  }
}

#else

bool NibbleSieve::supported() { return false; }
void NibbleSieve::find(const char*, std::span<uint64_t> masks) const {
  std::fill(masks.begin(), masks.end(), ~uint64_t{0});
}

#endif

}  // namespace picket
