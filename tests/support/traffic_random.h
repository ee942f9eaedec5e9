// Random: the generator behind Traffic. The standard distributions differ between libraries; this
// one gives the same rows for the same seed everywhere, which is what makes a benchmark or an
// end-to-end test comparable between machines.
//
// Thread rule: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace picket {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // 64 well mixed bits (the SplitMix64 step).
  uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // REQUIRES: bound > 0. A number in [0, bound).
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>(((bits() >> 32) * static_cast<uint64_t>(bound)) >> 32);
  }
  // A number in [0, 1).
  double unit() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

  // REQUIRES: items is not empty.
  template <typename Items>
  const auto& pick(const Items& items) {
    return items[below(static_cast<uint32_t>(std::size(items)))];
  }

  // Appends `prefix` and nine letters or digits, the form that Unkey's ids have.
  void append_id(std::string& out, std::string_view prefix) {
    static constexpr std::string_view kLetters =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    out.append(prefix);
    uint64_t word = bits();
    for (int i = 0; i < 9; ++i) {
      out.push_back(kLetters[word % kLetters.size()]);
      word /= kLetters.size();
    }
  }
  std::string id(std::string_view prefix) {
    std::string out;
    append_id(out, prefix);
    return out;
  }

 private:
  uint64_t state_;
};

}  // namespace picket
