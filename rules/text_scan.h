// TextScan: which of many texts occur in a value, found in one pass.
//
// Method: each text is filed under all windows of W bytes that begin at S places next to each other
// in it; so it is enough to look at every S-th place of the value, where a bit filter says "no" to
// nearly all (Rabin-Karp over sets with sampled q-grams; compare Navarro and Raffinot, "Flexible
// Pattern Matching in Strings", 2002, section 3.3). Long texts have W = 8 and S = 4; short ones
// take narrower windows and smaller steps, in groups of their own; where there are few texts,
// narrower windows still say "no" often enough, and the steps are larger; and where the processor
// can, NibbleSieve looks at all places at once instead. Texts with other letters
// than ASCII (rules list hundreds of look-alikes and signs) are grouped apart, and are not looked
// for in a value that has none.
//
// It replaces one search per text, and Hyperscan, which was used before. That needed 0.4 s to
// compile the texts of all public rules where this takes 3 ms, runs on x86 only, and its portable
// fork in Debian 12 (Vectorscan 5.4.9) loses matches.
//
// Thread rule: const after the constructor, shared. Tested by text_scan_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/bit_filter.h"
#include "rules/folded_text.h"
#include "rules/nibble_sieve.h"

namespace picket {

class TextScan {
 public:
  TextScan() = default;
  // `sieve`: may use NibbleSieve. REQUIRES: texts are folded and not empty.
  explicit TextScan(const std::vector<std::string>& texts, bool sieve = NibbleSieve::supported());
  bool empty() const { return groups_.empty(); }

  // Calls visit(index, end) for every place where texts[index] ends in `value`, in no particular
  // order.
  template <class Visit>
  void scan(const FoldedText& value, const Visit& visit) const;

 private:
  // One window of one text.
  struct Entry {
    uint32_t index = 0;
    uint32_t offset = 0;  // of the window in the text
    uint32_t first = 0;   // of the text in letters_
    uint32_t size = 0;
  };
  struct Span {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  struct Shape;
  struct Group {
    bool ascii = true;  // otherwise none of its texts is
    uint64_t mask = 0;  // the bytes of the window
    size_t step = 0;
    std::optional<NibbleSieve> sieve;  // then step is 1
    BitFilter filter;
    boost::unordered_flat_map<uint64_t, Span> by_window;
  };
  // The eight bytes at `at`, the first of them lowest.
  static uint64_t load(const char* at) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
  }
  void add_groups(std::vector<Entry> texts, bool ascii, bool sieve);
  static void add_sieve(Group& group, size_t window);
  Group& add_group(const Shape& shape, bool ascii, std::span<const Entry> texts);
  template <size_t kStep, class Visit>
  void scan_group(const Group& group, const FoldedText& value, const Visit& visit) const;
  template <class Visit>
  void sieve_group(const Group& group, const FoldedText& value, const Visit& visit) const;
  template <class Visit>
  void compare(const Span& span, const FoldedText& value, size_t at, const Visit& visit) const;

  std::vector<Group> groups_;
  std::vector<Entry> entries_;
  std::string letters_;
};

template <class Visit>
void TextScan::scan(const FoldedText& value, const Visit& visit) const {
  for (const Group& group : groups_) {
    if (value.ascii() && !group.ascii) continue;
    if (group.sieve) {
      sieve_group(group, value, visit);
      continue;
    }
    switch (group.step) {
      case 1:
        scan_group<1>(group, value, visit);
        break;
      case 2:
        scan_group<2>(group, value, visit);
        break;
      case 4:
        scan_group<4>(group, value, visit);
        break;
      default:
        scan_group<8>(group, value, visit);
    }
  }
}

template <size_t kStep, class Visit>
void TextScan::scan_group(const Group& group, const FoldedText& value, const Visit& visit) const {
  const char* const text = value.data();
  const size_t size = value.size();
  const BitFilter::View filter(group.filter);
  const uint64_t mask = group.mask;
  auto may_hold = [=](size_t at) { return filter.may_hold(mixed(load(text + at) & mask)); };
  auto look = [&](size_t at) {
    auto found = group.by_window.find(load(text + at) & mask);
    if (found != group.by_window.end()) compare(found->second, value, at, visit);
  };
  size_t at = 0;
  for (; at + 3 * kStep < size; at += 4 * kStep) {
    const bool any =
        may_hold(at) | may_hold(at + kStep) | may_hold(at + 2 * kStep) | may_hold(at + 3 * kStep);
    if (!any) [[likely]]
      continue;
    for (size_t i = 0; i < 4; ++i) {
      if (may_hold(at + i * kStep)) look(at + i * kStep);
    }
  }
  for (; at < size; at += kStep) {
    if (may_hold(at)) look(at);
  }
}

template <class Visit>
void TextScan::sieve_group(const Group& group, const FoldedText& value, const Visit& visit) const {
  std::array<uint64_t, 16> masks;
  const size_t blocks = (value.size() + NibbleSieve::kBlock - 1) / NibbleSieve::kBlock;
  for (size_t first = 0; first < blocks; first += masks.size()) {
    const std::span<uint64_t> now(masks.data(), std::min(masks.size(), blocks - first));
    group.sieve->find(value.data() + first * NibbleSieve::kBlock, now);
    for (size_t block = 0; block < now.size(); ++block) {
      for (uint64_t mask = now[block]; mask != 0; mask &= mask - 1) {
        const auto bit = static_cast<size_t>(std::countr_zero(mask));
        const size_t at = (first + block) * NibbleSieve::kBlock + bit;
        const uint64_t window = load(value.data() + at) & group.mask;
        if (!group.filter.may_hold(mixed(window))) continue;
        auto found = group.by_window.find(window);
        if (found != group.by_window.end()) compare(found->second, value, at, visit);
      }
    }
  }
}

template <class Visit>
void TextScan::compare(const Span& span, const FoldedText& value, size_t at,
                       const Visit& visit) const {
  const Entry* entry = entries_.data() + span.first;
  for (const Entry* end = entry + span.count; entry != end; ++entry) {
    if (at < entry->offset) continue;
    const size_t start = at - entry->offset;
    if (start + entry->size > value.size()) continue;
    if (std::memcmp(value.data() + start, letters_.data() + entry->first, entry->size)) {
      continue;
    }
    visit(entry->index, start + entry->size);
  }
}

}  // namespace picket
