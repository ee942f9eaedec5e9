// Lines that are no events: every reason with examples, and never a wrong event.
#include <gtest/gtest.h>

#include <random>

#include "rules/hit.h"
#include "tests/support/decode_run.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kRaw[] = "schema: raw\nfields: {}\n";

std::string nested(char open, size_t depth) {
  std::string line = R"({"a":)";
  for (size_t i = 1; i < depth; ++i) line += open == '[' ? "[" : R"({"a":)";
  line += "1";
  for (size_t i = 1; i < depth; ++i) line += open == '[' ? "]" : "}";
  return line + "}";
}

struct Case {
  DecodeError error;
  std::string line;
};

std::vector<Case> bad_lines() {
  std::vector<Case> cases;
  auto add = [&cases](DecodeError error, std::vector<std::string> lines) {
    for (std::string& line : lines) cases.push_back({error, std::move(line)});
  };
  add(DecodeError::NotJson, {"plain text",
                             "time=1 level=info",
                             "<xml/>",
                             "nul",
                             "tru",
                             "truex",
                             "'a'",
                             "{a:1}",
                             "{'a':1}",
                             R"({"a" 1})",
                             R"({"a":1,})",
                             R"({"a":1 "b":2})",
                             R"({"a":1,,"b":2})",
                             R"({,"a":1})",
                             R"({"a":})",
                             R"({"a":1]})",
                             R"({1:2})",
                             R"({"a":1}})",
                             R"({"a":1}{"a":2})",
                             R"({"a":1} {"a":2})",
                             R"({"a":1},{"a":2})",
                             "\x01{}",
                             "{\"a\":\"\x01\"}",
                             R"({"a":"x"y})",
                             R"({"a":1 /* c */})",
                             "-",
                             "}",
                             "]"});
  // Broken values wherever they stand: asked for, beside, below, in kept and in skipped containers.
  for (const char* bad : {"tru", "truee", "nulll", "fals", "01", "+1", ".5", "1.", "1e", "1e+",
                          "--1", "0x10", "NaN", "Infinity", "undefined", "abc", "1 2", "\"a\"b"}) {
    for (const char* where :
         {R"({"a":%})", R"({"z":%})", R"({"a":1,"z":{"y":%}})", R"({"a":1,"z":[1,%]})",
          R"({"a":[%]})", R"({"a":{"q":%}})", R"({"a":{"q":[{"r":%}]}})", R"({"k":{"b":1,"q":%}})",
          R"({"a":[1,{"q":[%,2]}]})"}) {
      std::string line = where;
      line.replace(line.find('%'), 1, bad);
      cases.push_back({DecodeError::NotJson, line});
    }
  }
  add(DecodeError::NotObject, {"1", "-1.5e3", "true", "false", "null", "\"text\"", "[1]",
                               R"([{"a":1},2])", R"(["a"])", "[[]]"});
  add(DecodeError::Truncated,
      {"{", "[", R"({"a")", R"({"a":)", R"({"a":1)", R"({"a":1,)", R"({"a":"x)", R"({"a":"x\)"});
  // How the line ends decides: behind a closing bracket it counts as broken, otherwise as cut off.
  add(DecodeError::NotJson, {R"({"a":{"b":1})", R"([{"a":1})"});
  add(DecodeError::Truncated, {R"({"a":1} x)", R"([{"a":1}] 1)"});
  add(DecodeError::InvalidUtf8, {"{\"a\":\"\xff\"}", "{\"z\":\"\xc3\"}", "{\"a\":\"\xed\xa0\x80\"}",
                                 "{\"\xfe\":1}", "{\"a\":\"\xc0\xaf\"}", "\xff\xfe{}"});
  for (size_t depth : {65, 66, 200, 2'000, 100'000}) {
    add(DecodeError::TooDeep, {nested('[', depth), nested('{', depth)});
    std::string beside = nested('[', depth);
    add(DecodeError::TooDeep, {R"({"z")" + beside.substr(4)});
  }
  return cases;
}

TEST(DecodeErrors, EveryReasonByExample) {
  DecodeRun run({kRaw}, {"a", "k.b"});
  for (const Case& c : bad_lines()) {
    run.events.clear();
    uint64_t before = run.stats.dead[static_cast<size_t>(c.error)];
    DecodeError found = run.line(c.line, 0);
    EXPECT_EQ(to_text(found), to_text(c.error)) << c.line.substr(0, 80);
    EXPECT_EQ(run.stats.dead[static_cast<size_t>(c.error)], before + (found == c.error ? 1 : 0));
    bool array = c.line[0] == '[';  // records before the broken one are delivered
    EXPECT_TRUE(array || run.events.empty()) << c.line.substr(0, 80);
  }
}

TEST(DecodeErrors, SixtyFourLevelsAreFine) {
  DecodeRun run({kRaw}, {"a"});
  for (char open : {'[', '{'}) {
    EXPECT_EQ(run.line(nested(open, 64), 0), DecodeError::None) << open;
    EXPECT_EQ(run.line(R"({"z")" + nested(open, 64).substr(4), 0), DecodeError::None) << open;
  }
}

TEST(DecodeErrors, AGoodLineCutAnywhereIsNoEvent) {
  const std::string lines[] = {
      R"({"a":{"b":[1,2.5e3,true,null,"x\u00e9\\"]},"k":{"b":"A\/"},"z":[{},[]],"t":-0.5})",
      "{\"a\":\"\u00e9\u20ac\U0001F600\",\"k\":[]}",
  };
  DecodeRun run({kRaw}, {"a", "k.b"});
  for (const std::string& line : lines) {
    for (size_t size = 1; size < line.size(); ++size) {
      ASSERT_NE(run.line(line.substr(0, size), 0), DecodeError::None) << line.substr(0, size);
    }
    EXPECT_TRUE(run.events.empty());
    EXPECT_EQ(run.line(line, 0), DecodeError::None);
    run.events.clear();
  }
}

TEST(DecodeErrors, AByteOrderMarkIsNoPartOfTheLine) {
  // Only a file's first line can have one; a reader that did not strip it must not lose the line's
  // neighbours. The line itself is not JSON.
  DecodeRun run({kRaw}, {"a"});
  EXPECT_EQ(run.field("\xef\xbb\xbf{\"a\":1}", "a", 0), "dead:not_json");
  EXPECT_EQ(run.field("{\"a\":1}", "a", 0), "number:1");
}

TEST(DecodeErrors, RecordsBeforeTheBrokenOneAreDelivered) {
  const std::string schema = "schema: e\nrecognise: [v]\nenvelope: Records\nfields: {}\n";
  DecodeRun run({schema}, {});
  EXPECT_EQ(run.line(R"({"Records":[{"v":1},{"v":2},{"v":tru}]})"), DecodeError::NotJson);
  EXPECT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.stats.event_lines, 0U) << "the line is dead, and counted once";
  EXPECT_EQ(run.line(R"({"Records":[{"v":1}],"x":})"), DecodeError::NotJson);
  EXPECT_EQ(run.line(R"([{"v":1},{"w":1}])"), DecodeError::UnknownSchema);
}

TEST(DecodeErrors, NeighboursOfBadLinesAreUnharmed) {
  auto rules = make_rules(R"(
title: X
name: x
logsource: {product: test}
detection: {s: {e: x}, condition: s}
)");
  for (const Case& c : bad_lines()) {
    EngineRun run(rules);
    run.lines(test_line(1, "x") + c.line + "\n" + test_line(2, "x", "v"));
    bool array = c.line[0] == '[';
    EXPECT_GE(run.hits.stats.events, 2U) << c.line.substr(0, 80);
    EXPECT_TRUE(array || run.hits.stats.events == 2) << c.line.substr(0, 80);
    EXPECT_TRUE(run.hits.stats.balanced());
    ASSERT_EQ(run.hits.dead.size(), 1U) << c.line.substr(0, 80);
    EXPECT_EQ(run.hits.dead[0].line, 1U);
    EXPECT_EQ(run.hits.dead[0].size, c.line.size());
    EXPECT_EQ(run.events.size(), 2U);
  }
}

TEST(DecodeErrors, DamagedLinesNeverCrashOrUnbalance) {
  std::mt19937_64 random(9);
  const std::string good =
      R"({"a":{"b":[1,2.5e3,true,null,"x\u00e9\\"]},"k":{"b":"A\/"},"z":[{},[]],"t":-0.5})";
  const std::string bytes = "{}[]\",:\\ue0123456789-+.tfn \t\x01\x80\xff";
  DecodeRun run({kRaw}, {"a", "a.b", "k.b", "t"});
  for (int i = 0; i < 20'000; ++i) {
    std::string line = good;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      size_t at = random() % line.size();
      char byte = bytes[random() % bytes.size()];
      switch (random() % 3) {
        case 0:
          line[at] = byte;
          break;
        case 1:
          line.insert(at, 1, byte);
          break;
        default:
          line.erase(at, 1);
      }
    }
    run.events.clear();
    DecodeError error = run.line(line, 0);
    bool array = line.find('[') < line.find('{');  // gives events until it breaks
    if (!array) {
      ASSERT_EQ(error == DecodeError::None, run.events.size() == 1) << line;
    }
  }
}

}  // namespace
}  // namespace picket
