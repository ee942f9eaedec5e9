// The pipeline's promises: order, nothing lost, alerts independent of workers and batch sizes.
#include "daemon/pipeline.h"

#include <gtest/gtest.h>

#include "rules/engine.h"
#include "rules/processor.h"
#include "tests/support/manual_clock.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

class Recorder final : public PipelineClient {
 public:
  void on_batch(const StreamInfo& stream, const HitBatch& batch, uint64_t first_line) override {
    sequence.push_back(batch.source.sequence);
    files.push_back(stream.file);
    first_lines.push_back(first_line);
    dead += batch.dead.size();
  }
  void on_alerts(std::vector<AlertEvent> alerts) override {
    for (const AlertEvent& event : alerts) text += to_json(event.alert) + "\n";
  }
  void on_tick(Engine&, Timestamp) override {}
  void on_end(Engine& engine, Timestamp) override { stats = engine.stats(); }

  std::vector<uint64_t> sequence;
  std::vector<std::string> files;
  std::vector<uint64_t> first_lines;
  std::string text;
  size_t dead = 0;
  EngineStats stats;
};

std::string sample_log() {
  std::string log;
  for (int i = 0; i < 400; ++i) {
    if (i % 50 == 7) log += "{broken\n";
    if (i % 70 == 9) log += "\n";
    int time = 1000000 + i * 300 + i / 100 * 60000;  // a pause after every hundred: alerts end
    log += "{\"t\":" + std::to_string(time) + ",\"who\":\"u" + std::to_string(i % 7) +
           "\",\"fail\":" + std::to_string(i % 2 == 0) + "}\n";
  }
  return log;
}

// Runs `log` cut into batches of about `batch_bytes` through `workers` decoders.
Recorder run(const std::string& log, uint32_t workers, size_t batch_bytes) {
  ManualClock clock;
  Recorder recorder;
  PipelineOptions options{.workers = workers, .queue_bytes = 1 << 16};
  options.engine.live = false;
  options.engine.track_changes = false;
  Pipeline pipeline(test_rules(kThreeFails), {{.name = "s"}}, options, clock, recorder);
  pipeline.start();
  StreamId stream = pipeline.open_stream({.source = 0, .file = "log"});
  for (size_t at = 0; at < log.size();) {
    size_t end = std::min(log.size(), at + batch_bytes);
    end = log.find('\n', end - 1);
    end = end == log.npos ? log.size() : end + 1;
    LineBatch batch;
    batch.stream = stream;
    batch.offset = at;
    batch.bytes = PaddedBytes(std::string_view(log).substr(at, end - at));
    EXPECT_TRUE(pipeline.push(std::move(batch)));
    at = end;
  }
  LineBatch end;
  end.kind = BatchKind::EndOfStream;
  end.stream = stream;
  EXPECT_TRUE(pipeline.push(std::move(end)));
  pipeline.finish();
  return recorder;
}

TEST(Pipeline, AlertsDoNotDependOnWorkersOrBatchSizes) {
  std::string log = sample_log();
  Recorder expected = run(log, 1, log.size());
  EXPECT_NE(expected.text.find("\"status\":\"firing\""), std::string::npos);
  EXPECT_NE(expected.text.find("\"status\":\"resolved\""), std::string::npos);
  for (uint32_t workers : {1u, 2u, 4u}) {
    for (size_t bytes : {size_t{1}, size_t{100}, size_t{1000}, size_t{8} << 20}) {
      Recorder got = run(log, workers, bytes);
      EXPECT_EQ(got.text, expected.text) << workers << " workers, " << bytes << " bytes";
    }
  }
}

TEST(Pipeline, ResultsComeInPushOrderAndTheLedgerBalances) {
  std::string log = sample_log();
  Recorder got = run(log, 4, 1);
  for (size_t i = 0; i < got.sequence.size(); ++i) EXPECT_EQ(got.sequence[i], i);
  for (size_t i = 1; i < got.first_lines.size(); ++i) {
    EXPECT_GE(got.first_lines[i], got.first_lines[i - 1]);
  }
  const DecodeStats& stats = got.stats.sources.at(0).decode;
  EXPECT_EQ(stats.lines, static_cast<uint64_t>(std::count(log.begin(), log.end(), '\n')));
  EXPECT_EQ(stats.events, 400u);
  EXPECT_EQ(stats.dead_letters(), 8u);
  EXPECT_EQ(got.dead, 8u);
  EXPECT_TRUE(stats.balanced());
}

TEST(Pipeline, PushIsRefusedOnceInputIsClosedAndWhatWasTakenIsProcessed) {
  ManualClock clock;
  Recorder recorder;
  Pipeline pipeline(test_rules(kThreeFails), {{.name = "s"}}, {}, clock, recorder);
  StreamId stream = pipeline.open_stream({.source = 0, .file = "log"});
  LineBatch batch;
  batch.stream = stream;
  batch.bytes = PaddedBytes("{\"t\":1,\"who\":\"a\",\"fail\":1}\n");
  ASSERT_TRUE(pipeline.push(std::move(batch)));
  pipeline.close_input();
  LineBatch late;
  late.stream = stream;
  EXPECT_FALSE(pipeline.push(std::move(late)));
  pipeline.start();
  pipeline.finish();
  EXPECT_EQ(recorder.sequence.size(), 1u);
  EXPECT_EQ(recorder.stats.sources.at(0).decode.events, 1u);
}

TEST(Pipeline, StreamsKeepTheirNumbersInTheNextPipeline) {
  ManualClock clock;
  Recorder recorder;
  const auto push = [](Pipeline& pipeline, StreamId stream, BatchKind kind) {
    LineBatch batch;
    batch.stream = stream;
    batch.kind = kind;
    if (kind == BatchKind::Lines) batch.bytes = PaddedBytes("{}\n");
    EXPECT_TRUE(pipeline.push(std::move(batch)));
  };
  Pipeline first(test_rules(kThreeFails), {{.name = "s"}}, {}, clock, recorder);
  first.start();
  EXPECT_EQ(first.open_stream({.source = 0, .file = "a"}), 0U);
  EXPECT_EQ(first.open_stream({.source = 0, .file = "b"}), 1U);
  push(first, 0, BatchKind::EndOfStream);
  push(first, 1, BatchKind::Lines);
  first.finish();
  const std::vector<PipelineStream> streams = first.streams();
  ASSERT_EQ(streams.size(), 2U);
  EXPECT_TRUE(streams[0].ended);
  EXPECT_FALSE(streams[1].ended);

  Pipeline second(test_rules(kThreeFails), {{.name = "s"}}, {}, clock, recorder);
  second.resume(streams);
  second.start();
  EXPECT_EQ(second.open_stream({.source = 0, .file = "c"}), 2U);
  push(second, 1, BatchKind::Lines);
  push(second, 2, BatchKind::Lines);
  second.finish();
  EXPECT_EQ(recorder.files, (std::vector<std::string>{"a", "b", "b", "c"}));
  EXPECT_EQ(recorder.first_lines, (std::vector<uint64_t>{0, 0, 1, 0}));
}

}  // namespace
}  // namespace picket
