// Hit: what the engine learns of an event that matched a rule: the little that outlives the batch.
//
// A decode worker writes one record per hit into a HitBatch; the engine reads it back as a HitView,
// at once or after a stay in the reorder buffer, or even in the state file.
//
// Record: u32 rule count, u32 rule ids; u16 capture count; per capture u16 index, u32 size, bytes.
// Numbers are in the machine's byte order: records do not travel between machines.
//
// Thread rule: a HitBatch has one owner at a time; it moves from a worker to the engine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/batch.h"
#include "rules/event.h"
#include "rules/stats.h"
#include "rules/types.h"

namespace picket {

struct Hit {
  Timestamp time{};
  // The newest event time before this event in the same batch; Timestamp::min() if none.
  Timestamp newest_before = Timestamp::min();
  uint32_t line = 0;
  uint32_t record = 0;
  uint32_t first = 0;  // of the record in HitBatch::records
  uint32_t size = 0;
  // Of a hit of the background: a hash of all that it says (see repeat_filter.h). Else 0.
  uint64_t background = 0;
};

struct DeadLetter {
  DecodeError reason = DecodeError::None;
  uint32_t line = 0;   // index in the batch
  uint32_t first = 0;  // of the line's bytes in the batch
  uint32_t size = 0;
};

struct RefusalCount {
  std::string code;
  std::string cause;
  uint64_t count = 0;
};

// What the conditions of one detection cost in one batch. Time is only measured now and then: the
// cost of a rule is about sampled_ns / samples * evaluations.
struct RuleCost {
  RuleId rule = 0;
  uint32_t evaluations = 0;  // events whose fields its condition was run on
  uint32_t samples = 0;      // of these, how many were timed
  uint64_t sampled_ns = 0;
};

// Everything that came out of one LineBatch.
struct HitBatch {
  LineBatch source;  // its bytes are kept only while dead letters refer to them
  std::vector<Hit> hits;
  std::string records;
  std::vector<DeadLetter> dead;
  std::vector<RefusalCount> refusals;
  std::vector<UnknownText> unknown_texts;
  std::vector<std::pair<RuleId, uint32_t>> matches;  // detections that matched, with counts
  std::vector<RuleCost> costs;                       // each rule at most once
  Timestamp newest = Timestamp::min();               // of all events in the batch
  int first_schema = -1;                             // of the first event; -1: no event
  DecodeStats stats;
};

// Writes one record.
class HitWriter {
 public:
  explicit HitWriter(std::string& out) : out_(out) {}
  void rules(const std::vector<RuleId>& rules);
  // REQUIRES: rules() came first. finish() comes last.
  void capture(uint16_t index, std::string_view value);
  void finish();

 private:
  std::string& out_;
  size_t count_at_ = 0;
  uint16_t count_ = 0;
};

// A record read back. Views into the record.
class HitView {
 public:
  // False when the record is malformed (a damaged state file).
  bool parse(std::string_view record, size_t captures);

  const std::vector<RuleId>& rules() const { return rules_; }
  // The captured value, or nothing when the event did not have it. Empty text counts as present.
  bool has(uint16_t index) const { return values_[index].data() != nullptr; }
  std::string_view value(uint16_t index) const { return values_[index]; }

 private:
  std::vector<RuleId> rules_;
  std::vector<std::string_view> values_;  // without data: not there
  std::vector<uint16_t> there_;           // places of the values that are there
};

}  // namespace picket
