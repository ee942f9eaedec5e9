// JSON inside strings: looking at the text as written, and reading it without unescaping, must find
// exactly what decoding in full finds, however the text is escaped.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kSchema[] = R"(
schema: peek
recognise: [t]
time: {field: t, unit: ms}
actor: [user.id]
fields:
  user.id: who
  data.code: "body > data.code"
  data.valid: "body > data.valid"
)";

constexpr char kRules[] = R"(
title: Code
name: code
detection: {s: {path: /verify, data.code: [EXPIRED, DISABLED]}, condition: s}
---
title: Invalid
name: invalid
detection: {s: {path: /verify, data.valid: false}, condition: s}
)";

struct Case {
  std::string body;
  bool code;
  bool invalid;
};

std::vector<Case> cases() {
  std::string long_key(70, 'k');
  return {
      {R"({"data":{"code":"EXPIRED","valid":false}})", true, true},
      {R"({"data":{"code":"VALID","valid":true}})", false, false},
      {R"({"data":{"xcode":"EXPIRED","invalid":false}})", false, false},
      {R"({"code":"EXPIRED","valid":false,"data":{}})", false, false},
      {R"({"data":{"code":["x","DISABLED"]}})", true, false},
      {R"({"data":{"code":["x","VALID"],"valid":[true,false]}})", false, true},
      {R"({"data":{"code":"expired"}})", true, false},
      {R"({ "data" : { "code" : "EXPIRED" , "valid" : false } })", true, true},
      {R"({"data":{"code":"EXP\u0049RED"}})", true, false},
      {R"({"data":{"c\u006fde":"EXPIRED"}})", true, false},
      {R"({"data":{"code":"EXPIRED\n"}})", false, false},
      {R"({"data":{"code":"VALID"},"data":{"code":"DISABLED"}})", true, false},
      {R"({"data":{"code":"DISABLED"},"data":{"code":"VALID"}})", false, false},
      {R"({"data":{"code":"EXPIRED")", false, false},
      {R"({"data":{"code":EXPIRED}})", false, false},
      {R"({"data":{"note":"code\":\"EXPIRED","valid":"no"}})", false, false},
      {R"({"data":{"note":"\"code\":\"EXPIRED\"","code":"EXPIRED"}})", true, false},
      {R"({"data":{"valid":"false"}})", false, true},
      {R"({"data":{"code":"EXPIRED ","valid":null}})", false, false},
      {R"({"data":{"code":""}})", false, false},
      {R"({")" + long_key + R"(":1,"data":{"code":"EXPIRED"}})", true, false},
      {R"({")" + long_key + R"(code":"EXPIRED","data":{"code":"VALID"}})", false, false},
      {R"(<html>"data":{"code":"EXPIRED"}</html>)", false, false},
      {"", false, false},
  };
}

std::string escaped(std::string_view text, bool all) {
  std::string out;
  for (char c : text) {
    if (all) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

// The rules that match, as "code" and "invalid".
std::string found(EngineRun& run, const std::string& body) {
  run.lines(R"({"t":1,"who":"w","path":"/verify","body":")" + body + "\"}\n");
  std::string names;
  for (const auto& [rule, count] : run.hits.matches) names += rule == 0 ? "code " : "invalid ";
  EXPECT_EQ(run.hits.stats.events, 1u) << body;
  return names;
}

std::string expected(const Case& c) {
  return std::string(c.code ? "code " : "") + (c.invalid ? "invalid " : "");
}

TEST(DecodeJsonPeek, FindsWhatDecodingFindsInEveryWriting) {
  EngineRun run(make_rules(kRules, {kSchema}));
  std::vector<Case> table = cases();
  for (int round = 0; round < 2; ++round) {  // the second one with other keys learned before
    for (const Case& c : table) {
      EXPECT_EQ(found(run, escaped(c.body, false)), expected(c)) << c.body;
      EXPECT_EQ(found(run, escaped(c.body, true)), expected(c)) << c.body << " as code points";
    }
    std::reverse(table.begin(), table.end());
  }
}

TEST(DecodeJsonPeek, AnObjectInPlaceOfTheStringIsReadToo) {
  EngineRun run(make_rules(kRules, {kSchema}));
  for (const Case& c : cases()) {
    if (c.body.empty() || c.body.front() != '{' || c.body.find("}}") == std::string::npos) continue;
    if (c.body.find("EXPIRED}") != std::string::npos) continue;  // no JSON at all
    run.lines(R"({"t":1,"who":"w","path":"/verify","body":)" + c.body + "}\n");
    std::string names;
    for (const auto& [rule, count] : run.hits.matches) names += rule == 0 ? "code " : "invalid ";
    EXPECT_EQ(names, expected(c)) << c.body;
  }
}

}  // namespace
}  // namespace picket
