// OTLP/JSON lines become plain records.
#include <gtest/gtest.h>

#include "rules/batch.h"
#include "rules/decode.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

class Lines final : public EventSink {
 public:
  void on_event(Event& event) override {
    raw.emplace_back(event.raw);
    times.push_back(event.timed ? to_ms(event.time) : -1);
    records.push_back(event.record);
  }
  std::vector<std::string> raw;
  std::vector<int64_t> times;
  std::vector<uint32_t> records;
};

Schema otlp_schema() {
  Schema schema;
  schema.name = "log";
  schema.recognise = {{"msg"}};
  schema.time = {{.path = "time"}};
  return schema;
}

Lines decode(const std::string& line, DecodeStats& stats, DecodeError* error) {
  FieldTable fields;
  auto plans = compile_plans({otlp_schema()}, fields, {{}});
  EXPECT_TRUE(plans.has_value());
  Decoder decoder(*plans, fields.size());
  Lines lines;
  PaddedBytes bytes(line);
  *error = decoder.decode({.line = bytes.view(),
                           .readable = bytes.capacity() + PaddedBytes::kPadding,
                           .future_limit = Timestamp::max()},
                          stats, lines);
  return lines;
}

TEST(DecodeOtlp, RecordsBecomePlainObjects) {
  DecodeStats stats;
  DecodeError error{};
  Lines lines = decode(
      R"({"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"api"}}]},)"
      R"("scopeLogs":[{"logRecords":[)"
      R"({"timeUnixNano":"1787322358207000000","severityText":"INFO","body":{"stringValue":"a \"b\""},)"
      R"("attributes":[{"key":"http","value":{"kvlistValue":{"values":[{"key":"status_code","value":{"intValue":"403"}},)"
      R"({"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"x"},{"boolValue":true}]}}}]}}}]},)"
      R"({"observedTimeUnixNano":1787322358208000000,"body":{"stringValue":"second"}}]}]}]})",
      stats, &error);
  EXPECT_EQ(error, DecodeError::None);
  ASSERT_EQ(lines.raw.size(), 2u);
  EXPECT_EQ(
      lines.raw[0],
      R"({"time":1787322358207,"level":"INFO","msg":"a \"b\"","resource":{"service.name":"api"},)"
      R"("http":{"status_code":403,"tags":["x",true]}})");
  EXPECT_EQ(lines.times, (std::vector<int64_t>{1787322358207, 1787322358208}));
  EXPECT_EQ(lines.records, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(stats.event_lines, 1u);
  EXPECT_EQ(stats.events, 2u);
  EXPECT_EQ(stats.dead_letters(), 0u);
}

TEST(DecodeOtlp, MalformedBatchesAreOneDeadLetter) {
  for (const char* line :
       {R"({"resourceLogs":1})",
        R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[1]}]}]}]})",
        R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"time":1}]}]}]})"}) {
    DecodeStats stats;
    DecodeError error{};
    decode(line, stats, &error);
    EXPECT_EQ(error, DecodeError::UnknownSchema) << line;
    EXPECT_EQ(stats.dead_letters(), 1u) << line;
  }
  DecodeStats stats;
  DecodeError error{};
  decode(R"({"resourceLogs":[{"scopeLogs":)", stats, &error);
  EXPECT_EQ(error, DecodeError::Truncated);
}

TEST(DecodeOtlp, AnEmptyBatchIsALineWithoutEvents) {
  DecodeStats stats;
  DecodeError error{};
  decode(R"({"resourceLogs":[]})", stats, &error);
  EXPECT_EQ(error, DecodeError::None);
  EXPECT_EQ(stats.event_lines, 1u);
  EXPECT_EQ(stats.events, 0u);
}

}  // namespace
}  // namespace picket
