// Decoder: bytes of one line in, events out.
//
// simdjson's first pass finds the tokens of the line; one walk over them fills the slots that the
// compiled rules need, checks that everything else is JSON too, and collects the keys by which the
// schema is recognised. Nothing else is parsed: JSON texts inside strings, captures and fall-backs
// are resolved per field when a rule asks (FieldResolver).
//
// A line is recognised by its keys against all schemas every time, so the outcome does not depend
// on the lines before it; remembering the last schema only saves a second pass.
//
// Keys that occur twice: objects merge, for scalars the last one wins, and it is counted.
//
// Thread rule: one Decoder per worker; the plans are shared and const. decode() never throws and,
// in steady state, does not allocate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/decode_plan.h"
#include "rules/event.h"
#include "rules/stats.h"

namespace picket {

// What a decoder knows of the line beyond its bytes.
struct LineContext {
  std::string_view line;     // without its '\n'
  size_t readable = 0;       // bytes that may be read from line.data(), at least size + kPadding
  int fixed_schema = -1;     // SchemaId, or -1: recognise
  Timestamp arrival{};       // time of events that carry none
  Timestamp future_limit{};  // later event times are clamped to arrival
  uint32_t index = 0;        // of the line in its batch
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  // The event dies on return.
  virtual void on_event(Event& event) = 0;
};

class Decoder {
 public:
  // REQUIRES: plans and fields outlive the decoder.
  Decoder(const DecodePlans& plans, size_t fields);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Decodes one non-blank line. Events already delivered stay delivered when a later record of the
  // same envelope is broken; the line then counts as dead. Counts into `stats`.
  DecodeError decode(const LineContext& context, DecodeStats& stats, EventSink& sink);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// An actor value holds "label\x1evalue" pairs joined by '\x1f'; see split_actor.
constexpr char kActorLabelEnd = '\x1e';
constexpr char kActorPairEnd = '\x1f';

// The display form of an actor value: its values joined by a space. Empty: unknown.
std::string actor_text(std::string_view actor);
// The pairs of an actor value; views into it.
std::vector<std::pair<std::string_view, std::string_view>> split_actor(std::string_view actor);

// "err:a:b:c" from such a text or from a documentation URL of Unkey, current and old forms; empty
// when it is neither. `scratch` holds the result of a conversion.
std::string_view unkey_urn(std::string_view text, std::string& scratch);

// Event time from a JSON value: RFC 3339 or ClickHouse text, or a number in `unit`, also as text.
std::optional<Timestamp> event_time(const Value& value, TimeUnit unit);

// The instruction set that the JSON parser chose on this machine, e.g. "icelake".
std::string_view simd_implementation();

}  // namespace picket
