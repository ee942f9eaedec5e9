// TextScan against a plain search: every offset for small sets, random texts for large ones.
#include "rules/text_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "rules/text_match.h"

namespace picket {
namespace {

using Places = std::set<std::pair<uint32_t, size_t>>;  // text, end

Places scanned(const TextScan& scan, std::string_view value) {
  Places found;
  FoldedText folded;
  folded.assign(value);
  scan.scan(folded, [&](uint32_t index, size_t end) { found.emplace(index, end); });
  return found;
}

Places searched(const std::vector<std::string>& texts, std::string_view value) {
  Places found;
  for (uint32_t i = 0; i < texts.size(); ++i) {
    for (size_t at = 0; (at = find_folded(value, texts[i], at)) != std::string_view::npos; ++at) {
      found.emplace(i, at + texts[i].size());
    }
  }
  return found;
}

TEST(TextScan, FindsFewTextsAtEveryOffset) {
  const std::vector<std::vector<std::string>> sets = {{"a"},
                                                      {"a*b"},
                                                      {"a*b", "foo bar"},
                                                      {"axb", "foobar1"},
                                                      {"abcd", "foo"},
                                                      {"ab", "b\\"},
                                                      {"abcdefgh", "foobar12"},
                                                      {"a*b", "foo", "bar baz"},
                                                      {"-e", " -e", "ne\""}};
  for (const auto& texts : sets) {
    const TextScan scan(texts);
    const TextScan portable(texts, /*sieve=*/false);
    for (const std::string& text : texts) {
      for (size_t size : {9, 40, 64, 65, 69, 70, 100, 128, 129, 200}) {
        for (size_t at = 0; at + text.size() <= size; ++at) {
          std::string value(size, 'x');
          value.replace(at, text.size(), text);
          ASSERT_EQ(scanned(portable, value), searched(texts, value)) << "portable";
          ASSERT_EQ(scanned(scan, value), searched(texts, value))
              << texts.size() << " texts, '" << text << "' at " << at << " of " << size;
        }
      }
    }
  }
}

TEST(TextScan, FindsWhatAPlainSearchFinds) {
  std::mt19937 random(1);
  const std::string_view letters = "abcdexyz0 .-_\\/:\"";
  auto text = [&](size_t size) {
    std::string made;
    for (size_t i = 0; i < size; ++i) made += letters[random() % letters.size()];
    return made;
  };
  for (size_t count : {1, 2, 3, 5, 9, 20, 70, 400}) {
    for (int round = 0; round < 8; ++round) {
      std::set<std::string> set;
      while (set.size() < count) set.insert(text(1 + random() % 16));
      const std::vector<std::string> texts(set.begin(), set.end());
      const TextScan scan(texts);
      const TextScan portable(texts, /*sieve=*/false);
      for (int i = 0; i < 40; ++i) {
        std::string value = text(random() % (i == 0 ? 3000 : 300));
        for (char& c : value) {
          if (random() % 3 == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
          if (random() % 50 == 0) c = static_cast<char>(0x80 + random() % 64);
        }
        value += texts[random() % texts.size()];
        ASSERT_EQ(scanned(scan, value), searched(texts, value)) << value;
        ASSERT_EQ(scanned(portable, value), searched(texts, value)) << value;
      }
    }
  }
}

}  // namespace
}  // namespace picket
