// DecodeRun: lines through a Decoder with given schemas, fields read back as text.
//
// Thread rule: one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/batch.h"
#include "rules/decode.h"
#include "rules/field_table.h"

namespace picket {

// An event as it was when the sink saw it.
struct SeenEvent {
  std::map<std::string, std::string> fields;  // by name, see shown()
  std::string schema;
  std::string raw;
  Timestamp time{};
  bool timed = false;
  uint32_t record = 0;
};

// "absent", "null", otherwise KIND:TEXT with kind string, number, bool, array or object.
std::string shown(const Value& value);

class DecodeRun final : private EventSink {
 public:
  // REQUIRES: the schemas are valid.
  DecodeRun(const std::vector<std::string>& schemas, const std::vector<std::string>& fields);

  // `schema`: a fixed one by index, or -1. Events are added to `events`.
  DecodeError line(std::string_view text, int schema = -1);
  // The field of the only event of `text`, or "dead:REASON".
  std::string field(std::string_view text, std::string_view name, int schema = -1);

  std::vector<SeenEvent> events;
  DecodeStats stats;
  Timestamp arrival = timestamp_ms(5);
  Timestamp future_limit = Timestamp::max();

 private:
  void on_event(Event& event) override;

  FieldTable fields_;
  DecodePlans plans_;
  std::vector<std::string> wanted_;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace picket
