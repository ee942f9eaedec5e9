// Pipeline: from batches of lines to alerts: bounded queue, N decode workers, one ordered engine.
//
// `run` and `replay` use the very same pipeline; they differ in who pushes batches and in what the
// client does with the outcome.
//
// Invariants
//  1. Results reach the engine in push order, so alerts do not depend on the number of workers.
//  2. Memory is bounded: the queue by bytes, results by how far a worker may be ahead.
//  3. Everything that push() accepted is processed before finish() returns.
//  4. The ledger balances whenever the client is called: see daemon/ledger.h.
//
// Overload: while the queue is full, push() of a source that blocks waits. A source that sheds
// never waits: the lines of such a batch are dropped and counted, and what is left of the batch,
// its checkpoint, takes its place in the order, so that a restart goes on behind what was dropped.
// Checkpoints of dropped batches that follow each other are folded into one per file.
//
// Thread rule: push() and open_stream() from any thread; start() and finish() from the owner; the
// client is called on the engine thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clock.h"
#include "daemon/inputs/input.h"
#include "daemon/ledger.h"
#include "daemon/mutex.h"
#include "daemon/ordered_results.h"
#include "daemon/queue.h"
#include "rules/alert.h"
#include "rules/engine_options.h"

namespace picket {

class Engine;
class RuleSet;
struct BatchContext;

struct SourceOptions {
  std::string name = {};
  int fixed_schema = -1;
  std::optional<Duration> lateness = {};
  bool shed = false;  // instead of waiting for room
};

struct PipelineOptions {
  uint32_t workers = 1;
  uint64_t queue_bytes = 16 << 20;
  Duration max_future_skew{0};
  EngineOptions engine = {};
};

// A stream as a pipeline leaves it to the next one.
struct PipelineStream {
  StreamInfo info = {};
  uint64_t lines = 0;
  bool ended = false;
};

struct PipelineLoad {
  uint64_t queue_length = 0;
  uint64_t queue_capacity = 0;
  uint64_t queue_bytes = 0;
  uint64_t batches_in_flight = 0;
};

// Everything is called on the engine thread, in order.
class PipelineClient {
 public:
  virtual ~PipelineClient() = default;
  // A batch was processed. `first_line` is the number of its first line in the stream, from 0.
  virtual void on_batch(const StreamInfo& stream, const HitBatch& batch, uint64_t first_line) = 0;
  virtual void on_alerts(std::vector<AlertEvent> alerts) = 0;
  // About every kTick while running, and directly after alerts.
  virtual void on_tick(Engine& engine, Timestamp now) = 0;
  // Once, after everything else.
  virtual void on_end(Engine& engine, Timestamp now) = 0;
};

class Pipeline final : public BatchSink {
 public:
  static constexpr std::chrono::milliseconds kTick{100};

  Pipeline(std::shared_ptr<const RuleSet> rules, std::vector<SourceOptions> sources,
           PipelineOptions options, const Clock& clock, PipelineClient& client);
  ~Pipeline() override;

  // Before start(): puts saved state back. Returns the number of rows passed over.
  size_t restore(const EngineChanges& saved);
  // Before start(), after restore(): takes over the streams of the pipeline before this one, which
  // keep their numbers. REQUIRES: their sources are those of this pipeline.
  void resume(std::vector<PipelineStream> streams);
  // Before start() or after finish(): the alerts that fire.
  std::vector<Alert> active_alerts();

  void start();
  // Refuses further batches; what was accepted is still processed.
  void close_input() { queue_.close(); }
  // close_input(), then waits until everything is processed.
  void finish();

  StreamId open_stream(StreamInfo info) override;
  bool push(LineBatch batch) override;

  PipelineLoad load();
  // After finish(): the streams by number.
  std::vector<PipelineStream> streams();
  // By source. Together with engine stats that are read in the same call of the client it balances.
  std::vector<LedgerCounts> ledger() const { return ledger_.counts(); }

 private:
  bool push_or_shed(LineBatch batch);
  SourceId source_of(StreamId stream);
  void work();
  void run_engine();
  void take(HitBatch batch);
  void announce_streams() PICKET_THREAD(requires_capability(streams_mutex_));
  void hand_over(std::vector<AlertEvent>& alerts);
  BatchContext context_of(const LineBatch& batch);

  std::shared_ptr<const RuleSet> rules_;
  const std::vector<SourceOptions> sources_;
  const PipelineOptions options_;
  const Clock& clock_;
  PipelineClient& client_;
  std::unique_ptr<Engine> engine_;
  Queue<LineBatch> queue_;
  OrderedResults results_;
  Ledger ledger_;
  Mutex streams_mutex_;
  std::deque<PipelineStream> streams_ PICKET_THREAD(guarded_by(streams_mutex_));
  std::vector<std::thread> workers_;
  std::thread engine_thread_;
};

}  // namespace picket
