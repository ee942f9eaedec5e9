// Detection rules as YAML and events as JSON, read, compiled and decoded as the daemon does it,
// against tests/reference/naive_match: all modifiers, all shapes of fields.
//
// PICKET_RANDOM_MATCHES is the number of comparisons (one rule with one event); the default keeps
// the suite quick. A disagreement prints the rule and the event.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "tests/reference/naive_match.h"
#include "tests/support/detection_match.h"

namespace picket {
namespace {

const char kSchema[] = R"(
schema: random
recognise: [t]
time: {field: t, unit: ms}
roots: [R.S, root]
fields:
  mapped.one: x1
  mapped.two: [x2, n.x]
)";

// Base64 of texts that hold foo, at each offset, also of their UTF-16 forms.
const std::vector<std::string> kEncoded = {
    "Zm9v",         "eGZvbyBiYXI=",
    "eHhmb28=",     "c2F5IGZvbyE=",
    "ZgBvAG8A",     "eABmAG8AbwAgAGIAYQByAA==",
    "AGYAbwBv",     "AHgAZgBvAG8AIABiAGEAcg==",
    "//5mAG8AbwA=",
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::string rule(size_t number) {
    std::string text = fmt::format("title: r{0}\nname: r{0}\ndetection:\n", number);
    const size_t selections = 1 + below(3);
    for (size_t i = 1; i <= selections; ++i) text += selection(i);
    return text + "  condition: " + condition(selections) + "\n";
  }

  std::string event() {
    NaiveValue record{.kind = Kind::Object};
    for (const char* name : {"a", "b", "ip", "x1", "x2"}) {
      if (below(4) != 0) record.members[name] = value(1);
    }
    if (below(2) == 0) record.members["when"] = {.kind = Kind::String, .text = time()};
    if (below(3) == 0) record.members["d.e"] = value(1);
    if (below(3) == 0) record.members["d"] = object({"e"});
    if (below(2) == 0) record.members["n"] = object({"x", "y"});
    if (below(2) == 0) record.members["l"] = nested();
    const size_t root = below(4);
    if (root == 0) record.members["R.S"] = object({"a", "only", "d.e", "n"});
    if (root == 1) {
      record.members["R"] = {.kind = Kind::Object};
      record.members["R"].members["S"] = object({"b", "only", "d.e", "x2"});
    }
    if (below(3) == 0) record.members["root"] = object({"only", "ip", "a"});
    return naive_json(record);
  }

 private:
  using Kind = NaiveValue::Kind;

  size_t below(size_t bound) { return random_() % bound; }
  template <class T>
  T pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  NaiveValue object(const std::vector<std::string>& keys) {
    NaiveValue out{.kind = Kind::Object};
    for (const std::string& key : keys) {
      if (below(3) != 0) out.members[key] = value(0);
    }
    return out;
  }

  // An object or an array of them, two levels deep: l.p and l.p.q.
  NaiveValue nested() {
    NaiveValue out{.kind = Kind::Array};
    for (size_t i = below(4); i > 0; --i) {
      NaiveValue item = object({"q"});
      NaiveValue outer{.kind = Kind::Object};
      const size_t shape = below(3);
      if (shape == 0) outer.members["p"] = value(0);
      if (shape == 1) outer.members["p"] = item;
      if (shape == 2) outer.members["p"] = {.kind = Kind::Array, .items = {item, object({"q"})}};
      if (below(4) == 0) return outer;
      out.items.push_back(outer);
    }
    return out;
  }

  std::string time() {
    return pick<std::string>({"2026-08-21T14:25:58Z", "2026-01-01T00:00:00Z",
                              "2024-12-31T23:59:59.999+01:00", "2027-01-03T03:14:00-05:00",
                              "yesterday"});
  }

  NaiveValue value(int depth) {
    switch (below(depth > 0 ? 13 : 10)) {
      case 0:
        return {};
      case 1:
        return {.kind = Kind::Bool, .text = pick<std::string>({"true", "false"})};
      case 2:
      case 3:
        return {.kind = Kind::Number,
                .text = pick<std::string>({"404", "404.0", "100", "1E2", "0", "-0", "1.5", "-3"})};
      case 4:
        return {.kind = Kind::String, .text = pick(kEncoded)};
      case 10:
      case 11: {
        NaiveValue array{.kind = Kind::Array};
        for (size_t i = below(4); i > 0; --i) array.items.push_back(value(0));
        return array;
      }
      case 12:
        return object({"k"});
      default:
        return {.kind = Kind::String, .text = text()};
    }
  }

  std::string text() {
    return pick<std::string>({"foo",
                              "Foo",
                              "FOO bar",
                              "bar",
                              "xfoox",
                              "",
                              "404",
                              "100",
                              "true",
                              "False",
                              "10.1.2.3",
                              "192.168.0.9",
                              "fd00::12",
                              "a*b",
                              "a?b",
                              "axb",
                              "c:\\temp\\foo.exe",
                              "\\\\host\\c$",
                              "\xc3\xa9t\xc3\xa9",
                              "null",
                              "foo\nbar",
                              "cmd -foo /bar",
                              "cmd /foo -bar",
                              "\"foo\"",
                              "fo",
                              "o"});
  }

  std::string quoted(const std::string& value) {
    std::string out = "'";
    for (const char c : value) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
  }

  std::string pattern() {
    return pick<std::string>({"foo", "FOO",      "bar",   "f*",       "*oo",       "*o*",
                              "?oo", "f?o*",     "a\\*b", "a\\?b",    "*",         "",
                              "oo",  "foo bar",  "404",   "c:\\temp", "\\foo.exe", "\\\\\\\\host",
                              "o",   "\xc3\xa9", "10.1",  "*f*o*r*",  "true"});
  }

  // One value of a list or a plain one, for `modifiers`.
  std::string plain() {
    switch (below(10)) {
      case 0:
        return "null";
      case 1:
        return pick<std::string>({"true", "false"});
      case 2:
      case 3:
        return pick<std::string>({"404", "100", "0", "1.5", "-3", "404.0"});
      case 4:
        return "''";
      default:
        return quoted(pattern());
    }
  }

  std::string field() {
    return pick<std::string>({"a", "a", "b", "ip", "d.e", "n.x", "n.y", "only", "mapped.one",
                              "mapped.two", "when", "l", "l.p", "l.p.q", "n"});
  }

  std::string regex() {
    return pick<std::string>({"^f", "o{2}", "b.r$", "^[0-9.]+$", "(foo|bar)", "foo.bar", "^bar",
                              "\\\\temp\\\\", "(?i)FOO", "x?foo"});
  }

  // "field|modifiers: value".
  std::string item() {
    const std::string name = field();
    const std::string affix = pick<std::string>({"contains", "startswith", "endswith"});
    const std::string cased = pick<std::string>({"", "", "|cased"});
    const std::string neq = pick<std::string>({"", "", "", "|neq"});
    switch (below(16)) {
      case 0:
      case 1:
        return name + neq + ": " + plain();
      case 2:
        return name + neq + ": [" + plain() + ", " + plain() + "]";
      case 3:
        return name + "|" + affix + cased + neq + ": " + quoted(pattern());
      case 4:
        return name + "|" + affix + cased + pick<std::string>({"", "|all"}) + ": [" +
               quoted(pattern()) + ", " + quoted(pattern()) + "]";
      case 5:
        return name + "|cased: " + quoted(pattern());
      case 6:
        return name + "|re" + pick<std::string>({"", "|i", "|m", "|s", "|i|m", "|ignorecase"}) +
               neq + ": " + quoted(regex());
      case 7:
        return name + "|exists: " + pick<std::string>({"true", "false"});
      case 8:
        return name + "|" + pick<std::string>({"windash|contains", "contains|windash", "windash"}) +
               ": " + quoted(pick<std::string>({"-foo", "/bar", "cmd -foo", "-foo -bar"}));
      case 9:
        return name + "|" +
               pick<std::string>({"base64", "base64offset|contains", "base64|contains",
                                  "wide|base64offset|contains", "utf16le|base64",
                                  "utf16be|base64offset|contains", "utf16|base64"}) +
               ": " + quoted(pick<std::string>({"foo", "bar", "xfoo bar"}));
      case 10:
        return name + "|" + pick<std::string>({"lt", "lte", "gt", "gte"}) + neq + ": " +
               pick<std::string>({"0", "100", "1.5", "404", "-3"});
      case 11:
        return name + "|cidr" + neq + ": " +
               pick<std::string>({"10.0.0.0/8", "192.168.0.0/16", "10.1.2.3/32", "fd00::/8",
                                  "[10.1.0.0/16, fd00::12/128]"});
      case 12:
        return name + "|fieldref" +
               pick<std::string>({"", "|contains", "|startswith", "|endswith"}) + cased + ": " +
               pick<std::string>({"a", "b", "ip", "n.x", "only", "mapped.one"});
      case 13:
        return name + "|expand" + cased + ": " +
               quoted(pick<std::string>({"%names%", "x%names%x"}));
      case 14:
        return "when|" +
               pick<std::string>({"hour", "minute", "day", "week", "month", "year", "hour|gte",
                                  "day|lt", "week|gt"}) +
               ": " + pick<std::string>({"14", "25", "21", "34", "8", "2026", "1", "53"});
      default:
        return name + pick<std::string>({"", "|all"}) + ": [" + quoted(pattern()) + ", " +
               quoted(pattern()) + "]";
    }
  }

  std::string selection(size_t number) {
    std::string text = fmt::format("    - ");
    const size_t shape = below(8);
    if (shape == 0) {  // keywords
      return fmt::format("  s{}:\n    - {}\n    - {}\n", number, quoted(pattern() + "o"),
                         quoted(pick<std::string>({"foo", "b?r", "\\temp", "404"})));
    }
    if (shape == 1) {
      return fmt::format("  s{}:\n    '{}': [{}, {}]\n", number,
                         pick<std::string>({"|all", "|startswith", "|endswith", "|cased|all"}),
                         quoted("o" + pattern()), quoted(pick<std::string>({"foo", "bar"})));
    }
    const bool list = shape == 2;
    std::set<std::string> keys;
    text = fmt::format("  s{}:\n", number);
    for (size_t i = 1 + below(3); i > 0; --i) {
      const std::string line = item();
      if (!keys.insert(line.substr(0, line.find(':'))).second) continue;
      text += (list ? "    - " : "    ") + line + "\n";
    }
    return text;
  }

  std::string condition(size_t selections) {
    if (selections == 1) return pick<std::string>({"s1", "s1", "not s1", "1 of s*", "all of them"});
    if (selections == 2) {
      return pick<std::string>({"s1 and s2", "s1 or s2", "s1 and not s2", "not (s1 or s2)",
                                "1 of them", "all of s*", "not 1 of s*"});
    }
    return pick<std::string>({"s1 and s2 and s3", "s1 or s2 and s3", "(s1 or s2) and s3",
                              "s1 and not (s2 or s3)", "1 of s*", "all of s*", "2 of them",
                              "not s1 and (s2 or not s3)", "s1 and 1 of s*"});
  }

  std::mt19937_64 random_;
};

RuleDocuments documents_of(const std::string& text) {
  RuleDocuments documents;
  auto file = parse_yaml(text, "rules.yml");
  EXPECT_TRUE(file) << text;
  if (file) read_rules(*std::move(file), {{"names", {"foo", "b*r"}}}, documents);
  for (const Diagnostic& problem : documents.rejected) ADD_FAILURE() << render(problem) << text;
  return documents;
}

Schema random_schema() {
  auto file = parse_yaml(kSchema, "schema.yaml");
  auto schema = parse_schema(*file);
  EXPECT_TRUE(schema);
  return *std::move(schema);
}

TEST(MatcherRandom, AgreesWithTheReferenceOnRulesAndEventsAsText) {
  constexpr size_t kRules = 40;
  constexpr size_t kEvents = 40;
  const char* wanted = std::getenv("PICKET_RANDOM_MATCHES");
  const size_t comparisons = wanted ? std::strtoull(wanted, nullptr, 10) : 50'000;
  const Schema schema = random_schema();
  size_t compared = 0;
  size_t matched = 0;
  for (uint64_t seed = 0; compared < comparisons; ++seed) {
    Generator generate(seed);
    std::vector<std::string> texts;
    std::string all;
    for (size_t i = 0; i < kRules; ++i) all += "---\n" + texts.emplace_back(generate.rule(i));
    const RuleDocuments documents = documents_of(all);
    auto rules = RuleSet::make(documents_of(all), {schema});
    ASSERT_TRUE(rules);
    for (const Diagnostic& problem : (*rules)->rejected()) FAIL() << render(problem) << "\n" << all;
    DetectionMatch match(*rules);
    for (size_t e = 0; e < kEvents; ++e) {
      const std::string line = generate.event();
      NaiveEvent event{.record = *parse_naive_json(line)};
      NaiveContext context{.schema = &schema};
      NaiveMatcher matcher(event, context);
      const auto found = match(line + "\n");
      ASSERT_EQ(found.size(), 1U) << line;
      for (uint32_t rule = 0; rule < kRules; ++rule, ++compared) {
        const bool expected = matcher.matches(documents.detections[rule].condition);
        const bool in = std::binary_search(found[0].begin(), found[0].end(), rule);
        matched += expected;
        ASSERT_EQ(in, expected) << "seed " << seed << "\n"
                                << texts[rule] << line << "\n"
                                << dump(documents.detections[rule].condition);
      }
    }
  }
  EXPECT_GT(matched, comparisons / 20);
}

}  // namespace
}  // namespace picket
