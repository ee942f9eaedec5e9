#include "rules/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "rules/alert.h"

namespace picket {
namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

TEST(JsonString, EscapesWhatJsonRequires) {
  EXPECT_EQ(json_of(""), "\"\"");
  EXPECT_EQ(json_of("plain text of more than sixteen bytes"),
            "\"plain text of more than sixteen bytes\"");
  EXPECT_EQ(json_of("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json_of("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(json_of(std::string_view("\0\x1b[2J\x7f", 6)), R"("\u0000\u001b[2J\u007f")");
}

TEST(JsonString, EscapesWhatHidesOrReordersText) {
  EXPECT_EQ(json_of("\xC2\x9B"), R"("\u009b")");  // C1
  EXPECT_EQ(json_of("\xE2\x80\xA8\xE2\x80\xA9"), R"("\u2028\u2029")");
  EXPECT_EQ(json_of("\xE2\x80\xAE"), R"("\u202e")");  // right-to-left override
  EXPECT_EQ(json_of("\xE2\x81\xA6"), R"("\u2066")");  // isolate
  EXPECT_EQ(json_of("\xE2\x80\x8B\xEF\xBB\xBF"), R"("\u200b\ufeff")");
  EXPECT_EQ(json_of("\xF3\xA0\x81\x81"), R"("\udb40\udc41")");  // tag character
  EXPECT_EQ(printable("\x1b]0;x\x07\n\"\\"), "\\u001b]0;x\\u0007\\u000a\"\\");
}

TEST(JsonString, KeepsHarmlessUtf8) {
  const std::string text = "Grüße, 世界 🎉 — naïve";
  EXPECT_EQ(json_of(text), "\"" + text + "\"");
}

TEST(JsonString, ReplacesWhatIsNotUtf8) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(json_of("a\xFFz"), "\"a" + r + "z\"");
  EXPECT_EQ(json_of("\xC0\xAF"), "\"" + r + r + "\"");          // overlong
  EXPECT_EQ(json_of("\xED\xA0\x80"), "\"" + r + r + r + "\"");  // surrogate
  EXPECT_EQ(json_of("\xF4\x90\x80\x80"), "\"" + r + r + r + r + "\"");
  EXPECT_EQ(json_of("\xE2\x82"), "\"" + r + "\"");  // cut off: one for the longest beginning
  EXPECT_EQ(json_of("\xE2\x82"
                    "a"),
            "\"" + r + "a\"");
}

// Each byte is tested at every distance from the start and the end of a word.
TEST(JsonString, FindsEveryByteAtEveryPosition) {
  for (size_t length = 1; length <= 20; ++length) {
    for (size_t at = 0; at < length; ++at) {
      for (int byte = 0; byte < 128; ++byte) {
        std::string text(length, 'x');
        text[at] = static_cast<char>(byte);
        std::string expected = "\"" + std::string(at, 'x');
        std::string one = json_of(std::string(1, static_cast<char>(byte)));
        expected += one.substr(1, one.size() - 2) + std::string(length - at - 1, 'x') + "\"";
        ASSERT_EQ(json_of(text), expected) << length << " " << at << " " << byte;
      }
    }
  }
}

// What comes out of random bytes is clean: printing it again changes nothing.
TEST(JsonString, PrintableIsIdempotentOnRandomBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const std::string once = printable(text);
    ASSERT_EQ(printable(once), once);
    ASSERT_EQ(once.find('\n'), std::string::npos);
  }
}

TEST(JsonString, ClipsBetweenCodePoints) {
  EXPECT_EQ(clip_utf8("abc", 3), "abc");
  EXPECT_EQ(clip_utf8("abc", 2), "ab");
  EXPECT_EQ(clip_utf8("a\xC3\xBC", 2), "a");
  EXPECT_EQ(clip_utf8("\xF0\x9F\x8E\x89", 3), "");
}

TEST(JsonWriter, PlacesCommasAndNumbers) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("a", 1);
  json.member("b", uint64_t{18446744073709551615U});
  json.member("c", 0.0001);
  json.member("d", std::numeric_limits<double>::infinity());
  json.member("e", true);
  json.member("f", "text");
  json.key("g");
  json.begin_array();
  json.number(-5);
  json.null();
  json.begin_object();
  json.end_object();
  json.begin_array();
  json.end_array();
  json.raw("{}");
  json.end_array();
  json.member("h", std::string("last"));
  json.end_object();
  EXPECT_EQ(out, R"({"a":1,"b":18446744073709551615,"c":0.0001,"d":null,"e":true,"f":"text",)"
                 R"("g":[-5,null,{},[],{}],"h":"last"})");
}

Alert sample_alert() {
  Alert alert;
  alert.id = "0f3a";
  alert.rule = {.id = "r-1", .name = "probing", .title = "Probing"};
  alert.severity = Level::High;
  alert.verdict = Verdict::BoundaryTesting;
  alert.labels = {{"alertname", "PicketProbing"}, {"key_id", "key_1"}};
  alert.starts_at = *parse_rfc3339("2026-08-21T14:25:58.207Z");
  alert.updated_at = alert.starts_at + Duration(1500);
  alert.events = 7;
  return alert;
}

TEST(AlertJson, LeavesOutWhatTheAlertDoesNotHave) {
  EXPECT_EQ(to_json(sample_alert()),
            R"({"alert_id":"0f3a","status":"firing","rule":{"id":"r-1","name":"probing",)"
            R"("title":"Probing"},"severity":"high","verdict":"boundary_testing",)"
            R"("labels":{"alertname":"PicketProbing","key_id":"key_1"},)"
            R"("starts_at":"2026-08-21T14:25:58.207Z","updated_at":"2026-08-21T14:25:59.707Z",)"
            R"("ends_at":null,"events":7,"causes":{},"evidence":[],"annotations":{}})");
}

TEST(AlertJson, HasEveryPartInTheDocumentedOrder) {
  Alert alert = sample_alert();
  alert.status = AlertStatus::Resolved;
  alert.ends_at = alert.updated_at;
  alert.measure.distinct = 5;
  alert.measure.score = 4.2;
  alert.measure.false_alarm = 0.0001;
  alert.causes = {{"protected_resource", 5}};
  alert.evidence = {{.time = alert.starts_at,
                     .request_id = "req_1",
                     .method = "POST",
                     .path = "/v2/\x1b[2J",
                     .status = "412",
                     .cause = "protected_resource"}};
  alert.annotations = {{"summary", "s"}};
  const std::string json = to_json(alert);
  EXPECT_NE(json.find(R"("ends_at":"2026-08-21T14:25:59.707Z","events":7,"distinct":5,"score":4.2,)"
                      R"("confidence":{"false_alarm":0.0001},"causes":{"protected_resource":5},)"
                      R"("evidence":[{"time":"2026-08-21T14:25:58.207Z","request_id":"req_1",)"
                      R"("method":"POST","path":"/v2/\u001b[2J","status":412,"code":null,)"
                      R"("cause":"protected_resource","target":null}],)"
                      R"("annotations":{"summary":"s"}})"),
            std::string::npos)
      << json;
}

TEST(AlertJson, KeepsTheWordsOfAStatus) {
  Alert alert = sample_alert();
  alert.verdict = Verdict::None;
  for (const char* status : {"DENIED", "0412", ""}) {
    alert.evidence.push_back({.status = status});
  }
  const std::string json = to_json(alert);
  EXPECT_NE(json.find(R"("verdict":null)"), std::string::npos);
  EXPECT_NE(json.find(R"("status":"DENIED")"), std::string::npos);
  EXPECT_NE(json.find(R"("status":"0412")"), std::string::npos);
  EXPECT_NE(json.find(R"("status":null)"), std::string::npos);
}

}  // namespace
}  // namespace picket
