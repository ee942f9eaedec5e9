// What the engine is told when it is made, and what it hands out for the state file.
//
// Apart from engine.h so that the daemon's headers need not know how the engine works.
// Thread rule: plain values.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "rules/types.h"

namespace picket {

struct EngineOptions {
  size_t memory_max = 64 << 20;
  // Open alerts at once. Beyond that, or when their groups hold half of memory_max, the least
  // severe give way: newcomers that are no more severe do not open, others end one early.
  size_t alerts_max = 10'000;
  // Memory for hits that wait for their turn. Beyond that the first of them wait no longer.
  size_t pending_max = std::numeric_limits<size_t>::max();
  // Live: idle streams do not hold the watermark back, and the wall clock moves it on while they
  // are. Replay: every stream that has not ended counts.
  bool live = true;
  bool track_changes = true;  // take_changes() will be called
  bool show_shadow = false;   // hand out the alerts of shadow rules as well: for tests of rules
  Duration idle_timeout{5000};
  std::string runbook_base = "file:///usr/share/doc/picket/runbooks/";
};

// Rows for the state file. Keys and values are opaque to whoever stores them.
struct EngineChanges {
  struct Row {
    std::string key;
    std::string value;
    bool erase = false;
  };
  std::vector<Row> groups;
  std::vector<Row> alerts;
  std::vector<Row> hits;  // that wait in the reorder buffer, and what the numbers in them mean
  std::string meta;       // time, streams and cooldowns; one row
};

}  // namespace picket
