// Request and its rendering: one row of `unkey.api_requests` as ClickHouse prints it.
//
// Two renderings exist. From version 25.8 on, ClickHouse prints 64-bit integers bare and
// slashes as they are; before, it quoted the integers and wrote a slash as \/ inside strings.
//
// Thread rule: plain values; append_row is a pure function.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "rules/types.h"

namespace picket {

// Who sends: one program on one machine.
struct Client {
  std::string workspace_id = {};  // empty when authentication failed
  std::string user_agent = {};
  std::string ip_address = {};
  std::string region = {};
  std::string accept = "application/json";
};

// What a refusal says. `type` is the part of the documentation URL behind ".../docs/errors/".
struct RowRefusal {
  int status = 0;
  std::string_view title = {};
  std::string_view type = {};
  std::string detail = {};
  std::string internal = {};    // the `error` column: what only the operator sees
  std::string validation = {};  // JSON array of a 400 answer; empty: none
  int retry_after_s = 0;        // above 0: the rate limit headers are sent
};

// One request and its answer. Actors fill a cleared Request; its buffers are reused.
struct Request {
  Timestamp time{};
  std::string request_id = {};
  const Client* client = nullptr;  // REQUIRES: set by the actor
  std::string_view workspace_id = {};
  std::string_view operation = {};  // "keys.verifyKey"
  std::string request_body = {};    // JSON
  std::string data = {};            // JSON value of a success; ignored when refused
  bool refused = false;
  RowRefusal refusal = {};
  int latency_ms = 3;
  size_t filler_bytes = 0;  // how much more a success may say to reach the wanted row size

  void clear();
};

enum class RowStyle { Plain, Pre258 };

// Appends the row and '\n'. `scratch` is a buffer to reuse between calls.
void append_row(const Request& request, RowStyle style, std::string& scratch, std::string& out);

// Appends `text` as the inside of a JSON string.
void append_escaped(std::string_view text, RowStyle style, std::string& out);

}  // namespace picket
