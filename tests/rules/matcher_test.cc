// The compiled matcher against tests/reference/naive_match: random rules x random events, and all
// small condition trees.
#include "rules/matcher.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <random>

#include "rules/batch.h"
#include "rules/decode.h"
#include "rules/modifiers.h"
#include "rules/predicate_set.h"
#include "tests/reference/naive_match.h"

namespace picket {
namespace {

using Kind = NaiveValue::Kind;

// One schema that maps nothing, a set of rules, and their matches for one line.
class Matching final : private EventSink {
 public:
  // `dear` fields count as costly, which steers what the prefilter goes by.
  Matching(const std::vector<MatchTree>& rules, const std::vector<std::string>& dear) {
    for (const MatchTree& rule : rules) {
      auto compiled = compile_condition(rule, predicates_, fields_, {});
      EXPECT_TRUE(compiled) << dump(rule);
      if (compiled) matcher_.add(*compiled);
    }
    std::vector<FieldId> wanted;
    for (size_t i = 0; i < fields_.size(); ++i) wanted.push_back(static_cast<FieldId>(i));
    Schema raw;
    raw.name = "raw";
    plans_ = *compile_plans({raw}, fields_, {wanted});
    FieldCost costs(fields_.size(), 0);
    for (const std::string& name : dear) {
      if (auto field = fields_.find(name)) costs[*field] = 4;
    }
    freeze_matchers({&matcher_}, predicates_, costs, facts_);
    for (FieldId field : facts_.fields()) plans_.plans[0].watch(field);
    decoder_ = std::make_unique<Decoder>(plans_, fields_.size());
  }

  // The rules that match; `checked` has the same without the prefilter.
  std::vector<uint32_t> operator()(const std::string& line, Timestamp time) {
    PaddedBytes bytes(line);
    DecodeStats stats;
    out_.clear();
    checked.clear();
    LineContext context{.line = bytes.view(),
                        .readable = bytes.capacity() + PaddedBytes::kPadding,
                        .fixed_schema = 0,
                        .arrival = time,
                        .future_limit = Timestamp::max()};
    EXPECT_EQ(decoder_->decode(context, stats, *this), DecodeError::None) << line;
    return out_;
  }
  std::vector<uint32_t> checked;
  uint32_t first = 0;

 private:
  void on_event(Event& event) override {
    const Matcher::Subject subject{facts_, predicates_, event, memo_};
    facts_.begin(memo_);
    matcher_.match(subject, out_);
    first = matcher_.first(subject);
    facts_.begin(memo_);
    for (uint32_t rule = 0; rule < matcher_.rules(); ++rule) {
      if (matcher_.matches(rule, subject)) checked.push_back(rule);
    }
  }

  FieldTable fields_;
  PredicateSet predicates_;
  FactIndex facts_;
  Matcher matcher_;
  DecodePlans plans_;
  std::unique_ptr<Decoder> decoder_;
  MatchMemo memo_;
  std::vector<uint32_t> out_;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  MatchTree rule(int depth) {
    if (depth == 0 || below(4) == 0) return {.kind = MatchTree::Kind::Leaf, .leaf = predicate()};
    MatchTree tree;
    switch (below(6)) {
      case 0:
        tree.kind = MatchTree::Kind::Not;
        break;
      case 1:
      case 2:
        tree.kind = MatchTree::Kind::Or;
        break;
      default:
        tree.kind = MatchTree::Kind::And;
    }
    size_t children = tree.kind == MatchTree::Kind::Not ? 1 : below(4);
    if (children == 0 && below(4) != 0) children = 2;
    for (size_t i = 0; i < children; ++i) tree.children.push_back(rule(depth - 1));
    return tree;
  }

  NaiveEvent event() {
    NaiveEvent event;
    event.time = timestamp_ms(static_cast<int64_t>(below(4)) * 1000);
    for (const char* name : {"a", "b", "ip"}) {
      if (below(5) != 0) event.record.members[name] = value(1);
    }
    if (below(3) != 0) event.record.members["d.e"] = value(1);
    if (below(3) != 0) {
      NaiveValue nested{.kind = Kind::Object};
      nested.members["x"] = value(1);
      if (below(2) == 0) nested.members["y"] = value(0);
      event.record.members["n"] = nested;
    }
    return event;
  }

  std::string field() { return pick<std::string>({"a", "a", "b", "ip", "d.e", "n.x", "n.y"}); }
  size_t below(size_t bound) { return random_() % bound; }

 private:
  template <class T>
  T pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  std::string text() {
    return pick<std::string>({"foo",
                              "Foo",
                              "FOO bar",
                              "bar",
                              "",
                              "404",
                              "404.0",
                              "-0",
                              "0",
                              "1e2",
                              "100",
                              "00100",
                              "true",
                              "False",
                              "10.1.2.3",
                              "192.168.0.9",
                              "a*b",
                              "a?b",
                              "axb",
                              "c:\\temp",
                              "\xc3\xa9t\xc3\xa9",
                              "null",
                              "inf",
                              "nan",
                              "12345678901234567",
                              "1e-400"});
  }

  NaiveValue value(int depth) {
    switch (below(depth > 0 ? 12 : 9)) {
      case 0:
        return {};
      case 1:
        return {.kind = Kind::Bool, .text = pick<std::string>({"true", "false"})};
      case 2:
      case 3:
        return {.kind = Kind::Number,
                .text = pick<std::string>({"404", "404.0", "4.04e2", "100", "1E2", "0", "-0", "0.0",
                                           "1.5", "-3", "12345678901234567", "1e400", "1e-400"})};
      case 9:
      case 10: {
        NaiveValue array{.kind = Kind::Array};
        for (size_t i = below(4); i > 0; --i) array.items.push_back(value(below(4) == 0 ? 1 : 0));
        return array;
      }
      case 11: {
        NaiveValue object{.kind = Kind::Object};
        object.members["k"] = value(0);
        return object;
      }
      default:
        return {.kind = Kind::String, .text = text()};
    }
  }

  Pattern pattern() {
    Pattern made =
        parse_pattern(pick<std::string>({text(), text(), text(), "f*", "*oo", "*o*", "?oo", "f?o*",
                                         "*", "a\\*b", "a\\?b", "*a?b*", "f*o*r", "?t?"}));
    size_t affix = below(8);
    if (affix == 0 || affix == 1) made.insert(made.begin(), {PatternPart::Kind::Many, {}});
    if (affix == 0 || affix == 2) made.push_back({PatternPart::Kind::Many, {}});
    return made;
  }

  Predicate predicate() {
    Predicate p;
    p.field = below(25) == 0 ? "" : field();
    size_t kind = below(20);
    if (p.field.empty()) kind = kind < 15 ? 0 : 18;
    p.cased = kind <= 9 && below(4) == 0;
    p.number = pick<double>({404, 100, 0, 1.5, -3, 12345678901234567.0});
    p.flag = below(2) == 0;
    if (kind <= 9) {
      p.pattern = pattern();
    } else if (kind <= 11) {
      p.op = MatchOp::Number;
    } else if (kind == 12) {
      p.op = pick<MatchOp>(
          {MatchOp::Less, MatchOp::LessEqual, MatchOp::Greater, MatchOp::GreaterEqual});
    } else if (kind == 13) {
      p.op = MatchOp::Null;
    } else if (kind == 14) {
      p.op = MatchOp::Bool;
    } else if (kind == 15) {
      p.op = MatchOp::Exists;
    } else if (kind == 16) {
      p.op = MatchOp::Cidr;
      p.text = pick<std::string>({"10.0.0.0/8", "192.168.0.0/16", "10.1.2.3/32", "0.0.0.0/0"});
    } else if (kind == 17) {
      p.op = MatchOp::FieldRef;
      p.text = field();
      p.affix = pick<Affix>({Affix::None, Affix::Contains, Affix::StartsWith, Affix::EndsWith});
      p.cased = below(2) == 0;
    } else if (kind == 18) {
      p.op = MatchOp::Regex;
      p.text = pick<std::string>({"^f", "o{2}", "b.r$", "^[0-9.]+$", "(foo|bar)"});
      p.regex_ignore_case = below(2) == 0;
    } else {
      p.op = MatchOp::Before;
      p.number = static_cast<double>(below(4) * 1000);
    }
    return p;
  }

  std::mt19937_64 random_;
};

TEST(Matcher, AgreesWithTheNaiveReadingOnRandomRulesAndEvents) {
  size_t compared = 0;
  size_t matched = 0;
  for (uint64_t seed = 0; seed < 250; ++seed) {
    Generator generate(seed);
    std::vector<MatchTree> rules;
    for (int i = 0; i < 30; ++i) {
      rules.push_back(generate.rule(static_cast<int>(generate.below(4))));
    }
    Matching matching(rules, {generate.field(), generate.field()});
    for (int e = 0; e < 40; ++e) {
      const NaiveEvent event = generate.event();
      const std::string line = naive_json(event.record);
      std::vector<uint32_t> expected;
      for (uint32_t rule = 0; rule < rules.size(); ++rule) {
        ++compared;
        if (naive_match(rules[rule], event)) expected.push_back(rule);
      }
      matched += expected.size();
      const std::vector<uint32_t> found = matching(line, event.time);
      // Without the prefilter first: that tells a wrong test from a lost candidate.
      for (uint32_t rule = 0; rule < rules.size(); ++rule) {
        auto in = [rule](const auto& list) {
          return std::find(list.begin(), list.end(), rule) != list.end();
        };
        ASSERT_EQ(in(matching.checked), in(expected)) << "seed " << seed << "\n"
                                                      << line << "\n"
                                                      << dump(rules[rule]);
        ASSERT_EQ(in(found), in(expected)) << "the prefilter lost it: seed " << seed << "\n"
                                           << line << "\n"
                                           << dump(rules[rule]);
      }
      ASSERT_EQ(found, expected) << "in order";
      ASSERT_EQ(matching.first, expected.empty() ? Matcher::kNone : expected.front());
    }
  }
  EXPECT_GE(compared, 200'000U);
  EXPECT_GT(matched, 20'000U);
}

MatchTree leaf_of(const char* field) {
  Predicate p;
  p.field = field;
  p.pattern = parse_pattern("1");
  return {.kind = MatchTree::Kind::Leaf, .leaf = p};
}

// Not, and And and Or of any two, over `from`.
std::vector<MatchTree> combined(const std::vector<MatchTree>& from) {
  std::vector<MatchTree> trees;
  for (const MatchTree& a : from) {
    trees.push_back({.kind = MatchTree::Kind::Not, .children = {a}});
    for (const MatchTree& b : from) {
      for (MatchTree::Kind kind : {MatchTree::Kind::And, MatchTree::Kind::Or}) {
        trees.push_back({.kind = kind, .children = {a, b}});
      }
    }
  }
  return trees;
}

TEST(Matcher, AgreesOnAllSmallConditions) {
  std::vector<MatchTree> small = {{.kind = MatchTree::Kind::And}, {.kind = MatchTree::Kind::Or}};
  for (const char* field : {"p", "q"}) small.push_back(leaf_of(field));
  std::vector<MatchTree> middle = combined(small);
  middle.insert(middle.end(), small.begin(), small.end());
  std::vector<MatchTree> rules = combined(middle);
  Matching matching(rules, {"q"});
  for (int bits = 0; bits < 4; ++bits) {
    NaiveEvent event;
    for (int field = 0; field < 2; ++field) {
      if (bits >> field & 1) {
        event.record.members[field == 0 ? "p" : "q"] = {.kind = Kind::String, .text = "1"};
      }
    }
    std::vector<uint32_t> expected;
    for (uint32_t rule = 0; rule < rules.size(); ++rule) {
      if (naive_match(rules[rule], event)) expected.push_back(rule);
    }
    EXPECT_EQ(matching(naive_json(event.record), {}), expected) << bits;
    EXPECT_EQ(matching.checked, expected) << bits;
  }
}

// One predicate on field f of one line.
bool item_holds(const Predicate& predicate, const std::string& line) {
  Matching matching({{.kind = MatchTree::Kind::Leaf, .leaf = predicate}}, {});
  return !matching(line, {}).empty();
}

TEST(Matcher, NumbersAreNumbersHoweverWritten) {
  Predicate p{.field = "f", .op = MatchOp::Number, .number = 404};
  for (const char* f : {"404", "\"404\"", "404.0", "\"404.0\"", "4.04e2", "[1,404]", "[\"404\"]"}) {
    EXPECT_TRUE(item_holds(p, std::string("{\"f\":") + f + "}")) << f;
  }
  for (const char* f : {"405", "\"404x\"", "\" 404\"", "\"\"", "true", "null", "{\"f\":404}"}) {
    EXPECT_FALSE(item_holds(p, std::string("{\"f\":") + f + "}")) << f;
  }
  // Words that some number parsers take are no numbers here, and tiny is not huge.
  Predicate more{.field = "f", .op = MatchOp::Greater, .number = 5};
  for (const char* f : {"\"inf\"", "\"Infinity\"", "\"nan\"", "1e-400", "\"1e-400\"", "\"0x10\""}) {
    EXPECT_FALSE(item_holds(more, std::string("{\"f\":") + f + "}")) << f;
  }
  EXPECT_TRUE(item_holds(more, R"({"f":1e400})"));
}

TEST(Matcher, NetworksOfBothFamilies) {
  struct Case {
    const char* network;
    const char* address;
    bool inside;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.255.1.1", true},
      {"10.0.0.0/8", "11.0.0.1", false},
      {"10.1.2.0/23", "10.1.3.9", true},
      {"10.1.2.0/23", "10.1.4.0", false},
      {"fd00::/8", "fd12::1", true},
      {"fd00::/8", "fe80::1", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"0.0.0.0/0", "fd00::1", false},
      {"10.0.0.0/8", "10.1.1", false},
      {"10.0.0.0/8", "not an address", false},
  };
  for (const Case& c : cases) {
    Predicate p{.field = "f", .op = MatchOp::Cidr, .text = c.network};
    EXPECT_EQ(item_holds(p, fmt::format(R"({{"f":"{}"}})", c.address)), c.inside)
        << c.network << " " << c.address;
  }
}

TEST(Matcher, DateParts) {
  // 2026-08-21 is a Friday in week 34.
  const std::pair<DatePart, double> parts[] = {{DatePart::Minute, 25}, {DatePart::Hour, 14},
                                               {DatePart::Day, 21},    {DatePart::Week, 34},
                                               {DatePart::Month, 8},   {DatePart::Year, 2026}};
  for (const auto& [part, number] : parts) {
    Predicate p{.field = "f", .op = MatchOp::Number, .date_part = part, .number = number};
    EXPECT_TRUE(item_holds(p, R"({"f":"2026-08-21T14:25:58Z"})")) << number;
    p.number += 1;
    EXPECT_FALSE(item_holds(p, R"({"f":"2026-08-21T14:25:58Z"})")) << number;
  }
}

}  // namespace
}  // namespace picket
