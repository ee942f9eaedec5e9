// Keeper: what is committed together, and what happens when the state file cannot be written.
#include "daemon/keeper.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "rules/engine.h"
#include "rules/processor.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

class NullOutput final : public Output {
 public:
  std::error_code deliver(const std::vector<AlertEvent>&, Timestamp) override { return {}; }
  std::error_code tick(Timestamp) override { return {}; }
  void finish(Timestamp) override {}
  std::string last_error() const override { return {}; }
};

using Deliveries = std::vector<std::unique_ptr<Delivery>>;

Deliveries null_outputs(size_t count, const Clock& clock) {
  Deliveries made;
  for (size_t i = 0; i < count; ++i) {
    made.push_back(std::make_unique<Delivery>("out", std::make_unique<NullOutput>(), clock));
  }
  return made;
}

class KeeperTest : public testing::Test {
 protected:
  explicit KeeperTest(size_t outputs = 0) : deliveries_(null_outputs(outputs, clock_)) {
    pipeline_ = std::make_unique<Pipeline>(test_rules(kThreeFails),
                                           std::vector<SourceOptions>{{.name = "s"}},
                                           PipelineOptions{}, clock_, keeper_);
    keeper_.watch(*pipeline_);
  }

  // Runs lines through a processor and an engine as the pipeline does.
  void feed(const std::string& lines, Checkpoint checkpoint) {
    LineBatch batch;
    batch.bytes = PaddedBytes(lines);
    batch.checkpoint = std::move(checkpoint);
    HitBatch hits;
    processor_.process(std::move(batch), {}, hits);
    std::vector<AlertEvent> alerts;
    engine_.process(hits, clock_.now(), alerts);
    keeper_.on_batch({.source = 0, .file = "log"}, hits, 0);
    keeper_.on_alerts(std::move(alerts));
  }

  ManualClock clock_;
  MemoryStore store_;
  std::unique_ptr<DeadLetterFile> dead_ = *DeadLetterFile::open("", 1024);
  Deliveries deliveries_;
  PublishedState published_;
  Keeper keeper_{{.source_names = {"s"}, .source_types = {"file"}},
                 {store_, *dead_, deliveries_, published_, clock_}};
  std::unique_ptr<Pipeline> pipeline_;
  std::shared_ptr<const RuleSet> rules_ = test_rules(kThreeFails);
  Processor processor_{rules_};
  // Fed past the pipeline, and so no source of its ledger.
  Engine engine_{rules_, {"fed"}, {}};
};

constexpr char kFails[] =
    "{\"t\":1,\"who\":\"a\",\"fail\":1}\n{\"t\":2,\"who\":\"a\",\"fail\":1}\n"
    "{\"t\":3,\"who\":\"a\",\"fail\":1}\n";

class KeeperWithOutput : public KeeperTest {
 protected:
  KeeperWithOutput() : KeeperTest(1) { keeper_.restore_outbox({}, {}); }
  Delivery& delivery() { return *deliveries_[0]; }
};

TEST_F(KeeperTest, CheckpointAndEngineStateAreCommittedTogether) {
  engine_.add_stream(0, Duration(0));
  feed("{\"t\":1,\"who\":\"a\",\"fail\":1}\n", {.key = "log", .value = "27"});
  EXPECT_TRUE(store_.rows.empty());
  EXPECT_TRUE(keeper_.commit(engine_, clock_.now()));
  EXPECT_EQ(store_.load(StateKind::Group).size(), 1u);
  EXPECT_EQ(store_.load(StateKind::Meta).size(), 1u);
  std::vector<StateChange> checkpoints = store_.load(StateKind::Checkpoint);
  ASSERT_EQ(checkpoints.size(), 1u);
  std::string source;
  std::string key;
  ASSERT_TRUE(split_checkpoint_key(checkpoints[0].key, source, key));
  EXPECT_EQ(source, "s");
  EXPECT_EQ(key, "log");
  EXPECT_EQ(checkpoints[0].value, "27");
}

TEST_F(KeeperTest, AFailedCommitKeepsItsChangesAndTheHealthSaysSo) {
  engine_.add_stream(0, Duration(0));
  store_.full = true;
  feed("{\"t\":1,\"who\":\"a\",\"fail\":1}\n", {.key = "log", .value = "27"});
  keeper_.on_tick(engine_, clock_.now());
  EXPECT_FALSE(published_.latest()->health.healthy);
  EXPECT_EQ(published_.latest()->checkpoints.failures, 1u);
  feed("{\"t\":2,\"who\":\"a\",\"fail\":1}\n", {.key = "log", .value = "54"});
  store_.full = false;
  EXPECT_TRUE(keeper_.commit(engine_, clock_.now()));
  EXPECT_EQ(store_.load(StateKind::Group).size(), 1u);
  ASSERT_EQ(store_.load(StateKind::Checkpoint).size(), 1u);
  EXPECT_EQ(store_.load(StateKind::Checkpoint)[0].value, "54");
}

TEST_F(KeeperTest, InputsLearnWhatWasCommittedAndNothingElse) {
  engine_.add_stream(0, Duration(0));
  feed("", {.key = "log", .value = "27"});
  EXPECT_TRUE(keeper_.take_committed().empty());
  store_.full = true;
  keeper_.commit(engine_, clock_.now());
  EXPECT_TRUE(keeper_.take_committed().empty());
  store_.full = false;
  keeper_.commit(engine_, clock_.now());
  feed("", {.key = "log", .value = "54"});
  keeper_.commit(engine_, clock_.now());
  feed("", {.key = "log", .value = "81"});
  const auto taken = keeper_.take_committed();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].source, 0u);
  EXPECT_EQ(taken[0].checkpoint.key, "log");
  EXPECT_EQ(taken[0].checkpoint.value, "54");
  EXPECT_TRUE(keeper_.take_committed().empty());
}

TEST_F(KeeperWithOutput, AnAlertIsCommittedBeforeItGoesOut) {
  engine_.add_stream(0, Duration(0));
  feed(kFails, {.key = "log", .value = "81"});
  EXPECT_EQ(delivery().stats().queue_length, 0U);
  EXPECT_TRUE(store_.rows.empty());
  clock_.advance(std::chrono::seconds(1));
  keeper_.on_tick(engine_, clock_.now());
  EXPECT_EQ(delivery().stats().queue_length, 1U);
  EXPECT_EQ(store_.load(StateKind::Outbox).size(), 2U) << "the alert, and what the output has";
  EXPECT_EQ(store_.load(StateKind::Checkpoint).size(), 1U) << "with what it follows from";
  delivery().start();
  EXPECT_TRUE(delivery().stop(clock_.steady() + std::chrono::seconds(5)));
  keeper_.settle();
  EXPECT_EQ(store_.load(StateKind::Outbox).size(), 1U);
}

TEST_F(KeeperWithOutput, ADiskThatIsFullHoldsUpNoAlert) {
  engine_.add_stream(0, Duration(0));
  store_.full = true;
  feed(kFails, {});
  clock_.advance(std::chrono::seconds(1));
  keeper_.on_tick(engine_, clock_.now());
  EXPECT_EQ(delivery().stats().queue_length, 1U);
}

TEST_F(KeeperWithOutput, AfterACrashWhatWasNotAcknowledgedGoesOutAgain) {
  engine_.add_stream(0, Duration(0));
  feed(kFails, {});
  keeper_.on_end(engine_, clock_.now());
  Deliveries deliveries = null_outputs(1, clock_);
  Keeper revived({.source_names = {"s"}, .source_types = {"file"}},
                 {store_, *dead_, deliveries, published_, clock_});
  revived.restore_outbox(store_.load(StateKind::Outbox), {});
  EXPECT_EQ(deliveries[0]->stats().queue_length, 1U);
}

TEST_F(KeeperTest, AFailingSpoolIsUnhealthyUntilItWorksAgain) {
  InputStats stats{.last_error = "disk full", .push = PushStats{.spool_failing = true}};
  keeper_.input_stats(0, stats);
  keeper_.on_tick(engine_, clock_.now());
  EXPECT_FALSE(published_.latest()->health.healthy);
  EXPECT_EQ(published_.latest()->health.unhealthy_reason,
            "input 's' cannot write its spool: disk full");
  stats.push->spool_failing = false;
  keeper_.input_stats(0, stats);
  clock_.advance(Duration(1000));
  keeper_.on_tick(engine_, clock_.now());
  EXPECT_TRUE(published_.latest()->health.healthy);
}

TEST_F(KeeperTest, AnEmptyCheckpointDeletesItsKey) {
  engine_.add_stream(0, Duration(0));
  feed("", {.key = "log", .value = "27"});
  keeper_.commit(engine_, clock_.now());
  feed("", {.key = "log", .value = ""});
  keeper_.commit(engine_, clock_.now());
  EXPECT_TRUE(store_.load(StateKind::Checkpoint).empty());
}

TEST_F(KeeperTest, WhatWasCommittedGivesTheSameAlertsAfterARestart) {
  engine_.add_stream(0, Duration(0));
  feed("{\"t\":1,\"who\":\"a\",\"fail\":1}\n{\"t\":2,\"who\":\"a\",\"fail\":1}\n", {});
  keeper_.commit(engine_, clock_.now());
  EngineChanges saved;
  for (const StateChange& row : store_.load(StateKind::Group)) {
    saved.groups.push_back({row.key, row.value, false});
  }
  saved.meta = store_.load(StateKind::Meta).at(0).value;
  Engine revived(rules_, {"s"}, {});
  EXPECT_EQ(revived.restore(saved), 0u);
  revived.add_stream(0, Duration(0));
  LineBatch batch;
  batch.bytes = PaddedBytes("{\"t\":3,\"who\":\"a\",\"fail\":1}\n");
  HitBatch hits;
  processor_.process(std::move(batch), {}, hits);
  std::vector<AlertEvent> alerts;
  revived.process(hits, clock_.now(), alerts);
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].alert.events, 3u);
}

TEST_F(KeeperWithOutput, AlertsAboutPicketItselfGoTheWayOfAllOthers) {
  keeper_.input_stats(0, {.last_error = "permission denied"});
  keeper_.on_tick(engine_, clock_.now());
  clock_.advance(std::chrono::seconds(30));
  keeper_.on_tick(engine_, clock_.now());  // decided
  const auto shown = published_.latest()->alerts;
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].rule.id, "picket_input_failing");
  EXPECT_EQ(delivery().stats().queue_length, 0U) << "not before it is committed";
  clock_.advance(std::chrono::seconds(1));
  keeper_.on_tick(engine_, clock_.now());
  EXPECT_EQ(delivery().stats().queue_length, 1U);
  EXPECT_EQ(store_.load(StateKind::SelfAlert).size(), 1U);

  Deliveries deliveries = null_outputs(1, clock_);
  Keeper revived({.source_names = {"s"}, .source_types = {"file"}},
                 {store_, *dead_, deliveries, published_, clock_});
  revived.watch(*pipeline_);
  revived.restore_outbox(store_.load(StateKind::Outbox), {});
  for (int i = 0; i < 60; ++i) {
    revived.on_tick(engine_, clock_.now());
    clock_.advance(std::chrono::seconds(2));
  }
  EXPECT_TRUE(store_.load(StateKind::SelfAlert).empty());
  const auto ended = published_.latest()->alerts;
  ASSERT_EQ(ended.size(), 1U) << "the same alert, now resolved";
  EXPECT_EQ(ended[0].id, shown[0].id);
  EXPECT_EQ(ended[0].status, AlertStatus::Resolved);
}

TEST_F(KeeperWithOutput, AlertsAboutPicketItselfGoOnAfterAReload) {
  keeper_.input_stats(0, {.last_error = "permission denied"});
  keeper_.on_tick(engine_, clock_.now());
  clock_.advance(std::chrono::seconds(30));
  keeper_.on_tick(engine_, clock_.now());
  const auto before = published_.latest()->alerts;
  ASSERT_EQ(before.size(), 1U);

  // Not committed: the next keeper knows it all the same, and once.
  Deliveries deliveries = null_outputs(1, clock_);
  Keeper next({.source_names = {"s"}, .source_types = {"file"}},
              {store_, *dead_, deliveries, published_, clock_});
  next.watch(*pipeline_);
  next.take_over(keeper_.leave());
  next.restore_outbox(store_.load(StateKind::Outbox), {});
  next.input_stats(0, {.last_error = "permission denied"});
  clock_.advance(std::chrono::seconds(1));
  next.on_tick(engine_, clock_.now());
  const auto after = published_.latest()->alerts;
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].id, before[0].id);
  EXPECT_EQ(after[0].starts_at, before[0].starts_at);
  EXPECT_EQ(after[0].status, AlertStatus::Firing);
  next.on_tick(engine_, clock_.now());
  EXPECT_EQ(store_.load(StateKind::SelfAlert).size(), 1U);
}

TEST_F(KeeperTest, AStateFileThatCannotBeWrittenIsTold) {
  engine_.add_stream(0, Duration(0));
  store_.full = true;
  for (int i = 0; i < 40; ++i) {
    feed("", {.key = "log", .value = std::to_string(i)});
    keeper_.on_tick(engine_, clock_.now());
    clock_.advance(std::chrono::seconds(1));
  }
  ASSERT_EQ(published_.latest()->alerts.size(), 1U);
  EXPECT_EQ(published_.latest()->alerts[0].rule.id, "picket_state_failing");
  store_.full = false;
  for (int i = 0; i < 70; ++i) {
    keeper_.on_tick(engine_, clock_.now());
    clock_.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(published_.latest()->alerts[0].status, AlertStatus::Resolved);
}

TEST(KeeperHealth, ADeadLetterFileThatCannotBeWrittenIsUnhealthy) {
  const std::string folder = testing::TempDir() + "picket_keeper_test";
  std::filesystem::create_directories(folder);
  ManualClock clock;
  MemoryStore store;
  auto dead = *DeadLetterFile::open(folder + "/dead.log", 1 << 20);
  Deliveries none;
  PublishedState published;
  Keeper keeper({.source_names = {"s"}, .source_types = {"file"}},
                {store, *dead, none, published, clock});
  Pipeline pipeline(test_rules(kThreeFails), {{.name = "s"}}, {}, clock, keeper);
  keeper.watch(pipeline);
  Engine engine(test_rules(kThreeFails), {"s"}, {});
  std::filesystem::remove_all(folder);
  dead->write({.source = "s", .line = "x"});
  keeper.on_tick(engine, clock.now());
  EXPECT_EQ(published.latest()->health.unhealthy_reason,
            "the dead letter file cannot be written: No such file or directory");
  std::filesystem::create_directories(folder);
  clock.advance(Duration(1000));
  keeper.on_tick(engine, clock.now());
  EXPECT_TRUE(published.latest()->health.healthy);
  std::filesystem::remove_all(folder);
}

// A line that is no event stands behind others, of which some took another number of bytes.
TEST(KeeperDeadLetters, OffsetsAreThoseOfTheStream) {
  const std::string path = testing::TempDir() + "picket_keeper_dead_letters.log";
  std::filesystem::remove(path);
  ManualClock clock;
  MemoryStore store;
  auto dead = *DeadLetterFile::open(path, 1 << 20);
  Deliveries none;
  PublishedState published;
  Keeper keeper({.source_names = {"s"}, .source_types = {"file"}},
                {store, *dead, none, published, clock});
  Processor processor(test_rules(kThreeFails));
  for (const bool utf16 : {false, true}) {
    LineBatch batch;
    batch.offset = 100;
    batch.utf16 = utf16;
    batch.bytes = PaddedBytes(std::string_view("x\n{\"t\":1,\"who\":\"\xC3\xA9\"}\nyy\nz\n"));
    HitBatch hits;
    processor.process(std::move(batch), {}, hits);
    keeper.on_batch({.source = 0, .file = "log"}, hits, 0);
  }
  dead->flush();
  std::ifstream file(path);
  std::vector<std::string> offsets;
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find("\"offset\":") + 9;
    offsets.push_back(line.substr(at, line.find(',', at) - at));
  }
  EXPECT_EQ(offsets, (std::vector<std::string>{"100", "121", "124", "100", "140", "146"}));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace picket
