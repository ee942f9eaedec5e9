// Stats: plain counters of what went through the engine.
//
// Each decode worker counts into a DecodeStats of its own that travels with the batch; the engine
// adds them up in order, so the totals are always those of a prefix of the input and the ledger
// balances at every moment: lines = events + blank + dead letters (see Ledger below).
//
// Thread rule: plain values, one owner; publishing copies is the daemon's job.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/types.h"

namespace picket {

// Why a line could not become an event. One byte; the text is a metric label and a dead-letter
// field.
enum class DecodeError : uint8_t {
  None,
  NotJson,        // no JSON value, or broken inside
  NotObject,      // valid JSON, but neither an object nor an array of objects
  Truncated,      // ends before its object does
  TooLong,        // over max_line
  InvalidUtf8,    // not UTF-8
  TooDeep,        // nested deeper than 64 levels
  UnknownSchema,  // an object that no schema recognises
  Count_,
};
constexpr size_t kDecodeErrors = static_cast<size_t>(DecodeError::Count_);
std::string_view to_text(DecodeError error);  // "not_json", "too_long", ...

struct DecodeStats {
  uint64_t bytes = 0;
  uint64_t lines = 0;  // non-blank lines and blank ones
  uint64_t blank = 0;
  uint64_t events = 0;       // one per line, more for an envelope line
  uint64_t event_lines = 0;  // lines that became at least one event or an empty envelope
  uint64_t refusals = 0;
  uint64_t duplicate_keys = 0;
  uint64_t missing_time = 0;
  uint64_t future_time = 0;                       // clamped
  uint64_t regex_limits = 0;                      // backtracking expressions that gave up
  uint64_t secrets_redacted = 0;                  // in what is kept of lines
  std::array<uint64_t, kDecodeErrors> dead = {};  // lines by reason; [None] stays 0

  void add(const DecodeStats& other);
  uint64_t dead_letters() const;
  // lines == event_lines + blank + dead_letters()
  bool balanced() const;
};

struct SourceStats {
  std::string name = {};
  DecodeStats decode = {};
  uint64_t late_events = 0;
  Timestamp newest_event{};
};

struct RuleStats {
  std::string id = {};
  std::string title = {};
  bool shadow = false;         // alerts are counted, never delivered
  uint64_t matches = 0;        // events that matched (detections) or counted (correlations)
  uint64_t group_missing = 0;  // events without the group-by field
  uint64_t value_missing = 0;  // events without the field that is counted
  uint64_t not_numeric = 0;    // events whose counted field is no number, where one is needed
  uint64_t forgotten = 0;      // events that a full window had to forget before their time
  uint64_t alerts = 0;         // opened
  uint64_t dropped = 0;        // alerts that did not open, or ended early, as too many were open
  uint64_t evaluations = 0;    // events that its condition was run on
  uint64_t samples = 0;        // of these, how many were timed
  uint64_t sampled_ns = 0;     // what the timed ones took
  uint64_t state_bytes = 0;    // held by its groups now

  // What its condition took over all evaluations, estimated from those that were timed.
  double seconds() const;
  // Adds the counters of the same rule in an engine that worked before.
  void count_on(const RuleStats& before);
};

struct GroupStats {
  uint64_t groups = 0;
  uint64_t bytes = 0;
  uint64_t bytes_max = 0;
  uint64_t evictions = 0;     // groups that gave way
  uint64_t refused = 0;       // hits of newcomers that found no group less suspicious than they
  uint64_t approximated = 0;  // groups that began with hits missing, after being refused or evicted
};

// Refusals by code and cause. Codes come from the logs, so the table is capped: what is beyond
// kRefusalSeriesMax is counted under code "other".
constexpr size_t kRefusalSeriesMax = 400;
struct RefusalKey {
  std::string source = {};
  std::string code = {};
  std::string cause = {};
  auto operator<=>(const RefusalKey&) const = default;
};

// A text that no rule understood: the message of a refusal of unknown cause. They are what to write
// rules for, so the newest different ones are kept.
constexpr size_t kUnknownTextsMax = 20;
constexpr size_t kUnknownTextBytesMax = 200;
struct UnknownText {
  std::string code = {};
  std::string text = {};
  uint64_t count = 0;
};
// The one seen last stands last; beyond kUnknownTextsMax the first gives way.
void add_unknown_text(std::vector<UnknownText>& known, const UnknownText& seen);

struct EngineStats {
  std::vector<SourceStats> sources = {};
  std::vector<RuleStats> rules = {};
  std::map<RefusalKey, uint64_t> refusals = {};
  uint64_t refusal_series_overflow = 0;
  std::vector<UnknownText> unknown_texts = {};
  GroupStats groups = {};
  std::array<uint64_t, 5> alerts_active = {};  // by Level
  std::array<uint64_t, 5> alerts_opened = {};
  std::array<uint64_t, 5> alerts_closed = {};
  uint64_t cooldowns_dropped = 0;  // alerts that may open again too early, as too many rest
  uint64_t hits_pending = 0;       // in the reorder buffer
  uint64_t hits_pending_bytes = 0;
  uint64_t hits_released_early = 0;  // as too many waited: out of order with what is still to come
  Timestamp watermark{};

  // Adds the counters of an engine that worked before this one. What it counted by source or rule
  // goes to those of the same name or id; what is gone is left out. States stay as they are.
  void count_on(const EngineStats& before);
};

}  // namespace picket
