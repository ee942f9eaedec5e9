// Traffic: an endless, repeatable stream of `unkey.api_requests` rows.
//
// It imitates what an operator of the API would see: many honest workspaces whose requests mostly
// succeed and sometimes fail for everyday reasons, and among them a few actors that misbehave, each
// in one well defined way (tests/support/traffic_actors.cc has one class per kind). `make run`, the
// benchmarks and the end-to-end tests all feed on it.
//
// Invariants
//  1. Equal options give equal bytes.
//  2. Without jitter, event times never go back. With jitter, a row comes out at most `jitter` of
//     event time later than a row in order would.
//  3. Rows average `row_bytes` once a few thousand are out, if that is more than a bare row needs
//     (about 900 bytes).
// Thread rule: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/types.h"
#include "tests/support/traffic_actors.h"
#include "tests/support/traffic_random.h"
#include "tests/support/traffic_row.h"

namespace picket {

struct TrafficOptions {
  uint64_t seed = 1;
  Timestamp start = timestamp_ms(1'787'322'356'000);
  double rate = 300;  // rows per second of event time
  size_t row_bytes = 1200;
  Duration jitter{0};
  RowStyle style = RowStyle::Plain;
  uint32_t workspaces = 200;             // honest ones
  std::vector<std::string> actors = {};  // kinds beside the honest one; empty: all of them
};

class Traffic {
 public:
  // Kinds that actor_kinds() does not list are ignored.
  explicit Traffic(TrafficOptions options);

  // Appends one row and returns its event time.
  Timestamp next(std::string& out);

  // The event time of the newest row made, which with jitter may not be out yet.
  Timestamp clock() const { return clock_; }

 private:
  struct Cast {
    double up_to = 0;  // cumulative share of the traffic
    std::unique_ptr<Actor> actor;
  };
  // A row that waits for its turn.
  struct Held {
    Timestamp release{};
    uint64_t sequence = 0;
    Timestamp time{};
    std::string row = {};
  };

  void hire();
  Timestamp make(std::string& out);
  void hold_one();

  TrafficOptions options_;
  Random random_;
  Timestamp clock_;
  uint64_t made_ = 0;
  double filler_debt_ = 0;
  std::vector<Cast> cast_;
  Request request_;
  std::string scratch_;
  std::vector<Held> held_;  // a heap, the next to release on top
};

}  // namespace picket
