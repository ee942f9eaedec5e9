// What the decoder reads out of a good line. Bad lines: decode_errors_test.cc.
#include <gtest/gtest.h>

#include "tests/support/decode_run.h"

namespace picket {
namespace {

constexpr char kRaw[] = "schema: raw\nfields: {}\n";

constexpr char kMapped[] = R"(
schema: mapped
recognise: [m]
time: {field: [t, meta.when], unit: ms}
roots: [extra.deep]
fields:
  status: response_status
  first: [a, b, "body > a"]
  inner: "body > error.type"
  inner.deep: "body > error.more.x"
  urn: {from: "body > error.type", as: unkey_urn}
  header: "headers[Retry-After]"
  op: {from: path, capture: '^/v[0-9]+/([a-z.]+)$'}
  outcome: {from: code, map: {DISABLED: off, "": empty}}
  checked: {from: 'body > keyId', when: {path: [/v2/verify, /v1/verify]}}
  workspace: workspace_id
)";

TEST(DecodeJson, PathsOfAnyShape) {
  struct Case {
    const char* line;
    const char* field;
    const char* expected;
  };
  const Case cases[] = {
      {R"({"a":1})", "a", "number:1"},
      {R"({"a":{"b":{"c":"x"}}})", "a.b.c", "string:x"},
      {R"({"a.b.c":"x"})", "a.b.c", "string:x"},
      {R"({"a.b":{"c":"x"}})", "a.b.c", "string:x"},
      {R"({"a":{"b.c":"x"}})", "a.b.c", "string:x"},
      {R"({"a":{"b":1}})", "a.b.c", "absent"},
      {R"({"a":[{"b":1}]})", "a.b.c", "absent"},
      {R"({"a":{"b":{"c":[1,2]}}})", "a.b.c", "array:[1,2]"},
      {R"({"a":{"b":{"c":{"d":1}}}})", "a.b.c", R"(object:{"d":1})"},
      {R"({ "a" : { "b" : 2 } , "z" : 1 })", "a", R"(object:{ "b" : 2 })"},
      {R"({"a":{"b":2}})", "a.b", "number:2"},
      {R"({"x":{"a":1},"a":2})", "a", "number:2"},
      {R"({"A":1})", "a", "absent"},
      {R"({"a":null})", "a", "null"},
      {R"({"a":""})", "a", "string:"},
      {R"({"a":true})", "a", "bool:true"},
      {R"({"a":false})", "a", "bool:false"},
      {R"({"a":-1.5e+3})", "a", "number:-1.5e+3"},
      {R"({"a":"404"})", "a", "string:404"},
      {R"({"a":123456789012345678901234567890})", "a", "number:123456789012345678901234567890"},
      {R"({"\u0061":1})", "a", "number:1"},
      {R"({"":1})", "a", "absent"},
      {"{}", "a", "absent"},
      {"  {\"a\" : 1 }  \t\r", "a", "number:1"},
  };
  DecodeRun run({kRaw}, {"a", "a.b", "a.b.c"});
  for (const Case& c : cases) EXPECT_EQ(run.field(c.line, c.field, 0), c.expected) << c.line;
}

TEST(DecodeJson, StringsAreUnescaped) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("plain")", "plain"},
      {R"("a\/b")", "a/b"},
      {R"("\"\\\b\f\n\r\t")", "\"\\\b\f\n\r\t"},
      {R"("\u00e9\u20ac")", "\u00e9\u20ac"},
      {R"("\ud83d\ude00")", "\U0001F600"},
      {R"("\ud83d")", "\uFFFD"},  // honest logs hold such
      {R"("\ude00x")", "\uFFFDx"},
      {R"("\ud83dx\ud83d\ude00")", "\uFFFDx\U0001F600"},
      {R"("\u0000")", nullptr},  // a NUL, see below
      {R"("tail\\")", "tail\\"},
  };
  DecodeRun run({kRaw}, {"a"});
  for (const auto& [written, expected] : cases) {
    std::string plain = expected ? expected : std::string(1, '\0');
    EXPECT_EQ(run.field(std::string("{\"a\":") + written + "}", "a", 0), "string:" + plain)
        << written;
    EXPECT_EQ(run.field(std::string("{\"a\":[0,") + written + "]}", "a", 0),
              std::string("array:[0,") + written + "]");
  }
}

TEST(DecodeJson, LongTextsAndManyFieldsKeepTheirValues) {
  std::string line = "{";
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back("field_" + std::to_string(i));
    line += (i ? ",\"" : "\"") + names.back() + "\":\"\\n" +
            std::string(static_cast<size_t>(i) * 13, 'x') + "\"";
  }
  line += "}";
  DecodeRun run({kRaw}, names);
  ASSERT_EQ(run.line(line, 0), DecodeError::None);
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(run.events[0].fields[names[i]], "string:\n" + std::string(i * 13, 'x'));
  }
}

TEST(DecodeJson, KeysInAnyOrderLineAfterLine) {
  // More keys than the decoder remembers the order of, and in another order each time.
  std::vector<std::string> names;
  for (int i = 0; i < 150; ++i) names.push_back("key_of_some_length_" + std::to_string(i));
  DecodeRun run({kRaw}, names);
  for (size_t step : {1, 7, 11, 13, 149}) {
    std::string line = "{";
    for (size_t i = 0, at = 0; i < names.size(); ++i, at = (at + step) % names.size()) {
      line += (i ? ",\"" : "\"") + names[at] + "\":" + std::to_string(at);
    }
    run.events.clear();
    ASSERT_EQ(run.line(line + "}", 0), DecodeError::None);
    for (size_t i = 0; i < names.size(); ++i) {
      ASSERT_EQ(run.events[0].fields[names[i]], "number:" + std::to_string(i)) << step;
    }
  }
}

TEST(DecodeJson, DuplicateKeys) {
  DecodeRun run({kRaw}, {"a", "o.x", "o.y"});
  EXPECT_EQ(run.field(R"({"a":1,"a":"two"})", "a", 0), "string:two") << "the last one wins";
  EXPECT_EQ(run.stats.duplicate_keys, 1U);
  EXPECT_EQ(run.field(R"({"o":{"x":1},"o":{"y":2}})", "o.x", 0), "number:1") << "objects merge";
  EXPECT_EQ(run.events[0].fields["o.y"], "number:2");
  EXPECT_EQ(run.stats.duplicate_keys, 2U);
  EXPECT_EQ(run.field(R"({"a":1})", "a", 0), "number:1");
  EXPECT_EQ(run.stats.duplicate_keys, 2U);
}

TEST(DecodeJson, MappedFields) {
  struct Case {
    const char* line;
    const char* field;
    const char* expected;
  };
  const Case cases[] = {
      {R"("response_status":403)", "status", "number:403"},
      {R"("response_status":"403")", "status", "string:403"},
      {R"("a":"","b":"y")", "first", "string:y"},
      {R"("b":"y","a":"x")", "first", "string:x"},
      {R"("a":null,"body":"{\"a\":7}")", "first", "number:7"},
      {R"("body":"{\"error\":{\"type\":\"T\",\"more\":{\"x\":1}}}")", "inner", "string:T"},
      {R"("body":"{\"error\":{\"type\":\"T\",\"more\":{\"x\":1}}}")", "inner.deep", "number:1"},
      {R"("body":{"error":{"type":"plain object"}})", "inner", "string:plain object"},
      {R"("body":"{\"error\":{\"type\":\"a\\/\\u00e9\"}}")", "inner", "string:a/\u00e9"},
      {R"("body":"{\"error\":")", "inner", "absent"},
      {R"("body":"not json")", "inner", "absent"},
      {R"("body":"")", "inner", "absent"},
      {R"("body":"[1]")", "inner", "absent"},
      {R"("body":5)", "inner", "absent"},
      {R"("body":"{\"error\":{\"type\":\"err:unkey:authorization:forbidden\"}}")", "urn",
       "string:err:unkey:authorization:forbidden"},
      {R"("body":"{\"error\":{\"type\":\"https://unkey.com/docs/errors/)"
       R"(unkey/data/key_not_found\"}}")",
       "urn", "string:err:unkey:data:key_not_found"},
      {R"("body":"{\"error\":{\"type\":\"https://example.com/x\"}}")", "urn", "absent"},
      {R"("headers":["X: y","retry-AFTER: 30"])", "header", "string:30"},
      {R"("headers":["Retry-After:a:b"])", "header", "string:a:b"},
      {R"("headers":["Retry-Afterwards: 1"])", "header", "absent"},
      {R"("headers":[1,null,"bare"])", "header", "absent"},
      {R"("path":"/v2/keys.verify")", "op", "string:keys.verify"},
      {R"("path":"/v2/keys.verify/x")", "op", "absent"},
      {R"("path":"/v2/verify","body":"{\"keyId\":\"k\"}")", "checked", "string:k"},
      {R"("body":"{\"keyId\":\"k\"}","path":"\/v1\/verify")", "checked", "string:k"},
      {R"("path":"/v2/create","body":"{\"keyId\":\"k\"}")", "checked", "absent"},
      {R"("body":"{\"keyId\":\"k\"}")", "checked", "absent"},
      {R"("path":["/v2/verify"],"body":"{\"keyId\":\"k\"}")", "checked", "absent"},
      {R"("code":"DISABLED")", "outcome", "string:off"},
      {R"("code":"OTHER")", "outcome", "absent"},
      {R"("plain":1)", "plain", "number:1"},
      {R"("extra":{"deep":{"plain":2}})", "plain", "number:2"},
      {R"("extra":{"deep":{"plain":2}},"plain":1)", "plain", "number:1"},
  };
  DecodeRun run({kMapped}, {"status", "first", "inner", "inner.deep", "urn", "header", "op",
                            "outcome", "checked", "plain"});
  for (const Case& c : cases) {
    EXPECT_EQ(run.field(std::string("{\"m\":1,") + c.line + "}", c.field), c.expected) << c.line;
  }
}

TEST(DecodeJson, AnEmptyTextOfAMappedFieldIsNoValue) {
  DecodeRun run({kMapped}, {"workspace", "workspace_id", "first", "response_status"});
  EXPECT_EQ(run.field(R"({"m":1,"workspace_id":""})", "workspace"), "absent");
  EXPECT_EQ(run.events[0].fields["workspace_id"], "string:") << "a raw path keeps the difference";
  EXPECT_EQ(run.field(R"({"m":1,"workspace_id":null})", "workspace"), "null");
  EXPECT_EQ(run.field(R"({"m":1,"workspace_id":"w"})", "workspace"), "string:w");
  EXPECT_EQ(run.field(R"({"m":1,"a":"","b":""})", "first"), "absent");
  EXPECT_EQ(run.field(R"({"m":1,"a":"","b":null})", "first"), "null");
}

TEST(DecodeJson, ValuesOfTheLineBeforeNeverShowThrough) {
  // The counter that tells old values from new ones has 16 bits: go around it.
  DecodeRun run({kMapped}, {"workspace", "inner"});
  const char* full = R"({"m":1,"workspace_id":"w","body":"{\"error\":{\"type\":\"T\"}}"})";
  EXPECT_EQ(run.field(full, "workspace"), "string:w");
  for (int i = 0; i < 70'000; ++i) {
    run.events.clear();
    run.line(R"({"m":1})");
    ASSERT_EQ(run.events[0].fields["workspace"], "absent") << "line " << i;
    ASSERT_EQ(run.events[0].fields["inner"], "absent") << "line " << i;
  }
}

TEST(DecodeJson, WhatCapturesFoundIsRememberedPerTextAndCapture) {
  const std::string two = std::string(kMapped) +
                          "  version: {from: path, capture: '^/(v[0-9]+)/'}\n"
                          "  letter: {from: path, capture: '(?:(x)|y)$'}\n";
  DecodeRun run({two}, {"op", "version", "letter"});
  const std::string tail(100, 'a');
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v2/apis.x"})", "op"), "string:apis.x") << round;
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v2/apis.x"})", "version"), "string:v2");
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v2/apis.x"})", "letter"), "string:x");
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v2/apis.y"})", "letter"), "absent") << "an empty group";
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v2/APIS"})", "op"), "absent");
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v2/APIS"})", "version"), "string:v2");
    EXPECT_EQ(run.field(R"({"m":1,"path":"/v3/)" + tail + "\"}", "op"), "string:" + tail);
  }
  // More texts than are remembered.
  for (int i = 0; i < 2000; ++i) {
    const std::string op(static_cast<size_t>(1 + i % 40), static_cast<char>('a' + i % 26));
    ASSERT_EQ(run.field(R"({"m":1,"path":"/v1/)" + op + "\"}", "op"), "string:" + op);
  }
}

TEST(DecodeJson, RecognitionDependsOnTheLineAlone) {
  const std::string one = "schema: one\nrecognise: [a, [b, c]]\nfields: {f: x}\n";
  const std::string two = "schema: two\nrecognise: [a]\nrecognise_not: [d]\nfields: {f: y}\n";
  const std::string three = "schema: three\nrecognise: [d.e]\nfields: {f: z}\n";
  const std::pair<const char*, const char*> lines[] = {
      {R"({"a":1,"b":1,"x":1,"y":2,"z":3})", "one number:1"},
      {R"({"x":1,"y":2,"c":1,"a":1})", "one number:1"},
      {R"({"a":1,"x":1,"y":2,"z":3})", "two number:2"},
      {R"({"a":1,"d":{"e":1},"y":2,"z":3})", "three number:3"},
      {R"({"d.e":null,"z":3})", "three number:3"},
      {R"({"b":1})", "dead:unknown_schema"},
      {"{}", "dead:unknown_schema"},
      {R"({"d":1})", "dead:unknown_schema"},
  };
  auto outcome = [](DecodeRun& run, const char* line) {
    std::string field = run.field(line, "f");
    return field.starts_with("dead:") ? field : run.events[0].schema + " " + field;
  };
  DecodeRun run({one, two, three}, {"f"});
  for (const auto& [before, ignored] : lines) {
    for (const auto& [line, expected] : lines) {
      outcome(run, before);
      EXPECT_EQ(outcome(run, line), expected) << line << " after " << before;
    }
  }
  EXPECT_EQ(run.field(R"({"b":1,"y":5})", "f", 1), "number:5") << "fixed: nothing is recognised";
}

TEST(DecodeJson, EnvelopesAndArraysGiveOneEventPerRecord) {
  const std::string schema = "schema: e\nrecognise: [v]\nenvelope: Records\nfields: {n: n}\n";
  struct Case {
    const char* line;
    std::vector<std::string> raws;
  };
  const Case cases[] = {
      {R"({"Records":[{"v":1,"n":1}, {"v":1,"n":2} ,{"n":3}]})",
       {R"({"v":1,"n":1})", R"({"v":1,"n":2})", R"({"n":3})"}},
      {R"({"x":[1],"Records":[ {"v":1,"n":1} ],"y":{"z":2}})", {R"({"v":1,"n":1})"}},
      {R"([{"v":1,"n":1},{"v":1,"n":2}])", {R"({"v":1,"n":1})", R"({"v":1,"n":2})"}},
      {R"({"Records":[]})", {}},
      {"[]", {}},
      {R"({"v":1,"n":1})", {R"({"v":1,"n":1})"}},
  };
  for (const Case& c : cases) {
    DecodeRun run({schema}, {"n"});
    ASSERT_EQ(run.line(c.line), DecodeError::None) << c.line;
    ASSERT_EQ(run.events.size(), c.raws.size()) << c.line;
    for (size_t i = 0; i < c.raws.size(); ++i) {
      EXPECT_EQ(run.events[i].raw, c.raws[i]);
      EXPECT_EQ(run.events[i].record, i);
      EXPECT_EQ(run.events[i].fields["n"], "number:" + std::to_string(i + 1));
    }
    EXPECT_EQ(run.stats.events, c.raws.size());
    EXPECT_EQ(run.stats.event_lines, 1U);
  }
}

TEST(DecodeJson, TimesInEveryForm) {
  struct Case {
    const char* unit;
    const char* time;
    int64_t ms;  // 5: arrival
  };
  const Case cases[] = {
      {"ms", "1787322360123", 1787322360123},
      {"ms", "\"1787322360123\"", 1787322360123},
      {"s", "1787322360", 1787322360000},
      {"s", "1787322360.25", 1787322360250},
      {"us", "1787322360123456", 1787322360123},
      {"ns", "1787322360123456789", 1787322360123},
      {"ns", "\"1787322360123456789\"", 1787322360123},
      {"ms", "\"2026-08-21T14:26:00.123Z\"", 1787322360123},
      {"s", "\"2026-08-21T16:26:00.123456789+02:00\"", 1787322360123},
      {"ms", "\"2026-08-21 14:26:00.123\"", 1787322360123},
      {"ms", "\"2026-08-21 14:26:00\"", 1787322360000},
      {"ms", "\"yesterday\"", 5},
      {"ms", "\"\"", 5},
      {"ms", "null", 5},
      {"ms", "true", 5},
      {"ms", "[1]", 5},
      {"ms", "1e300", 5},
      {"ms", "\"2026-13-41T00:00:00Z\"", 5},
      {"s", "9223372036854775807", 5},
  };
  for (const Case& c : cases) {
    DecodeRun run({std::string("schema: x\ntime: {field: t, unit: ") + c.unit +
                   "}\nrecognise: [t]\nfields: {}\n"},
                  {});
    ASSERT_EQ(run.line(std::string("{\"t\":") + c.time + "}"), DecodeError::None);
    EXPECT_EQ(to_ms(run.events[0].time), c.ms) << c.unit << " " << c.time;
    EXPECT_EQ(run.events[0].timed, c.ms != 5) << c.time;
    EXPECT_EQ(run.stats.missing_time, c.ms == 5 ? 1U : 0U) << c.time;
  }
}

TEST(DecodeJson, SecondTimeFieldMissingTimeAndClampedFuture) {
  DecodeRun run({kMapped}, {});
  run.line(R"({"m":1,"t":"","meta":{"when":77}})");
  EXPECT_EQ(to_ms(run.events[0].time), 77);
  run.line(R"({"m":1})");
  EXPECT_EQ(to_ms(run.events[1].time), 5);
  EXPECT_EQ(run.stats.missing_time, 1U);
  run.arrival = timestamp_ms(1'000);
  run.future_limit = timestamp_ms(2'000);
  run.line(R"({"m":1,"t":2000})");
  run.line(R"({"m":1,"t":2001})");
  EXPECT_EQ(to_ms(run.events[2].time), 2'000);
  EXPECT_EQ(to_ms(run.events[3].time), 1'000) << "one bad clock must not move everybody's";
  EXPECT_EQ(run.stats.future_time, 1U);
}

}  // namespace
}  // namespace picket
