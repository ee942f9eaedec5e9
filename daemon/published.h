// Snapshot and PublishedState: what the HTTP side may show, handed over from the pipeline.
//
// The pipeline fills a Snapshot about every 100 ms and publishes it; requests read the latest one
// for as long as they need. Nothing behind a Snapshot changes any more, so a slow scrape never
// holds a lock and never sees half an update.
//
// Invariant: latest() is never null.
// Thread rule: PublishedState from any thread; a Snapshot is const once published.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/inputs/input.h"
#include "daemon/ledger.h"
#include "daemon/mutex.h"
#include "daemon/outputs/output.h"
#include "rules/alert.h"
#include "rules/stats.h"
#include "rules/types.h"

namespace picket {

// What the daemon knows of one source beyond the engine's SourceStats of the same name.
struct SourceSnapshot {
  std::string name = {};
  std::string type = {};  // kind of input, e.g. "file"
  InputStats input = {};
  LedgerCounts lines = {};
  std::optional<Timestamp> unread_since = {};  // of the oldest byte that was not read yet
};

// The file that keeps what could not be decoded.
struct DeadLetterFileStats {
  uint64_t written = 0;  // records
  uint64_t bytes = 0;
  uint64_t dropped = 0;  // records that did not fit or could not be written
  bool kept = false;     // there is such a file
  std::string last_error = {};
};

struct CheckpointStats {
  uint64_t writes = 0;    // attempts
  uint64_t failures = 0;  // those of them that failed
  Timestamp last_commit{};
  std::string last_error = {};
  std::string notice = {};  // what opening the store had to say, e.g. a damaged file set aside
};

struct PipelineStats {
  uint64_t queue_length = 0;  // batches
  uint64_t queue_capacity = 0;
  uint64_t queue_bytes = 0;
  uint64_t batches_in_flight = 0;
  uint64_t workers = 0;
};

struct ReloadStats {
  uint64_t attempts = 0;
  uint64_t failures = 0;
  bool last_successful = true;
  Timestamp last_success{};
  std::string last_error = {};
};

// A reason is empty while its flag is true.
struct HealthState {
  bool healthy = true;
  bool ready = false;
  std::string unhealthy_reason = {};
  std::string not_ready_reason = "starting";
};

struct BuildInfo {
  std::string version = {};
  std::string commit = {};
  std::string simd = {};  // the instruction set that the JSON parser chose
};

struct Snapshot {
  EngineStats engine = {};
  std::vector<Alert> alerts = {};  // firing ones and those resolved recently
  std::vector<SourceSnapshot> sources = {};
  std::vector<OutputStats> outputs = {};
  DeadLetterFileStats dead_letter_file = {};
  CheckpointStats checkpoints = {};
  PipelineStats pipeline = {};
  ReloadStats reload = {};
  HealthState health = {};
  BuildInfo build = {};
  Timestamp started{};
  Timestamp published{};  // wall time of this snapshot: the heartbeat of the pipeline
};

class PublishedState {
 public:
  void publish(std::shared_ptr<Snapshot> snapshot) {
    std::shared_ptr<const Snapshot> old;  // released after the lock
    MutexLock lock(mutex_);
    if (reload_) snapshot->reload = *reload_;
    old = std::exchange(latest_, std::move(snapshot));
  }
  // What is known of reloads: it is in the latest snapshot at once and in all that follow, whoever
  // publishes them.
  void publish_reload(ReloadStats reload) {
    std::shared_ptr<const Snapshot> old;
    MutexLock lock(mutex_);
    auto snapshot = std::make_shared<Snapshot>(*latest_);
    snapshot->reload = reload;
    reload_ = std::move(reload);
    old = std::exchange(latest_, std::move(snapshot));
  }
  std::shared_ptr<const Snapshot> latest() const {
    MutexLock lock(mutex_);
    return latest_;
  }

 private:
  mutable Mutex mutex_;
  std::optional<ReloadStats> reload_ PICKET_THREAD(guarded_by(mutex_));
  std::shared_ptr<const Snapshot> latest_ PICKET_THREAD(guarded_by(mutex_)) =
      std::make_shared<const Snapshot>();
};

}  // namespace picket
