#include "rules/modifiers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

std::string shown(std::string_view text) {
  MatchTree tree;
  tree.kind = MatchTree::Kind::Leaf;
  tree.leaf.field = "f";
  tree.leaf.pattern = parse_pattern(text);
  const std::string line = dump(tree);
  return line.substr(5, line.size() - 7);  // without "f ~ '" and "'\n"
}

TEST(Pattern, SplitsAtWildcardsAndHonoursBackslashes) {
  // Left as written in a rule, right as dump() shows it: there a backslash, a star and a question
  // mark that stand for themselves carry a backslash.
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"abc", "abc"},
      {"a*b", "a*b"},
      {"a?b", "a?b"},
      {"a**b", "a*b"},
      {"*?*", "*?*"},
      {R"(a\*b)", R"(a\*b)"},
      {R"(a\?b)", R"(a\?b)"},
      {R"(\\*)", R"(\\*)"},         // a backslash, then a wildcard
      {R"(\\\*)", R"(\\\*)"},       // a backslash, then a star
      {R"(C:\Win)", R"(C:\\Win)"},  // a backslash before anything else is itself
      {R"(C:\\Win)", R"(C:\\Win)"},
      {R"(\\\\host)", R"(\\\\host)"},
      {R"(end\)", R"(end\\)"},
      {R"(a\nb)", R"(a\\nb)"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(shown(text), expected) << text;
}

TEST(Pattern, JoinsTexts) {
  EXPECT_EQ(parse_pattern(R"(a\*b\c)"), (Pattern{{PatternPart::Kind::Text, R"(a*b\c)"}}));
  EXPECT_EQ(parse_pattern("x*?"), (Pattern{{PatternPart::Kind::Text, "x"},
                                           {PatternPart::Kind::Many, ""},
                                           {PatternPart::Kind::One, ""}}));
  EXPECT_TRUE(parse_pattern("").empty());
}

struct ItemCase {
  const char* item;
  const char* expected;
};

void expect_items(std::initializer_list<ItemCase> cases) {
  for (const ItemCase& c : cases) EXPECT_EQ(item_tree(c.item), c.expected) << c.item;
}

TEST(Modifiers, FoldIntoPatterns) {
  expect_items({
      {"f: a*b", "f ~ 'a*b'\n"},
      {"f|contains: ab", "f ~ '*ab*'\n"},
      {"f|contains: '*ab*'", "f ~ '*ab*'\n"},
      {"f|startswith: ab", "f ~ 'ab*'\n"},
      {"f|endswith: ab", "f ~ '*ab'\n"},
      {"f|contains: ''", "f ~ '*'\n"},
      {"f|cased: Ab", "f ~ 'Ab' cased\n"},
      {"f|cased|contains: Ab", "f ~ '*Ab*' cased\n"},
      {"f|contains: 4688", "f ~ '*4688*'\n"},
      {"f|cased: true", "f ~ 'true' cased\n"},
      {"f|contains: [a, b]", "or\n  f ~ '*a*'\n  f ~ '*b*'\n"},
      {"f|contains|all: [a, b]", "and\n  f ~ '*a*'\n  f ~ '*b*'\n"},
      {"f|all|contains: [a]", "f ~ '*a*'\n"},
      {"f|neq: [a, 1]", "not\n  or\n    f ~ 'a'\n    f = 1\n"},
      {"f|neq|all|contains: [a, b]", "not\n  and\n    f ~ '*a*'\n    f ~ '*b*'\n"},
      {"f|neq: null", "not\n  f is null\n"},
  });
}

TEST(Modifiers, ChooseTheTest) {
  expect_items({
      {R"(f|re: '^a.*\d+$')", "f re '^a.*\\d+$'\n"},
      {"f|re|i|m|s: a", "f re 'a' i m s\n"},
      {"f|re|ignorecase|multiline|dotall: a", "f re 'a' i m s\n"},
      {"f|re|cased: a", "f re 'a' cased\n"},
      {"f|exists: true", "f exists\n"},
      {"f|exists: false", "f is absent\n"},
      {"f|lt: 5", "f < 5\n"},
      {"f|lte: 5.5", "f <= 5.5\n"},
      {"f|gt: -5", "f > -5\n"},
      {"f|gte: 0", "f >= 0\n"},
      {"f|cidr: 192.0.2.0/24", "f in 192.0.2.0/24\n"},
      {"f|cidr: ['::1', 'fe80::/10']", "or\n  f in ::1\n  f in fe80::/10\n"},
      {"f|fieldref: other", "f = field other\n"},
      {"f|fieldref|contains: other", "f contains field other\n"},
      {"f|startswith|fieldref: other", "f starts with field other\n"},
      {"f|fieldref|endswith|cased: other", "f ends with field other cased\n"},
      {"f|minute: 5", "f minute = 5\n"},
      {"f|hour|gte: 22", "f hour >= 22\n"},
      {"f|day: 1", "f day = 1\n"},
      {"f|week|lt: 9", "f week < 9\n"},
      {"f|month|neq: 2", "not\n  f month = 2\n"},
      {"f|year: 2026", "f year = 2026\n"},
  });
}

TEST(Modifiers, Encode) {
  expect_items({
      {"f|base64: /bin/bash", "f ~ 'L2Jpbi9iYXNo'\n"},
      {"f|base64: ab", "f ~ 'YWI='\n"},
      {"f|base64|contains: abc", "f ~ '*YWJj*'\n"},
      {"f|base64offset|contains: /bin/bash",
       "or\n  f ~ '*L2Jpbi9iYXNo*'\n  f ~ '*9iaW4vYmFza*'\n  f ~ '*vYmluL2Jhc2*'\n"},
      {"f|base64offset: foobar", "or\n  f ~ 'Zm9vYmFy'\n  f ~ 'Zvb2Jhc'\n  f ~ 'mb29iYX'\n"},
      {"f|wide: 'a*'", "f ~ 'a\\x00*'\n"},
      {"f|utf16le: \"\\u00e9\"", "f ~ '\xe9\\x00'\n"},
      {"f|utf16be: ab", "f ~ '\\x00a\\x00b'\n"},
      {"f|utf16: a",
       "f ~ '\xff\xfe"
       "a\\x00'\n"},
      {"f|wide: \"\\U0001F600\"", "f ~ '=\xd8\\x00\xde'\n"},
      {"f|wide|base64offset|contains: ab",
       "or\n  f ~ '*YQBiA*'\n  f ~ '*EAYg*'\n  f ~ '*hAGIA*'\n"},
  });
}

TEST(Modifiers, OffsetsAppearInTheCodeOfAnyLongerText) {
  // What base64offset promises: wherever the text stands, one of the three codes is found.
  const auto encode = [](const std::string& text) {
    return item_tree("f|base64: '" + text + "'").substr(5);
  };
  for (const std::string needle : {"abc", "abcd", "abcde", "abcdef"}) {
    const std::string tree = item_tree("f|base64offset: " + needle);
    for (const std::string before : {"", "x", "xy", "xyz", "xyzw"}) {
      for (const std::string after : {"", "1", "12", "123"}) {
        const std::string code = encode(before + needle + after);
        bool found = false;
        for (size_t at = tree.find('\''); at != std::string::npos;) {
          const size_t end = tree.find('\'', at + 1);
          found = found || code.find(tree.substr(at + 1, end - at - 1)) != std::string::npos;
          at = tree.find('\'', end + 1);
        }
        EXPECT_TRUE(found) << before << needle << after;
      }
    }
  }
}

TEST(Modifiers, VaryDashes) {
  expect_items({
      {"f|windash: '-a'",
       "or\n  f ~ '-a'\n  f ~ '/a'\n  f ~ '\u2013a'\n  f ~ '\u2014a'\n"
       "  f ~ '\u2015a'\n"},
      {"f|contains|windash: ' /x'",
       "or\n  f ~ '* -x*'\n  f ~ '* /x*'\n  f ~ '* \u2013x*'\n  f ~ '* \u2014x*'\n"
       "  f ~ '* \u2015x*'\n"},
      // Inside a word and before a space a dash is just a dash.
      {"f|windash: a-b", "f ~ 'a-b'\n"},
      {"f|windash: 'a - b'", "f ~ 'a - b'\n"},
  });
  const std::string two = item_tree("f|windash: '-a -b'");
  EXPECT_EQ(std::count(two.begin(), two.end(), '\n'), 1 + 25);
  EXPECT_EQ(item_tree("f|windash: '-a -b -c -d -e -f'"),
            "error: 'windash' makes more than 4096 variants");
}

TEST(Modifiers, Expand) {
  const Placeholders names = {{"admins", {"root", "adm*"}}, {"none", {}}};
  EXPECT_EQ(item_tree("f|expand: '%admins%'", names), "or\n  f ~ 'root'\n  f ~ 'adm*'\n");
  EXPECT_EQ(item_tree("f|expand|contains: 'a%admins%z'", names),
            "or\n  f ~ '*arootz*'\n  f ~ '*aadm*z*'\n");
  EXPECT_EQ(item_tree("f|expand: '100%'", names), "f ~ '100%'\n");
  EXPECT_EQ(item_tree("f: '%admins%'", names), "f ~ '%admins%'\n");
  EXPECT_EQ(item_tree("f|expand: '%admin%'", names),
            "error: no values are configured for placeholder 'admin'");
  EXPECT_EQ(item_tree("f|expand: '%none%'", names),
            "error: no values are configured for placeholder 'none'");
  EXPECT_EQ(item_tree("f|re|expand: '^%admins%$'", names),
            "or\n  f re '^root$'\n  f re '^adm*$'\n");
}

TEST(Modifiers, RefuseNonsense) {
  expect_items({
      {"f|contain: a", "error: unknown modifier 'contain'"},
      {"f|: a", "error: unknown modifier ''"},
      {"f|contains|: a", "error: unknown modifier ''"},
      {"f|contains|contains: a", "error: modifier 'contains' is given twice"},
      {"f|contains|endswith: a", "error: modifiers 'contains' and 'endswith' cannot be combined"},
      {"f|re|cidr: a", "error: modifiers 're' and 'cidr' cannot be combined"},
      {"f|lt|gt: 1", "error: modifiers 'lt' and 'gt' cannot be combined"},
      {"f|hour|day: 1", "error: modifiers 'hour' and 'day' cannot be combined"},
      {"f|i: a", "error: i, m and s belong behind 're'"},
      {"f|contains|i: a", "error: i, m and s belong behind 're'"},
      {"f|re|i|cased: a", "error: 'cased' and 'i' contradict each other"},
      {"f|re|contains: a", "error: contains, startswith and endswith need a text to look for"},
      {"f|cidr|wide: a", "error: encodings and 'windash' apply to texts only"},
      {"f|cased|gt: 1", "error: 'cased' applies to texts only"},
      {"f|exists|neq: true", "error: 'exists' stands alone; write true or false as its value"},
      {"f|expand|gt: 1", "error: 'expand' applies to texts only"},
      {"f|fieldref|base64: a", "error: 'fieldref' names a field, which has no text yet"},
      {"f|hour|re: a", "error: parts of a time can only be compared with numbers"},
      {"f|hour|contains: a", "error: parts of a time are numbers, not texts"},
      {"f|contains|base64: a", "error: 'base64' behind 'contains' would encode its wildcards"},
      {"f|base64: 'a*'", "error: a text with wildcards has no base64 form"},
      {"f|base64offset: ''", "error: there is nothing to encode in an empty text"},
      {"f|lt: ten", "error: 'f|lt' needs a number"},
      {"f|lt: '10'", "error: 'f|lt' needs a number"},
      {"f|hour: noon", "error: 'f|hour' needs a number"},
      {"f|hour|lt: 24", "f hour < 24\n"},
      {"f|wide|utf16be|base64: a", "error: modifiers 'wide' and 'utf16be' cannot be combined"},
      {"f|base64|wide: a", "error: 'wide' behind 'base64' would encode a code"},
      {"f|base64|windash: -a",
       "error: 'windash' behind 'base64' would vary the characters of a code"},
      {"f|wide|windash|base64: -a",
       "error: 'windash' behind 'wide' would vary the characters of a code"},
      {"f |contains: a", "error: the field name 'f ' ends with a blank"},
      {"f| contains: a", "error: unknown modifier ' contains'"},
      {"f|gt: 1e3", "error: 'f|gt' needs a number"},
      {"f|gt: true", "error: 'f|gt' needs a number"},
      {"f|exists: 'true'", "error: 'exists' needs true or false"},
      {"f|exists: yes", "error: 'exists' needs true or false"},
      {"f|exists: null", "error: null has no use for the modifiers of 'f|exists'"},
      {"f|exists|all: true", "error: 'exists' stands alone; write true or false as its value"},
      {"f|cidr|contains: 10.0.0.0/8",
       "error: contains, startswith and endswith need a text to look for"},
      {"f|cidr: fd00::/129", "error: 'fd00::/129' is not an address range"},
      {"f|cidr|cased: 10.0.0.0/8", "error: 'cased' applies to texts only"},
      {"f|lt|contains: 5", "error: contains, startswith and endswith need a text to look for"},
      {"f|fieldref|windash: a", "error: 'fieldref' names a field, which has no text yet"},
      {"f|fieldref|expand: a", "error: 'fieldref' names a field, which has no text yet"},
      {"f|re|base64: a", "error: encodings and 'windash' apply to texts only"},
      {"f|re: null", "error: null has no use for the modifiers of 'f|re'"},
      {"f|year|expand: '%x%'", "error: parts of a time are numbers, not texts"},
      {"f|month|cidr: 1", "error: parts of a time can only be compared with numbers"},
      {"'|cidr': 10.0.0.0/8", "error: this modifier needs a field name in front of it"},
      {"'|gt': 5", "error: this modifier needs a field name in front of it"},
      {"'|fieldref': x", "error: this modifier needs a field name in front of it"},
      {"f|exists: 1", "error: 'exists' needs true or false"},
      {"f|cidr: 192.0.2.0/33", "error: '192.0.2.0/33' is not an address range"},
      {"f|cidr: 192.0.2", "error: '192.0.2' is not an address range"},
      {"f|fieldref: ''", "error: 'fieldref' needs the name of a field"},
      {"f|contains: null", "error: null has no use for the modifiers of 'f|contains'"},
      {"f|gt: null", "error: null has no use for the modifiers of 'f|gt'"},
      {"'|exists': true", "error: this modifier needs a field name in front of it"},
      {"'|hour': 1", "error: this modifier needs a field name in front of it"},
  });
}

TEST(Modifiers, SuggestTheNearestName) {
  const RuleDocuments rules = read_detection_body("  s:\n    field|startwith: a\n  condition: s\n");
  ASSERT_EQ(rules.rejected.size(), 1U);
  const Diagnostic& d = rules.rejected[0];
  EXPECT_EQ(d.hint, "did you mean 'startswith'?");
  EXPECT_EQ(d.where.file, "r.yml");
  EXPECT_EQ(d.where.line, 4U);
  EXPECT_EQ(d.where.column, 5U);
}

}  // namespace
}  // namespace picket
