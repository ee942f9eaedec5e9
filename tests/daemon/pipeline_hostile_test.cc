// Lines that somebody writes to do harm: each is processed or a dead letter, nothing aborts, the
// lines beside it are unharmed, and what comes out of them stays bounded.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/metrics.h"
#include "daemon/pipeline.h"
#include "rules/engine.h"
#include "tests/support/manual_clock.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

class LastStats final : public PipelineClient {
 public:
  void on_batch(const StreamInfo&, const HitBatch& batch, uint64_t) override {
    for (const DeadLetter& letter : batch.dead) reasons.push_back(letter.reason);
  }
  void on_alerts(std::vector<AlertEvent> events) override { alerts += events.size(); }
  void on_tick(Engine&, Timestamp) override {}
  void on_end(Engine& engine, Timestamp) override { stats = engine.stats(); }

  std::vector<DecodeError> reasons;
  size_t alerts = 0;
  EngineStats stats;
};

struct HostileLine {
  const char* what;
  std::string line;
  DecodeError reason = DecodeError::None;
};

std::vector<HostileLine> hostile_lines() {
  const auto event = [](const std::string& value) {
    return "{\"t\":1,\"who\":" + value + ",\"fail\":" + value + "}";
  };
  std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  return {
      {"deep arrays", event(deep), DecodeError::TooDeep},
      {"a number beyond every range", event("1e999")},
      {"a huge integer", event(std::string(10'000, '9'))},
      {"a lone surrogate", event(R"("\ud800")")},
      {"a lone low surrogate", event(R"("\udc00x")")},
      {"an escaped NUL", event(R"("\u0000")")},
      {"a NUL", std::string("{\"t\":1,\"who\":\"\0\"}", 17), DecodeError::NotJson},
      {"a byte order mark", "\xef\xbb\xbf" + event("1"), DecodeError::NotJson},
      {"a string of 64 MiB", "{\"t\":1,\"who\":\"" + std::string(64 << 20, 'x') + "\"}"},
      {"a key that comes twice", R"({"t":1,"who":"a","who":"b","fail":1,"fail":1})"},
      {"a hundred thousand keys",
       [] {
         std::string line = "{\"t\":1";
         for (int i = 0; i < 100'000; ++i) line += ",\"k" + std::to_string(i) + "\":1";
         return line + "}";
       }()},
  };
}

TEST(HostileLines, AreEventsOrDeadLettersAndTheirNeighboursAreUnharmed) {
  const std::string good = "{\"t\":1,\"who\":\"good\",\"fail\":1}\n";
  for (const HostileLine& hostile : hostile_lines()) {
    SCOPED_TRACE(hostile.what);
    ManualClock clock;
    LastStats client;
    Pipeline pipeline(test_rules(kThreeFails), {{.name = "s"}}, {}, clock, client);
    pipeline.start();
    LineBatch batch;
    batch.stream = pipeline.open_stream({.source = 0});
    batch.bytes = PaddedBytes(good + hostile.line + "\n" + good);
    ASSERT_TRUE(pipeline.push(std::move(batch)));
    pipeline.finish();
    const DecodeStats& stats = client.stats.sources.at(0).decode;
    EXPECT_TRUE(stats.balanced());
    EXPECT_EQ(stats.lines, 3u);
    EXPECT_GE(stats.event_lines, 2u);
    // Dead or alive, but what the table says is certain.
    if (hostile.reason != DecodeError::None) {
      EXPECT_EQ(client.reasons, std::vector{hostile.reason});
    }
    EXPECT_EQ(stats.event_lines + client.reasons.size(), 3u);
    EXPECT_EQ(pipeline.ledger()[0].imbalance(stats), 0);
  }
}

// Alerts after three fails of one user, between whose lines others claim impossible times.
size_t alerts_beside_wrong_clocks(Duration max_future_skew) {
  ManualClock clock(timestamp_ms(1'000'000));
  LastStats client;
  Pipeline pipeline(test_rules(kThreeFails), {{.name = "s"}}, {.max_future_skew = max_future_skew},
                    clock, client);
  pipeline.start();
  LineBatch batch;
  batch.stream = pipeline.open_stream({.source = 0});
  batch.arrival = clock.now();
  batch.bytes = PaddedBytes(R"({"t":999000,"who":"a","fail":1}
{"t":253402300799000,"who":"b","fail":1}
{"t":9223372036854775807,"who":"c","fail":1}
{"t":999400,"who":"a","fail":1}
{"t":-62167219200000,"who":"d","fail":1}
{"t":-9223372036854775808,"who":"e","fail":1}
{"t":0,"who":"f","fail":1}
{"t":999200,"who":"a","fail":1}
)");
  EXPECT_TRUE(pipeline.push(std::move(batch)));
  pipeline.finish();
  const DecodeStats& stats = client.stats.sources.at(0).decode;
  EXPECT_TRUE(stats.balanced());
  EXPECT_EQ(stats.lines, 8u);
  if (max_future_skew > Duration(0)) {
    EXPECT_GE(stats.future_time, 1u);
  }
  return client.alerts;
}

TEST(HostileLines, AWrongClockExpiresNobodysWindow) {
  EXPECT_EQ(alerts_beside_wrong_clocks(Duration(5'000)), 1u);
  EXPECT_EQ(alerts_beside_wrong_clocks(Duration(0)), 0u) << "this is what the bound is for";
}

TEST(HostileLines, CodesThatSomebodyMakesUpShareOneSeries) {
  Engine engine(test_rules(kThreeFails), {"s"}, {});
  engine.add_stream(0, Duration(0));
  std::vector<AlertEvent> alerts;
  for (int i = 0; i < 5'000; ++i) {
    HitBatch batch;
    batch.refusals.push_back({"err:made:up:" + std::to_string(i), "unknown", 1});
    engine.process(batch, timestamp_ms(1), alerts);
  }
  Snapshot snapshot;
  snapshot.engine = engine.stats();
  EXPECT_LE(snapshot.engine.refusals.size(), kRefusalSeriesMax + 1);
  EXPECT_GE(snapshot.engine.refusal_series_overflow, 5'000 - kRefusalSeriesMax - 1);
  const std::string text = metrics_text(snapshot);
  EXPECT_NE(text.find("code=\"other\""), std::string::npos);
  EXPECT_EQ(text.find("err:made:up:4999"), std::string::npos);
}

}  // namespace
}  // namespace picket
