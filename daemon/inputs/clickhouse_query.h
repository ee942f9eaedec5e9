// What the `clickhouse` input is told and what it asks for: options, and from them the request.
//
// The query of the configuration becomes a subquery: whatever it says, what comes back is in order,
// bounded and between two times. Both go as parameters beside the query ({cursor:Int64} and
// {until:Int64}), which the query itself may use too, so that a view or a join reads no more than
// it has to. No text of ours or of a row is ever pasted into it.
//
// Thread rule: pure functions. Tested by tests/daemon/inputs/clickhouse_query_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/node.h"
#include "rules/types.h"

namespace picket {

struct ClickhouseOptions {
  std::string url = {};
  std::string user = {};  // empty: no credentials
  std::string password = {};
  std::string ca_file = {};
  std::string database = {};  // empty: the user's own
  std::string query = {};
  std::string cursor = {};
  std::string unit = "ms";
  std::optional<Duration> back =
      Duration(0);  // where to begin at first; nothing: at the very first
  Duration every{5'000};
  Duration delay{30'000};
  Duration timeout{30'000};
  uint64_t page = 10'000;
  std::vector<std::pair<std::string, std::string>> settings = {};
};

Result<ClickhouseOptions> parse_clickhouse(const Node& node);

// A time as the cursor counts it.
int64_t cursor_at(const ClickhouseOptions& options, Timestamp time);
// The URL of a request for rows from `cursor` on, below `until`.
std::string request_url(const ClickhouseOptions& options, int64_t cursor, int64_t until);
// The body of that request.
std::string page_query(const ClickhouseOptions& options, uint64_t rows_max);

}  // namespace picket
