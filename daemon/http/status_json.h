// The JSON documents of the HTTP API, made from a Snapshot.
//
// Field names are those of the metrics without prefix and unit where both show the same thing.
// Times are RFC 3339, or null when the thing has not happened yet.
//
// Thread rule: pure functions.
// Errors: none.
// Tested by tests/daemon/http/routes_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "daemon/published.h"

namespace picket {

std::string status_json(const Snapshot& snapshot);
std::string sources_json(const Snapshot& snapshot);
std::string rules_json(const Snapshot& snapshot);

// Which alerts to list; empty means all.
struct AlertFilter {
  std::string_view status = {};  // "firing" or "resolved"
  std::string_view id = {};
};
std::string alerts_json(const Snapshot& snapshot, const AlertFilter& filter);

}  // namespace picket
