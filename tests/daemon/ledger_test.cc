// The ledger: every line that was read is processed, a dead letter, dropped, or in flight, at every
// moment at which somebody may look.
#include "daemon/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "daemon/keeper.h"
#include "rules/engine.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

TEST(Ledger, EveryMoveKeepsTheBalance) {
  Ledger ledger(2);
  ledger.read(1, 10);
  EXPECT_EQ(ledger.counts()[1].in_flight, 10u);
  ledger.drop(1, LineDrop::Overload, 3);
  ledger.taken(1, 5);
  ledger.withdraw(1, 2);
  const LedgerCounts counts = ledger.counts()[1];
  EXPECT_EQ(counts.read, 8u);
  EXPECT_EQ(counts.in_flight, 0u);
  EXPECT_EQ(counts.dropped_lines(), 3u);
  EXPECT_EQ(counts.imbalance({.lines = 5}), 0);
  EXPECT_EQ(ledger.counts()[0].read, 0u);
}

TEST(Ledger, SaysHowManyLinesAreLostOrCountedTwice) {
  const LedgerCounts counts{.read = 10, .in_flight = 2, .dropped = {3, 0}};
  EXPECT_EQ(counts.imbalance({.lines = 5}), 0);
  EXPECT_EQ(counts.imbalance({.lines = 4}), 1);
  EXPECT_EQ(counts.imbalance({.lines = 7}), -2);
}

// Passes everything on to a keeper, lets it publish at every tick, and adds up what it published.
class Auditor final : public PipelineClient {
 public:
  Auditor(Keeper& keeper, PublishedState& published, ManualClock& clock)
      : keeper_(keeper), published_(published), clock_(clock) {}

  void on_batch(const StreamInfo& stream, const HitBatch& batch, uint64_t first_line) override {
    keeper_.on_batch(stream, batch, first_line);
  }
  void on_alerts(std::vector<AlertEvent> alerts) override { keeper_.on_alerts(std::move(alerts)); }
  void on_tick(Engine& engine, Timestamp) override {
    clock_.advance(Duration(1000));
    keeper_.on_tick(engine, clock_.now());
    audit();
  }
  void on_end(Engine& engine, Timestamp) override {
    keeper_.on_end(engine, clock_.now());
    audit();
  }

  size_t audits = 0;

 private:
  void audit() {
    const std::shared_ptr<const Snapshot> snapshot = published_.latest();
    for (const SourceSnapshot& source : snapshot->sources) {
      DecodeStats decoded;
      for (const SourceStats& stats : snapshot->engine.sources) {
        if (stats.name == source.name) decoded = stats.decode;
      }
      const uint64_t processed = decoded.lines - decoded.dead_letters();
      ASSERT_EQ(source.lines.read, processed + decoded.dead_letters() +
                                       source.lines.dropped_lines() + source.lines.in_flight)
          << source.name;
    }
    ++audits;
  }

  Keeper& keeper_;
  PublishedState& published_;
  ManualClock& clock_;
};

// Random lines: events, broken ones, blank ones, bytes that are no text, a last one without '\n'.
std::string random_lines(std::mt19937& random) {
  std::string text;
  const size_t count = random() % 40;
  for (size_t i = 0; i < count; ++i) {
    switch (random() % 6) {
      case 0:
        text += "{broken";
        break;
      case 1:
        break;
      case 2:
        text += "\xff\xfe{}";
        break;
      default:
        text += "{\"t\":" + std::to_string(1000 + i) + ",\"who\":\"a\",\"fail\":1}";
    }
    text += '\n';
  }
  if (random() % 4 == 0) text += "{\"t\":1";
  return text;
}

struct Sent {
  uint64_t lines = 0;
  std::string newest = {};  // checkpoint of each stream's last batch
};

LineBatch random_batch(std::mt19937& random) {
  LineBatch batch;
  if (random() % 10 == 0) {
    batch.kind = BatchKind::OversizeLine;
    batch.oversize_length = 5000;
    batch.bytes = PaddedBytes(std::string(100, 'x'));
  } else {
    batch.bytes = PaddedBytes(random_lines(random));
  }
  return batch;
}

uint64_t lines_of(const LineBatch& batch) {
  if (batch.kind == BatchKind::OversizeLine) return 1;
  const std::string_view text = batch.bytes.view();
  const auto whole = static_cast<uint64_t>(std::ranges::count(text, '\n'));
  return whole + (text.empty() || text.ends_with('\n') ? 0 : 1);
}

class LedgerProperty : public testing::TestWithParam<uint32_t> {};

// Source 0 blocks, source 1 sheds; the pipeline starts only after a while, so that it must.
TEST_P(LedgerProperty, BalancesAtEverySnapshotAndCheckpointsEndAtTheLastBatch) {
  uint64_t dropped = 0;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    ManualClock clock;
    MemoryStore store;
    auto dead = *DeadLetterFile::open("", 1024);
    std::vector<std::unique_ptr<Delivery>> deliveries;
    PublishedState published;
    Keeper keeper({.source_names = {"pull", "live"}, .source_types = {"file", "file"}},
                  {store, *dead, deliveries, published, clock});
    Auditor auditor(keeper, published, clock);
    Pipeline pipeline(test_rules(kThreeFails), {{.name = "pull"}, {.name = "live", .shed = true}},
                      {.workers = GetParam(), .queue_bytes = 4000}, clock, auditor);
    keeper.watch(pipeline);
    std::array<Sent, 2> sent;
    std::vector<StreamId> streams;
    for (const SourceId source : {SourceId{0}, SourceId{1}, SourceId{1}})
      streams.push_back(pipeline.open_stream({.source = source}));
    for (size_t i = 0; i < 120; ++i) {
      if (i == 30) pipeline.start();
      const size_t to = i < 30 ? 1 + random() % 2 : random() % 3;
      LineBatch batch = random_batch(random);
      batch.stream = streams[to];
      batch.checkpoint = {"file" + std::to_string(to), std::to_string(i)};
      Sent& expected = sent[to == 0 ? 0 : 1];
      expected.lines += lines_of(batch);
      if (to != 2) expected.newest = std::to_string(i);
      ASSERT_TRUE(pipeline.push(std::move(batch)));
    }
    pipeline.finish();
    EXPECT_GT(auditor.audits, 0u);
    const auto snapshot = published.latest();
    for (size_t source : {0u, 1u}) {
      EXPECT_EQ(snapshot->sources[source].lines.read, sent[source].lines) << "seed " << seed;
      EXPECT_EQ(snapshot->sources[source].lines.in_flight, 0u);
      const std::string key =
          checkpoint_key(source == 0 ? "pull" : "live", "file" + std::to_string(source));
      EXPECT_EQ((store.rows[{StateKind::Checkpoint, key}].value), sent[source].newest);
    }
    EXPECT_EQ(snapshot->sources[0].lines.dropped_lines(), 0u);
    dropped += snapshot->sources[1].lines.dropped_lines();
  }
  EXPECT_GT(dropped, 100u) << "nothing was shed: the test has lost its point";
}

INSTANTIATE_TEST_SUITE_P(Workers, LedgerProperty, testing::Values(1u, 2u, 5u));

}  // namespace
}  // namespace picket
