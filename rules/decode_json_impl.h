// The inside of Decoder: shared by decode_json.cc (lines and records), decode_json_walk.cc (the
// walk over one object) and decode_json_lazy.cc (fields on demand). The only header that sees
// simdjson.
//
// Thread rule: one owner, the Decoder.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rules/capture_memo.h"
#include "rules/decode.h"
#include "rules/key_order.h"
#include "rules/scratch.h"

namespace picket {

// Blanked: a text with blanks in it would have to be kept (see JsonWalk::blanked).
enum class WalkError : uint8_t { None, Broken, Deep, NotRecord, Unknown, Blanked };

constexpr bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// simdjson's first pass over one text: where its tokens start. A token is one of {}[]:, or the
// first byte of a string or another scalar; the pass also checks UTF-8, quotes and control
// characters.
class TokenIndex {
 public:
  // Indexes a text that starts with '{' or '[' and ends with its counterpart, or any scalar.
  // REQUIRES: `readable` bytes may be read from text.data(). The index dies with the next call.
  simdjson::error_code build(std::string_view text, size_t readable);

  const char* text() const { return text_; }
  const uint32_t* begin() const { return pass_->structural_indexes.get(); }
  const uint32_t* end() const { return begin() + pass_->n_structural_indexes; }
  // True when the text is wrapped in a pair of `open` and its counterpart, as far as its first and
  // last token tell.
  bool wrapped(char open) const {
    return text_[*begin()] == open && text_[*(end() - 1)] == (open == '{' ? '}' : ']');
  }

 private:
  std::unique_ptr<simdjson::internal::dom_parser_implementation> pass_;
  const char* text_ = nullptr;
};

// Receives the array of an envelope in the middle of a walk.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // `at` is the array's first token; it is moved behind the array.
  virtual WalkError records(const uint32_t*& at, int32_t schema) = 0;
};

// One pass over the tokens of one object: fills slots, sets markers, checks that all of it is JSON.
//
// The walk reads no token count: behind the last token the index holds the first one again. An
// object ends its text with '}', so the walk can only get there where it expects ',', ':', a key or
// an end, and the opening bracket that it finds is none of them.
struct JsonWalk {
  static constexpr int kDepthMax = 64;

  const char* text;
  const uint32_t* at;  // the token at hand
  const PathTree* tree;
  KeyOrder* orders;
  uint32_t* stamps = nullptr;  // by node: the record in which it was met last; null: do not count
  uint32_t stamp = 0;
  Value* slots = nullptr;
  uint16_t epoch = 0;
  MarkerSet* seen = nullptr;
  RecordSink* records = nullptr;
  int only_envelope = -1;  // the one schema whose envelope counts; -1: any
  // A text inside a string whose only escapes are \", with a blank for each backslash: strings and
  // keys then end in one blank that is not theirs.
  bool blanked = false;
  uint64_t duplicates = 0;
  // Whom to tell which fields are there, by slot.
  struct Watch {
    const std::vector<FieldId>* fields = nullptr;  // null: nobody
    Event* event = nullptr;
  } watch = {};
  // What was met inside an array of objects, where a path has a value for each element.
  struct Gathered {
    std::vector<std::pair<int32_t, Value>> values;  // by slot
    Scratch* scratch = nullptr;
    bool active = false;
  };
  Gathered* gathered = nullptr;

  // REQUIRES: the token at hand is '{'.
  WalkError object(int32_t node, int depth);

 private:
  WalkError array_of_objects(int32_t target, int depth);
  WalkError elements(int32_t target, int depth);
  void store_gathered();
  WalkError visit(int32_t target, int depth);
  WalkError keep(const PathNode& node, int depth);
  [[gnu::always_inline]] inline WalkError skip(int depth);
  char peek() const { return text[*at]; }
  void store(int32_t slot, Value value) {
    if (gathered->active) return gathered->values.emplace_back(slot, value), void();
    value.epoch = epoch;
    slots[static_cast<size_t>(slot)] = value;
    if (!watch.fields) return;
    for (FieldId field : watch.fields[slot]) watch.event->add_present(field);
  }
};

// The string, number, true, false or null at the start of `token`, which may end in white space;
// Absent when it is none of them. `end` is the next token. Strings stay as written.
Value scalar_value(const char* token, const char* end);

// Where a field may be inside the JSON text in a string, for a look at the text as written.
struct InnerKey {
  int32_t inner = 0;
  int32_t base = kNoSlot;
  std::string key;  // the last one of the path
};

// The keys of all alternatives of `field` if each is a value of an inner text as it stands.
std::vector<InnerKey> inner_keys(const DecodePlan& plan, const FieldPlan& field);

// True for a line that OpenTelemetry's JSON exporters wrote.
bool is_otlp_line(std::string_view line);
// The log records of such a line, each as a plain JSON object; false when it is malformed.
bool unwrap_otlp(std::string_view line, std::vector<std::string>& records);

class Decoder::Impl final : public FieldResolver, private RecordSink {
 public:
  Impl(const DecodePlans& plans, size_t fields);

  DecodeError decode(const LineContext& context, DecodeStats& stats, EventSink& sink);

  void resolve(Event& event, FieldId field) override;
  Value written(FieldId field) override;
  bool any_element(const Value& array, ElementVisitor visit, void* state) override;
  bool any_string(ElementVisitor visit, void* state) override;
  bool may_hold(FieldId field, TextTest wanted, const void* state) override;

 private:
  // What one worker remembers of one plan.
  struct PlanState {
    std::vector<KeyOrder> orders;
    std::vector<uint32_t> stamps;
    std::vector<std::vector<KeyOrder>> inner_orders;
    std::vector<std::vector<KeyOrder>> blanked_orders;
    std::vector<std::vector<InnerKey>> inner_keys;  // by field; empty: not only from inner texts
    uint32_t stamp = 0;
  };

  DecodeError decode_line(std::string_view line);
  DecodeError decode_otlp(std::string_view line);
  DecodeError line_error(simdjson::error_code error, std::string_view line) const;
  DecodeError walk_error(WalkError error, std::string_view line) const;
  WalkError records(const uint32_t*& at, int32_t schema) override;
  WalkError elements(const uint32_t*& at, int schema);
  // The record whose first token is `at`, which is moved behind it; `root`: it is the whole line.
  WalkError one_record(const uint32_t*& at, int schema, bool root);
  WalkError walk(const uint32_t*& at, size_t schema, MarkerSet& seen, bool root);
  void forget_slots();
  int recognise(const MarkerSet& seen);
  void emit(size_t schema);

  bool known_absent(const Alternative& alternative) const;
  Value alternative_value(const Alternative& alternative);
  Value slot_value(int32_t slot);
  Value header_value(const Value& headers, std::string_view name);
  Value transformed(const Alternative& alternative, Value value);
  Value actor_value();
  Value address_value(const FieldPlan& plan);
  void decode_inner(int32_t index);
  bool walk_inner(std::string_view text, size_t index, bool blanked);
  bool walk_blanked(const Value& base, size_t index);
  Value plain_string(Value raw);
  Value element_value(simdjson::ondemand::value& element);

  // What is known of the inner documents of the event at hand.
  struct Inner {
    TokenIndex tokens;
    std::vector<uint16_t> epochs;  // by inner document: the event for which it was decoded
    const DecodePlan* plan = nullptr;
    MarkerSet seen;
  };
  // The line and record at hand.
  struct Current {
    const LineContext* context = nullptr;
    DecodeStats* stats = nullptr;
    EventSink* sink = nullptr;
    const DecodePlan* plan = nullptr;
    PlanState* state = nullptr;
    const uint32_t* first = nullptr;  // the record's tokens
    const uint32_t* end = nullptr;
    uint32_t record_index = 0;
    bool enveloped = false;
    JsonWalk::Gathered gathered = {};
  };
  // The last schema, and the last answer of recognise().
  struct Recognised {
    size_t last = 0;
    int found = -1;
    MarkerSet by;
  };

  const DecodePlans& plans_;
  Event event_;
  std::vector<PlanState> states_;
  std::vector<Value> slots_;
  Scratch scratch_;
  TokenIndex line_tokens_;
  simdjson::ondemand::parser array_parser_;
  bool unescaper_ready_ = false;
  struct {
    std::string urn;
    std::string actor;
    std::string fact;
    CaptureMemo captures;
  } made_;  // texts that no line has as such, and how they came about
  Inner inner_;
  Current current_;
  Recognised recognised_;
  uint32_t first_record_ = 0;     // index of the record when the line is one of several
  std::unique_ptr<Impl> nested_;  // decodes records that were rewritten as lines
};

}  // namespace picket
