// Output: where alerts go. One file per kind, one line each in output_table.cc.
//
// delivery.{h,cc} gives every output a bounded queue and a thread of its own, so a slow or dead
// receiver never delays another one or the engine.
//
// Contract: deliver() gets alert events in the order the engine made them; tick() is called about
// every second with the wall time, also when nothing happened, for re-sends and reconnects;
// finish() is called once at shutdown and must return by the deadline. A failure is returned, never
// thrown: the delivery counts it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "config/node.h"
#include "config/result.h"
#include "daemon/clock.h"
#include "rules/alert.h"

namespace picket {

// Counts since start. sent + errors are attempts' outcomes per alert, not per request.
struct OutputStats {
  std::string name = {};
  uint64_t sent = 0;
  uint64_t errors = 0;
  uint64_t dropped = 0;  // queue full, oldest first
  uint64_t queue_length = 0;
  uint64_t queue_capacity = 0;
  // Seconds from hand-over to acknowledged delivery: cumulative buckets as in Prometheus.
  std::vector<std::pair<double, uint64_t>> latency_buckets = {};
  double latency_sum = 0;
  uint64_t latency_count = 0;
  std::string last_error = {};
};

class Output {
 public:
  virtual ~Output() = default;
  virtual std::error_code deliver(const std::vector<AlertEvent>& events, Timestamp now) = 0;
  // As deliver(), at the beginning and at most once: events of before the process started, some of
  // which it may have delivered then.
  virtual std::error_code redeliver(const std::vector<AlertEvent>& events, Timestamp now) {
    return deliver(events, now);
  }
  // False while events are kept that would be lost if the process ended now.
  virtual bool settled() const { return true; }
  virtual std::error_code tick(Timestamp now) = 0;
  virtual void finish(Timestamp now) = 0;
  // Text for people about the last failure; empty when all is well.
  virtual std::string last_error() const = 0;
};

struct OutputContext {
  std::string name = {};
  const Clock& clock;
  std::string external_url = {};  // base of links back to this daemon; may be empty
};

using MakeOutput = Result<std::unique_ptr<Output>> (*)(const Node& node, OutputContext context);

struct OutputKind {
  std::string_view type;
  MakeOutput make;
};

// All kinds, in output_table.cc.
const std::vector<OutputKind>& output_kinds();

}  // namespace picket
