// CaptureMemo: what a capture found in texts that come again and again, such as request paths.
//
// A service has few paths and few clients, so the same expression meets the same text a thousand
// times; comparing a short text costs a tenth of matching it. Fixed size: a text takes the place of
// the one before it, texts longer than kTextMax are not kept. Thread rule: one decode worker.
// Tested by decode_json_test.cc.
#pragma once

#include <xxhash.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace picket {

class CaptureMemo {
 public:
  static constexpr size_t kTextMax = 96;

  // Calls `match` for the part of `text` that the capture finds, unless it is known. A part without
  // data: the capture did not match. `capture` tells captures apart.
  template <class Match>
  std::string_view find(const void* capture, std::string_view text, const Match& match) {
    if (text.size() > kTextMax) return match();
    const auto seed = reinterpret_cast<uintptr_t>(capture);
    Entry& entry = entries_[XXH3_64bits_withSeed(text.data(), text.size(), seed) % kEntries];
    const bool known = entry.capture == capture && entry.size == text.size() &&
                       std::memcmp(entry.text.data(), text.data(), text.size()) == 0;
    if (!known) {
      const std::string_view part = match();
      entry.capture = capture;
      entry.size = static_cast<uint8_t>(text.size());
      std::memcpy(entry.text.data(), text.data(), text.size());
      entry.found = part.data() != nullptr;
      entry.first = entry.found ? static_cast<uint8_t>(part.data() - text.data()) : uint8_t{0};
      entry.length = static_cast<uint8_t>(part.size());
      return part;
    }
    return entry.found ? text.substr(entry.first, entry.length) : std::string_view();
  }

 private:
  static constexpr size_t kEntries = 256;
  struct Entry {
    const void* capture = nullptr;
    uint8_t size = 0;
    uint8_t first = 0;
    uint8_t length = 0;
    bool found = false;
    std::array<char, kTextMax> text{};
  };
  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
};

}  // namespace picket
