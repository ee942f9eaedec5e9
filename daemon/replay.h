// Replay: the daemon's pipeline over files that are complete, at full speed, in event time.
//
// Several logs are merged by event time: the reader always goes on with the log that is furthest
// behind, and the engine lets no hit pass while another log may still hold an earlier one. Live and
// replay give the same alerts.
//
// Thread rule: run() on the calling thread; the pipeline brings its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/result.h"
#include "rules/alert.h"
#include "rules/stats.h"

namespace picket {

class RuleSet;

struct ReplayOptions {
  std::vector<std::string> logs = {};
  int fixed_schema = -1;
  uint32_t workers = 1;
  uint64_t batch_bytes = 1 << 20;
  uint64_t queue_bytes = 16 << 20;
  uint64_t max_line = 16 << 20;
  uint64_t memory_max = 64 << 20;
  Duration max_future_skew = std::chrono::minutes(10);
  bool dead_letters = false;  // the logs are dead-letter files; their lines are replayed
  // Gets alerts in order: openings, escalations and ends.
  std::function<void(const AlertEvent&)> on_alert = {};
  // Gets stored bytes read so far and in all, now and then.
  std::function<void(uint64_t done, uint64_t total)> on_progress = {};
};

struct ReplayResult {
  EngineStats stats = {};
  std::vector<Alert> alerts = {};  // every alert in its last state, by starts_at
  Diagnostics problems = {};       // logs that could not be read, wholly or in part
  double seconds = 0;
};

ReplayResult replay(std::shared_ptr<const RuleSet> rules, const ReplayOptions& options);

}  // namespace picket
