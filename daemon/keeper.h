// Keeper: the engine thread's side of the daemon: what happens with each batch, alert and tick.
//
// It writes dead letters, commits checkpoints, engine state and alerts together in one transaction,
// hands the alerts to the outputs after that, publishes a Snapshot for the HTTP side, raises alerts
// about picket itself from it, and kicks the service manager's watchdog: that kick comes from here
// because a living timer says nothing about a stuck pipeline.
//
// Invariant: a checkpoint is committed only together with the engine state that includes everything
// before it.
//
// Thread rule: PipelineClient calls come on the engine thread; input_stats() and take_committed()
// from the input thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/dead_letter.h"
#include "daemon/mutex.h"
#include "daemon/outbox.h"
#include "daemon/outputs/delivery.h"
#include "daemon/pipeline.h"
#include "daemon/published.h"
#include "daemon/self_watch.h"
#include "daemon/store.h"

namespace picket {

struct KeeperOptions {
  std::vector<std::string> source_names = {};
  std::vector<std::string> source_types = {};
  uint32_t workers = 1;
  Duration commit_interval{1000};
  BuildInfo build = {};
  SelfWatchOptions watch = {};
};

// What the keeper works with. REQUIRES: all of it outlives the keeper.
struct KeeperParts {
  Store& store;
  DeadLetterFile& dead_letters;
  std::vector<std::unique_ptr<Delivery>>& deliveries;
  PublishedState& published;
  const Clock& clock;
};

// What a keeper leaves to the one that works with the next generation.
struct KeeperLegacy {
  using StateKey = std::pair<StateKind, std::string>;

  std::map<StateKey, StateChange> changes = {};       // not committed, as when the disk is full
  std::map<std::string, std::string> committed = {};  // checkpoints that inputs are to hear of
  std::deque<Alert> resolved = {};
  CheckpointStats checkpoints = {};
  HealthState health = {};
  SelfWatch self_watch{{}};
  EngineStats counted = {};                        // by all engines so far
  std::map<std::string, LedgerCounts> lines = {};  // by source, as far as `counted` goes
  Timestamp started{};
};

class Keeper final : public PipelineClient {
 public:
  Keeper(KeeperOptions options, KeeperParts parts);

  // The pipeline whose load is published; set before it starts.
  void watch(Pipeline& pipeline) { pipeline_ = &pipeline; }
  // Any thread: the newest statistics of one input.
  void input_stats(size_t source, InputStats stats);
  // Any thread: the checkpoints that were committed since the last call, the newest of each key.
  struct Committed {
    size_t source = 0;
    Checkpoint checkpoint = {};
  };
  std::vector<Committed> take_committed();
  // Any thread: whether start-up is complete.
  void set_ready(bool ready, std::string reason);

  void on_batch(const StreamInfo& stream, const HitBatch& batch, uint64_t first_line) override;
  void on_alerts(std::vector<AlertEvent> alerts) override;
  void on_tick(Engine& engine, Timestamp now) override;
  void on_end(Engine& engine, Timestamp now) override;

  // Before everything else: goes on from where the former keeper left off.
  void take_over(KeeperLegacy legacy);
  // Before the pipeline starts: takes in the outbox of the state file and hands to the outputs what
  // they may not have got; not to those named in `resumed`, which still hold it. Open alerts about
  // picket itself go on.
  void restore_outbox(const std::vector<StateChange>& rows, const std::set<std::string>& resumed);
  // Before the pipeline starts: a row of the state file is of no use any more.
  void erase(StateKind kind, std::string key);
  // Commits now. False when it failed; the changes are kept for the next try.
  bool commit(Engine& engine, Timestamp now);
  // After the pipeline and the outputs have ended: notes what these have got.
  void settle();
  // After settle(): what the next keeper needs. Nothing else may be called after it.
  KeeperLegacy leave();

 private:
  using SourceSnapshots = std::vector<SourceSnapshot>;
  using StateKey = KeeperLegacy::StateKey;

  void collect(Engine& engine);
  void send();
  void publish(Engine& engine, Timestamp now);
  void restore_self_alerts();
  void watch_itself(Snapshot& snapshot);
  SourceSnapshots source_snapshots();

  const KeeperOptions options_;
  const KeeperParts parts_;
  Pipeline* pipeline_ = nullptr;
  Outbox outbox_;
  std::map<StateKey, StateChange> changes_;  // not committed yet
  std::string last_meta_;
  std::deque<Alert> resolved_;  // recently, newest last
  CheckpointStats checkpoints_;
  SelfWatch self_watch_;
  // When each was done last.
  struct {
    Timestamp commit{};
    Timestamp publish{};
    Timestamp status{};
  } last_;
  // Of the process: since when, and what engines counted before this one.
  struct {
    Timestamp started{};
    EngineStats counted{};
    std::map<std::string, LedgerCounts> lines{};
  } process_;
  Mutex mutex_;
  std::vector<InputStats> inputs_ PICKET_THREAD(guarded_by(mutex_));
  HealthState health_ PICKET_THREAD(guarded_by(mutex_));
  std::map<std::string, std::string> committed_ PICKET_THREAD(guarded_by(mutex_));
};

// The key under which a checkpoint of an input is stored, and back.
std::string checkpoint_key(std::string_view source, std::string_view key);
// False when `stored` is no such key.
bool split_checkpoint_key(std::string_view stored, std::string& source, std::string& key);

}  // namespace picket
