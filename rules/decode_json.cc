// The walk over one line, and the record that comes out of it. See decode.h.
#include "rules/decode_json_impl.h"

namespace picket {
namespace {

using simdjson::error_code;

std::string_view trimmed_end(std::string_view text) {
  while (!text.empty() && is_json_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

Decoder::Impl::Impl(const DecodePlans& plans, size_t fields)
    : plans_(plans), event_(fields, *this) {
  size_t slots = 0;
  for (const DecodePlan& plan : plans.plans) {
    slots = std::max(slots, plan.slots);
    PlanState state;
    state.orders.resize(plan.tree.size());
    state.stamps.resize(plan.tree.size());
    for (const InnerDocument& inner : plan.inners) {
      state.inner_orders.emplace_back(inner.tree.size());
      state.blanked_orders.emplace_back(inner.tree.size(), KeyOrder(/*tail=*/1));
    }
    for (const FieldPlan& field : plan.fields) state.inner_keys.push_back(inner_keys(plan, field));
    states_.push_back(std::move(state));
  }
  slots_.resize(slots);
  current_.gathered.scratch = &scratch_;
  // Unescaping needs an allocated parser; out of memory shows as strings read the lenient way.
  unescaper_ready_ = array_parser_.allocate(4 << 10) == simdjson::SUCCESS;
}

DecodeError Decoder::Impl::decode(const LineContext& context, DecodeStats& stats, EventSink& sink) {
  current_.context = &context;
  current_.stats = &stats;
  current_.sink = &sink;
  current_.enveloped = false;
  std::string_view line = trimmed_end(context.line);
  DecodeError result = decode_line(line);
  if (result == DecodeError::None) {
    ++stats.event_lines;
  } else {
    ++stats.dead[static_cast<size_t>(result)];
  }
  return result;
}

DecodeError Decoder::Impl::decode_line(std::string_view line) {
  error_code error = line_tokens_.build(line, current_.context->readable);
  if (error) return line_error(error, line);
  const uint32_t* at = line_tokens_.begin();
  WalkError walk = WalkError::None;
  if (line_tokens_.wrapped('{')) {
    current_.record_index = first_record_;
    if (is_otlp_line(line)) return decode_otlp(line);
    walk = one_record(at, current_.context->fixed_schema, /*root=*/true);
  } else if (line_tokens_.wrapped('[')) {
    walk = elements(at, current_.context->fixed_schema);
  } else {
    bool bracket = line[0] == '{' || line[0] == '[';
    const char* end = line.data() + line.size();
    bool scalar = !bracket && scalar_value(line.data(), end).kind != ValueKind::Absent;
    return scalar ? DecodeError::NotObject : line_error(simdjson::TAPE_ERROR, line);
  }
  if (walk != WalkError::None) return walk_error(walk, line);
  return at == line_tokens_.end() ? DecodeError::None : DecodeError::NotJson;
}

DecodeError Decoder::Impl::line_error(error_code error, std::string_view line) const {
  if (error == simdjson::UTF8_ERROR) return DecodeError::InvalidUtf8;
  if (error == simdjson::DEPTH_ERROR) return DecodeError::TooDeep;
  size_t start = 0;
  while (start < line.size() && is_json_space(line[start])) ++start;
  bool opened = start < line.size() && (line[start] == '{' || line[start] == '[');
  if (!opened) return DecodeError::NotJson;
  char last = line.back();
  bool closed = last == '}' || last == ']';
  return closed && error != simdjson::UNCLOSED_STRING ? DecodeError::NotJson
                                                      : DecodeError::Truncated;
}

DecodeError Decoder::Impl::walk_error(WalkError error, std::string_view line) const {
  switch (error) {
    case WalkError::Deep:
      return DecodeError::TooDeep;
    case WalkError::NotRecord:
      return DecodeError::NotObject;
    case WalkError::Unknown:
      return DecodeError::UnknownSchema;
    default:
      return line_error(simdjson::TAPE_ERROR, line);
  }
}

WalkError Decoder::Impl::elements(const uint32_t*& at, int schema) {
  const char* text = line_tokens_.text();
  if (text[*++at] == ']') {
    ++at;
    return WalkError::None;
  }
  for (current_.record_index = 0;; ++current_.record_index) {
    if (text[*at] != '{') return WalkError::NotRecord;
    WalkError error = one_record(at, schema, /*root=*/false);
    if (error != WalkError::None) return error;
    char next = text[*at++];
    if (next == ']') return WalkError::None;
    if (next != ',') return WalkError::Broken;
  }
}

WalkError Decoder::Impl::records(const uint32_t*& at, int32_t schema) {
  current_.enveloped = true;
  return elements(at, schema);
}

WalkError Decoder::Impl::one_record(const uint32_t*& at, int schema, bool root) {
  const uint32_t* first = at;
  size_t guess = schema >= 0 ? static_cast<size_t>(schema) : recognised_.last;
  MarkerSet seen;
  WalkError error = walk(at, guess, seen, root);
  if (error != WalkError::None || (root && current_.enveloped)) return error;
  if (schema < 0) {
    int found = recognise(seen);
    if (found < 0) return WalkError::Unknown;
    recognised_.last = static_cast<size_t>(found);
    if (recognised_.last != guess) {
      at = first;
      error = walk(at, recognised_.last, seen, /*root=*/false);
      if (error != WalkError::None) return error;
    }
    guess = recognised_.last;
  }
  // Nothing may follow: a line of two documents is no event, not even its first.
  if (root && at != line_tokens_.end()) return WalkError::Broken;
  const char* text = line_tokens_.text();
  const char* start = root ? current_.context->line.data() : text + *first;
  const char* end = root ? text + current_.context->line.size() : text + *(at - 1) + 1;
  event_.raw = trimmed_end({start, static_cast<size_t>(end - start)});
  current_.first = first;
  current_.end = at;
  emit(guess);
  return WalkError::None;
}

WalkError Decoder::Impl::walk(const uint32_t*& at, size_t schema, MarkerSet& seen, bool root) {
  event_.begin();
  if (event_.epoch() == 1) forget_slots();
  scratch_.reset();
  PlanState& state = states_[schema];
  current_.plan = &plans_.plans[schema];
  current_.state = &state;
  if (++state.stamp == 0) {
    std::fill(state.stamps.begin(), state.stamps.end(), 0);
    state.stamp = 1;
  }
  JsonWalk walk{.text = line_tokens_.text(),
                .at = at,
                .tree = &current_.plan->tree,
                .orders = state.orders.data(),
                .stamps = state.stamps.data(),
                .stamp = state.stamp,
                .slots = slots_.data(),
                .epoch = event_.epoch(),
                .seen = &seen,
                .records = root ? this : nullptr,
                .only_envelope = current_.context->fixed_schema,
                .gathered = &current_.gathered};
  if (!current_.plan->watched.empty()) walk.watch = {current_.plan->watched.data(), &event_};
  WalkError error = walk.object(0, 1);
  at = walk.at;
  // A record inside an envelope walks with this state too and has already counted for itself.
  if (!(root && current_.enveloped)) current_.stats->duplicate_keys += walk.duplicates;
  return error;
}

// The event's counter wrapped: what events of long ago left behind would look new.
void Decoder::Impl::forget_slots() {
  for (Value& value : slots_) value.epoch = 0;
  std::fill(inner_.epochs.begin(), inner_.epochs.end(), uint16_t{0});
}

int Decoder::Impl::recognise(const MarkerSet& seen) {
  if (recognised_.found >= 0 && seen == recognised_.by) return recognised_.found;
  int found = -1;
  for (size_t i = 0; i < plans_.recognise.size() && found < 0; ++i) {
    if (plans_.recognise[i].fits(seen)) found = static_cast<int>(i);
  }
  recognised_.found = found;
  recognised_.by = seen;
  return found;
}

void Decoder::Impl::emit(size_t schema) {
  ++current_.stats->events;
  event_.schema = static_cast<SchemaId>(schema);
  event_.line = current_.context->index;
  event_.record = current_.record_index;
  event_.timed = false;
  event_.time = current_.context->arrival;
  for (const Alternative& alternative : current_.plan->time) {
    Value value = alternative_value(alternative);
    if (std::optional<Timestamp> time = event_time(value, current_.plan->time_unit)) {
      event_.time = *time;
      event_.timed = true;
      break;
    }
  }
  if (!event_.timed && !current_.plan->time.empty()) ++current_.stats->missing_time;
  if (event_.timed && event_.time > current_.context->future_limit) {
    ++current_.stats->future_time;
    event_.time = current_.context->arrival;
  }
  current_.sink->on_event(event_);
}

Decoder::Decoder(const DecodePlans& plans, size_t fields)
    : impl_(std::make_unique<Impl>(plans, fields)) {}
Decoder::~Decoder() = default;

DecodeError Decoder::decode(const LineContext& context, DecodeStats& stats, EventSink& sink) {
  return impl_->decode(context, stats, sink);
}

}  // namespace picket
