// Folding and wildcards against the slow way.
#include "rules/text_match.h"

#include <gtest/gtest.h>

#include <random>

#include "rules/modifiers.h"
#include "tests/reference/naive_match.h"

namespace picket {
namespace {

std::vector<PatternPart> parts_of(std::string_view pattern, bool cased) {
  std::vector<PatternPart> parts = parse_pattern(pattern);
  for (PatternPart& part : parts) {
    if (!cased) part.text = folded(part.text);
  }
  return parts;
}

TEST(TextMatch, FoldsLettersAndNothingElse) {
  for (int c = 0; c < 256; ++c) {
    // Eight at once and the rest one by one, at every place.
    for (size_t size = 1; size < 20; ++size) {
      std::string text(size, static_cast<char>(c));
      std::string expected = text;
      for (char& letter : expected) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
      }
      ASSERT_EQ(folded(text), expected) << c;
      ASSERT_TRUE(equals_folded(text, expected)) << c;
      ASSERT_EQ(equals_folded(text, std::string(size, 'k')), expected == std::string(size, 'k'));
    }
  }
}

TEST(TextMatch, FindsWhatTheSlowWayFinds) {
  std::mt19937_64 random(2);
  const std::string letters = "aAbB-";
  auto text_of = [&](size_t most) {
    std::string text(random() % (most + 1), ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    return text;
  };
  for (int i = 0; i < 50'000; ++i) {
    std::string text = text_of(20);
    std::string pattern = folded(text_of(4));
    size_t from = random() % 6;
    ASSERT_EQ(find_folded(text, pattern, from), folded(text).find(pattern, from))
        << "'" << pattern << "' in '" << text << "' from " << from;
  }
}

TEST(TextMatch, WildcardsByExample) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"?", "", false},
      {"?", "\xc3\xa9", true},  // one character of two bytes
      {"??", "\xc3\xa9", false},
      {"*??", "\xe2\x82\xac", false},   // not two of its bytes
      {"?", "\xf0\x9f\x98\x80", true},  // of four
      {"a?c", "aBc", true},
      {"a*c", "abbbc", true},
      {"a*c", "abbbd", false},
      {"*ab*ab*", "ab", false},
      {"*ab*ab*", "aab-ab", true},
      {"*ab", "abab", true},
      {"a*b*c", "aXbYbZc", true},
      {"*?b", "ab", true},
      {"*?b", "b", false},
      {"?*", "", false},
      {"**a", "a", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\?", "?", true},
      {"c:\\temp", "C:\\TEMP", true},
      {"*\\\\x", "a\\x", true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(glob_match(c.text, parts_of(c.pattern, false), false), c.matches)
        << c.pattern << " on " << c.text;
  }
  EXPECT_FALSE(glob_match("AB", parts_of("a?", true), true));
  EXPECT_TRUE(glob_match("aB", parts_of("a?", true), true));
}

TEST(TextMatch, WildcardsMatchWhatBacktrackingMatches) {
  std::mt19937_64 random(4);
  const std::vector<std::string> pieces = {"a", "b", "A", "ab", "\xc3\xa9", "*", "?", "**", "*?"};
  const std::vector<std::string> letters = {"a", "b", "A", "B", "\xc3\xa9", "\xe2\x82\xac"};
  size_t matched = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string pattern;
    std::string text;
    for (size_t n = random() % 6; n > 0; --n) pattern += pieces[random() % pieces.size()];
    for (size_t n = random() % 8; n > 0; --n) text += letters[random() % letters.size()];
    bool cased = random() % 2 == 0;
    bool expected = naive_glob(text, parse_pattern(pattern), cased);
    matched += expected;
    ASSERT_EQ(glob_match(text, parts_of(pattern, cased), cased), expected)
        << pattern << " on " << text << (cased ? " cased" : "");
  }
  EXPECT_GT(matched, 5'000U);
}

}  // namespace
}  // namespace picket
