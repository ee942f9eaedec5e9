// Event: one decoded log record as rules see it: an array of slots, indexed by FieldId.
//
// Sits between the decoder, which fills the cheap slots in one pass over the line, and the matcher,
// which asks for fields by id. A field that costs more (a JSON text inside a string, a captured
// part, the first non-empty of several) is resolved when somebody asks for it, once per event.
//
// Invariants
//  1. A slot belongs to the current event only if its epoch is the event's epoch: starting the next
//     event touches no slot.
//  2. Values are views into the batch, the decoder's scratch memory or the rule set. They die with
//     the event.
// Thread rule: owned by one decode worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/types.h"

namespace picket {

enum class ValueKind : uint8_t {
  Absent,
  Null,
  Bool,       // text is "true" or "false"
  Number,     // text as written
  String,     // text without quotes, unescaped
  Array,      // text is the JSON
  Object,     // text is the JSON
  RawString,  // text between the quotes, still escaped; only Event::written() shows it
};

struct Value {
  const char* data = nullptr;
  uint32_t size = 0;
  ValueKind kind = ValueKind::Absent;
  uint8_t reserved = 0;
  uint16_t epoch = 0;

  std::string_view text() const { return {data, size}; }
  bool is_scalar() const { return kind >= ValueKind::Bool && kind <= ValueKind::String; }
};

inline Value string_value(std::string_view text) {
  return {text.data(), static_cast<uint32_t>(text.size()), ValueKind::String, 0, 0};
}

// The number a value stands for: a JSON number, or the same number written as a string.
std::optional<double> number_of(const Value& value);

class Event;

// Called by Event::get for a field that was not asked for yet; must leave the slot set.
class FieldResolver {
 public:
  virtual ~FieldResolver() = default;
  virtual void resolve(Event& event, FieldId field) = 0;
  // Calls `visit` for every element of an Array value until it returns true; tells whether it did.
  using ElementVisitor = bool (*)(void* state, const Value& element);
  virtual bool any_element(const Value& array, ElementVisitor visit, void* state) = 0;
  // The same for every string value anywhere in the record (keywords).
  virtual bool any_string(ElementVisitor visit, void* state) = 0;
  // The value of a field as the record has it, where that alone decides what resolving it gives: a
  // scalar that is not empty, a string perhaps still escaped (RawString). Otherwise Absent.
  virtual Value written(FieldId /*field*/) { return {}; }
  // False when the field, were it resolved, could be no scalar text that passes `wanted`, nor an
  // array of such; true when it could or when only resolving it would tell. Spares decoding a JSON
  // text inside a string for a value that is not in it.
  using TextTest = bool (*)(const void* state, std::string_view text);
  virtual bool may_hold(FieldId /*field*/, TextTest /*wanted*/, const void* /*state*/) {
    return true;
  }
};

class Event {
 public:
  Event(size_t fields, FieldResolver& resolver) : values_(fields), resolver_(resolver) {}

  const Value& get(FieldId field) {
    Value& value = values_[field];
    if (value.epoch != epoch_) resolver_.resolve(*this, field);
    return value;
  }
  void set(FieldId field, Value value) {
    value.epoch = epoch_;
    values_[field] = value;
  }
  FieldResolver& resolver() { return resolver_; }
  // What the value of the field is a function of, without resolving it; Absent: no such thing.
  Value written(FieldId field) const {
    const Value& value = values_[field];
    if (value.epoch != epoch_) return resolver_.written(field);
    return value.is_scalar() ? value : Value{};
  }
  // False when the field is known, without resolving it, to hold nothing that passes `wanted`.
  bool may_hold(FieldId field, FieldResolver::TextTest wanted, const void* state) {
    return values_[field].epoch == epoch_ || resolver_.may_hold(field, wanted, state);
  }

  // Fields that the record has a value for, among those that the decode plan watches. May name a
  // field twice.
  const std::vector<FieldId>& present() const { return present_; }
  void add_present(FieldId field) { present_.push_back(field); }

  // Forgets all values.
  void begin() {
    present_.clear();
    if (++epoch_ == 0) {  // the counter wrapped: old epochs would look new
      for (Value& value : values_) value.epoch = 0;
      epoch_ = 1;
    }
  }
  uint16_t epoch() const { return epoch_; }
  size_t fields() const { return values_.size(); }

  Timestamp time{};
  bool timed = false;  // false: `time` is the arrival time, the line carried none
  SchemaId schema = 0;
  uint32_t line = 0;          // index in the batch
  uint32_t record = 0;        // index in an envelope
  std::string_view raw{};     // the line
  uint32_t regex_limits = 0;  // expressions that gave up on this event (see predicate.h)

 private:
  std::vector<Value> values_;
  std::vector<FieldId> present_;
  FieldResolver& resolver_;
  uint16_t epoch_ = 0;
};

}  // namespace picket
