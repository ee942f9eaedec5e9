// Settings: the sections of picket.yaml.
//
// Only what the process itself needs is parsed here. Each input and output parses its own options
// from its Node; what is common to all inputs (kCommonInputKeys) stands here.
// config/picket.yaml documents every key.
//
// Thread rule: immutable after parse; the Nodes live as long as the Settings.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/node.h"
#include "config/result.h"
#include "config/schema.h"

namespace picket {

// The keys that parse_settings() reads of every input; the input itself passes over them.
inline constexpr std::array kCommonInputKeys = {"name",     "type",     "schema",      "lateness",
                                                "max_line", "overload", "silent_after"};

// What an input does while the pipeline is full.
enum class Overload : uint8_t {
  Block,  // it waits
  Shed,   // it reads on, and what does not fit is dropped, counted and reported
};

struct InputSettings {
  std::string name = {};
  std::string type = {};
  std::string schema = {};                // a schema's name or file; empty: recognise each line
  std::optional<Schema> own_schema = {};  // written inside the input
  std::optional<std::chrono::milliseconds> lateness = {};  // instead of the schema's
  uint64_t max_line = 16 << 20;
  Overload overload = Overload::Block;
  std::optional<std::chrono::milliseconds> silent_after = {};  // an alert when nothing came so long
  const Node* node = nullptr;
};

struct OutputSettings {
  std::string name = {};
  std::string type = {};
  const Node* node = nullptr;
};

struct StateSettings {
  std::string path = {};  // empty: $STATE_DIRECTORY/picket.db, else ./picket.db
  uint64_t memory_max = 64 << 20;
  uint64_t pending_max = 128 << 20;
  std::chrono::milliseconds commit_interval{1000};
};

struct PipelineSettings {
  uint32_t workers = 1;
  uint64_t batch_bytes = 1 << 20;
  uint64_t queue_bytes = 16 << 20;
};

struct DeadLetterSettings {
  std::string path = "dead_letter.log";  // empty: dead letters are counted only
  uint64_t max_bytes = 64 << 20;
  bool operator==(const DeadLetterSettings&) const = default;
};

// When picket raises alerts about itself.
struct SelfWatchSettings {
  uint64_t lag_bytes_max = 256 << 20;  // unread, of one input
  std::chrono::milliseconds lag_age_max = std::chrono::minutes(5);
  std::chrono::milliseconds patience = std::chrono::seconds(30);
  std::chrono::milliseconds resolve_after = std::chrono::minutes(1);
};

// Somebody who raises no alert until a certain day, whatever the rules say.
struct AllowEntry {
  std::string kind = {};  // address, key_id, workspace_id, principal_arn
  std::vector<std::string> values = {};
  std::string expires = {};  // a date or a time; read by whoever has a calendar
  std::string owner = {};
  std::string reason = {};
  Location where = {};
};

// A file and the place where it is named.
struct NamedFile {
  std::string path = {};
  Location where = {};
};

struct Settings {
  YamlFile file = {};
  std::vector<InputSettings> inputs = {};
  std::vector<OutputSettings> outputs = {};
  std::string listen = "127.0.0.1:9617";  // empty: no HTTP
  StateSettings state = {};
  PipelineSettings pipeline = {};
  DeadLetterSettings dead_letter = {};
  SelfWatchSettings self_watch = {};
  std::vector<std::string> rules = {};    // empty: the packs that ship
  std::vector<std::string> schemas = {};  // beside those that ship
  std::vector<AllowEntry> allow = {};
  std::vector<NamedFile> geoip = {};  // databases of addresses
  std::chrono::milliseconds max_future_skew = std::chrono::minutes(10);
  // Values for `|expand` in rules.
  std::vector<std::pair<std::string, std::vector<std::string>>> placeholders = {};
};

// What one file gave, and everything that is wrong with it. Settings are usable for finding further
// problems (in inputs, outputs, rules) even when there are errors already.
struct ParsedSettings {
  Settings settings = {};
  Diagnostics diagnostics = {};
};

ParsedSettings parse_settings(YamlFile file);

}  // namespace picket
