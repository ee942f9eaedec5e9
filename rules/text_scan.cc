#include "rules/text_scan.h"

#include <algorithm>
#include <array>

namespace picket {

// Texts of at least `size` bytes, and too short for the shape before. A text is met at every step
// when size >= window + step - 1.
struct TextScan::Shape {
  size_t size = 0;
  size_t window = 0;
  size_t step = 0;
  bool sieved = false;
};

TextScan::TextScan(const std::vector<std::string>& texts, bool sieve) {
  std::vector<Entry> entries[2];
  for (uint32_t index = 0; index < texts.size(); ++index) {
    const std::string& text = texts[index];
    const bool ascii = std::all_of(text.begin(), text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    entries[ascii].push_back({.index = index,
                              .first = static_cast<uint32_t>(letters_.size()),
                              .size = static_cast<uint32_t>(text.size())});
    letters_ += text;
  }
  letters_.append(sizeof(uint64_t), '\0');  // so that words can be loaded
  add_groups(std::move(entries[true]), /*ascii=*/true, sieve);
  add_groups(std::move(entries[false]), /*ascii=*/false, sieve);
}

namespace {

// How common each letter is in paths, commands and names, in steps.
constexpr std::array<uint8_t, 256> letter_weights() {
  std::array<uint8_t, 256> weights{};
  weights.fill(1);
  auto set = [&](std::string_view letters, uint8_t weight) {
    for (char c : letters) weights[static_cast<unsigned char>(c)] = weight;
  };
  set("0123456789hgfbywv-/:", 2);
  set("lcdmup\\. ", 3);
  set("etaoinsr", 4);
  return weights;
}

constexpr std::array<uint8_t, 256> kLetterWeights = letter_weights();

}  // namespace

void TextScan::add_groups(std::vector<Entry> texts, bool ascii, bool sieve) {
  // Few texts fill the filters so little that narrower windows and larger steps pay.
  static constexpr Shape kLongMany[] = {{11, 8, 4}, {8, 5, 4}, {5, 4, 2}};
  static constexpr Shape kLongFew[] = {{12, 5, 8}, {7, 4, 4}, {5, 4, 2}};
  static constexpr Shape kShortMany[] = {{4, 4, 1}, {3, 3, 1}, {2, 2, 1}, {1, 1, 1}};
  static constexpr Shape kShortFew[] = {{4, 3, 2}, {3, 2, 2}, {2, 2, 1}, {1, 1, 1}};
  static constexpr Shape kSieved[] = {{4, 4, 1, true}, {3, 3, 1, true}, {2, 2, 1, true}, {1, 1, 1}};
  std::sort(texts.begin(), texts.end(), [](const Entry& a, const Entry& b) {
    return a.size != b.size ? a.size > b.size : a.index < b.index;
  });
  const auto short_ones = std::find_if(texts.begin(), texts.end(), [](const Entry& text) {
    return text.size < kLongMany[std::size(kLongMany) - 1].size;
  });
  constexpr ptrdiff_t kFewMax = 200;
  auto first = texts.begin();
  auto add = [&](std::span<const Shape> shapes) {
    for (const Shape& shape : shapes) {
      auto last = std::find_if(first, texts.end(),
                               [&](const Entry& text) { return text.size < shape.size; });
      if (first == last) continue;
      Group& group = add_group(shape, ascii, {first, last});
      if (shape.sieved) add_sieve(group, shape.window);
      first = last;
    }
  };
  const bool few_long = short_ones - texts.begin() <= kFewMax;
  const bool few_short = texts.end() - short_ones <= kFewMax;
  if (sieve && few_long && few_short) return add(kSieved);
  add(few_long ? std::span<const Shape>(kLongFew) : kLongMany);
  if (sieve && few_short) return add(kSieved);
  add(few_short ? std::span<const Shape>(kShortFew) : kShortMany);
}

void TextScan::add_sieve(Group& group, size_t window) {
  std::vector<uint64_t> windows;
  for (const auto& [bytes, span] : group.by_window) windows.push_back(bytes);
  group.sieve.emplace(windows, window);
}

// A text is filed under those of its windows that the fewest texts share: "C:\Windows\" and ".exe"
// are in every rule, and in every value.
TextScan::Group& TextScan::add_group(const Shape& shape, bool ascii, std::span<const Entry> texts) {
  Group& group = groups_.emplace_back();
  group.ascii = ascii;
  group.mask = shape.window == 8 ? ~uint64_t{0} : (uint64_t{1} << shape.window * 8) - 1;
  group.step = shape.step;
  group.filter = BitFilter(texts.size() * shape.step);
  auto window_at = [&](const Entry& entry, size_t offset) {
    return load(letters_.data() + entry.first + offset) & group.mask;
  };
  constexpr size_t kCountBits = 16;
  std::vector<uint32_t> counts(size_t{1} << kCountBits);
  auto count = [&](uint64_t window) -> uint32_t& {
    return counts[mixed(window) >> (64 - kCountBits)];
  };
  auto commonness = [&](const Entry& entry, size_t offset) {
    // A sieve looks at every place of the value: there only the letters count.
    uint32_t sum = shape.sieved ? 0 : count(window_at(entry, offset)) << 16;
    for (size_t i = 0; i < shape.window; ++i) {
      sum += kLetterWeights[static_cast<unsigned char>(letters_[entry.first + offset + i])];
    }
    return sum;
  };
  for (const Entry& entry : texts) {
    const size_t last = entry.size - shape.window;
    for (size_t offset = 0; offset <= last; ++offset) ++count(window_at(entry, offset));
  }
  std::vector<std::pair<uint64_t, Entry>> windows;
  windows.reserve(texts.size() * shape.step);
  std::vector<uint32_t> common;
  for (Entry entry : texts) {
    common.clear();
    for (size_t offset = 0; offset + shape.window <= entry.size; ++offset) {
      common.push_back(commonness(entry, offset));
    }
    size_t best = 0;
    uint32_t fewest = UINT32_MAX;
    for (size_t offset = 0; offset + shape.step <= common.size(); ++offset) {
      const auto first = common.begin() + static_cast<ptrdiff_t>(offset);
      const uint32_t most = *std::max_element(first, first + static_cast<ptrdiff_t>(shape.step));
      if (most > fewest) continue;
      fewest = most;
      best = offset;
    }
    for (size_t i = 0; i < shape.step; ++i) {
      entry.offset = static_cast<uint32_t>(best + i);
      const uint64_t window = window_at(entry, entry.offset);
      group.filter.add(mixed(window));
      windows.emplace_back(window, entry);
    }
  }
  std::stable_sort(windows.begin(), windows.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  group.by_window.reserve(windows.size());
  for (const auto& [window, entry] : windows) {
    auto [it, fresh] = group.by_window.try_emplace(window);
    if (fresh) it->second.first = static_cast<uint32_t>(entries_.size());
    ++it->second.count;
    entries_.push_back(entry);
  }
  return group;
}

}  // namespace picket
