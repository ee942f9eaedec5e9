// Fields that one pass cannot give: resolved when a rule asks for them, once per event.
#include <re2/re2.h>

#include <algorithm>
#include <cstring>

#include "rules/decode_json_impl.h"
#include "rules/unescape.h"

namespace picket {
namespace {

bool empty_value(const Value& value) {
  return value.kind == ValueKind::Absent || value.kind == ValueKind::Null ||
         (value.kind == ValueKind::String && value.size == 0);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

void Decoder::Impl::resolve(Event& event, FieldId field) {
  if (field == BuiltinField::kActor) {
    event.set(field, actor_value());
    return;
  }
  // No JSON text inside a string is decoded for a key or two that do not occur in it.
  constexpr size_t kKeysMax = 2;
  const auto any_text = [](const void*, std::string_view) { return true; };
  const FieldPlan& plan = current_.plan->fields[field];
  const bool few = current_.state->inner_keys[field].size() <= kKeysMax;
  if (few && !may_hold(field, any_text, nullptr)) {
    event.set(field, {});
    return;
  }
  Value chosen;
  bool there = false;  // the alternative before had a value, if only an empty one
  for (const Alternative& alternative : plan.alternatives) {
    if (alternative.path_of_previous && there) continue;
    if (known_absent(alternative)) {
      there = false;
      continue;
    }
    Value value = alternative_value(alternative);
    there = value.kind != ValueKind::Absent;
    if (!empty_value(value)) {
      chosen = value;
      break;
    }
    if (plan.mapped && value.kind == ValueKind::String) continue;
    if (chosen.kind == ValueKind::Absent) chosen = value;
  }
  if (plan.fact && empty_value(chosen)) {
    if (const Value known = address_value(plan); !empty_value(known)) chosen = known;
  }
  event.set(field, chosen);
}

Value Decoder::Impl::address_value(const FieldPlan& plan) {
  const AddressFacts* facts = plans_.address_facts.get();
  if (facts == nullptr) return {};
  const Value& address = event_.get(plan.address);
  if (!address.is_scalar()) return {};
  Value value = string_value(scratch_.copy(facts->find(*plan.fact, address.text(), made_.fact)));
  if (plan.fact == AddressFact::AsNumber) value.kind = ValueKind::Number;
  return value.size > 0 ? value : Value{};
}

// Resolving takes the first alternative that is not empty; a string that is not empty as written
// is not when unescaped either.
Value Decoder::Impl::written(FieldId field) {
  if (field == BuiltinField::kActor) return {};
  for (const Alternative& alternative : current_.plan->fields[field].alternatives) {
    if (!alternative.plain()) return {};
    const Value& value = slots_[static_cast<size_t>(alternative.slot)];
    if (value.epoch != event_.epoch()) continue;
    const bool scalar = value.is_scalar() || value.kind == ValueKind::RawString;
    return scalar && value.size > 0 ? value : Value{};
  }
  return {};
}

// What is known without decoding anything.
bool Decoder::Impl::known_absent(const Alternative& alternative) const {
  const auto inner = static_cast<size_t>(alternative.inner);
  const bool decoded =
      alternative.inner < 0 || (inner_.plan == current_.plan && inner < inner_.epochs.size() &&
                                inner_.epochs[inner] == event_.epoch());
  return decoded && slots_[static_cast<size_t>(alternative.slot)].epoch != event_.epoch();
}

Value Decoder::Impl::alternative_value(const Alternative& alternative) {
  // Looked at first: it is cheap, and what does not apply need not be decoded.
  if (alternative.when_slot != kNoSlot) {
    const Value condition = slot_value(alternative.when_slot);
    if (!condition.is_scalar()) return {};
    const auto& values = alternative.when_values;
    if (std::find(values.begin(), values.end(), condition.text()) == values.end()) return {};
  }
  if (alternative.inner >= 0) decode_inner(alternative.inner);
  Value value = slot_value(alternative.slot);
  if (!alternative.header.empty()) value = header_value(value, alternative.header);
  if (alternative.plain()) return value;
  return transformed(alternative, value);
}

Value Decoder::Impl::slot_value(int32_t slot) {
  Value& value = slots_[static_cast<size_t>(slot)];
  if (value.epoch != event_.epoch()) return {};
  if (value.kind == ValueKind::RawString) {
    uint16_t epoch = value.epoch;
    value = plain_string(value);
    value.epoch = epoch;
  }
  return value;
}

Value Decoder::Impl::plain_string(Value raw) {
  std::string_view text = raw.text();
  if (!text.empty() && std::memchr(text.data(), '\\', text.size())) {
    // Never longer than written, but for broken escapes; simdjson writes in 32-byte steps.
    size_t room = text.size() + text.size() / 2 + 1;
    char* at = scratch_.allocate(room, simdjson::SIMDJSON_PADDING);
    auto* end = reinterpret_cast<uint8_t*>(at);
    std::string_view plain;
    simdjson::ondemand::raw_json_string written(reinterpret_cast<const uint8_t*>(text.data()));
    if (!unescaper_ready_ || array_parser_.unescape(written, end).get(plain)) {
      plain = {at, unescape_into(text, at)};
    }
    scratch_.shrink(room - plain.size());
    return string_value(plain);
  }
  return string_value(text);
}

void Decoder::Impl::decode_inner(int32_t index) {
  auto at = static_cast<size_t>(index);
  if (inner_.epochs.size() <= at) inner_.epochs.resize(at + 1);
  if (inner_.epochs[at] == event_.epoch() && inner_.plan == current_.plan) return;
  if (inner_.plan != current_.plan) {
    std::fill(inner_.epochs.begin(), inner_.epochs.end(), 0);
    inner_.plan = current_.plan;
  }
  inner_.epochs[at] = event_.epoch();
  const InnerDocument& inner = current_.plan->inners[at];
  const Value& written = slots_[static_cast<size_t>(inner.base)];
  if (written.epoch != event_.epoch()) return;
  if (written.kind == ValueKind::RawString && walk_blanked(written, at)) return;
  Value base = slot_value(inner.base);
  if (base.kind != ValueKind::String && base.kind != ValueKind::Object) return;
  if (base.size > 0) walk_inner(base.text(), at, /*blanked=*/false);
}

// True when the whole text was walked without an error.
bool Decoder::Impl::walk_inner(std::string_view text, size_t index, bool blanked) {
  if (inner_.tokens.build(text, text.size() + simdjson::SIMDJSON_PADDING)) return false;
  if (!inner_.tokens.wrapped('{')) return false;
  auto& orders = blanked ? current_.state->blanked_orders : current_.state->inner_orders;
  JsonWalk walk{.text = inner_.tokens.text(),
                .at = inner_.tokens.begin(),
                .tree = &current_.plan->inners[index].tree,
                .orders = orders[index].data(),
                .slots = slots_.data(),
                .epoch = event_.epoch(),
                .seen = &inner_.seen,
                .blanked = blanked,
                .gathered = &current_.gathered};
  return walk.object(0, 1) == WalkError::None;
}

namespace {

// Copies `text` with a blank for each backslash; false when one of them is not part of a \". The
// byte behind the text is readable.
bool blank_escapes(std::string_view text, char* out) {
  unsigned char other = 0;
  const char* in = text.data();
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = in[i] == '\\';
    other |= static_cast<unsigned char>(escape & (in[i + 1] != '"'));
    out[i] = escape ? ' ' : in[i];
  }
  return other == 0;
}

}  // namespace

// Reads the JSON text in a string without unescaping it first: removing a backslash in front of
// each quote byte by byte costs more than all the rest, a blank in its place is as good JSON. Only
// texts without other escapes (strings in strings) qualify. Returns false, with nothing kept, when
// the text must be read the general way; what is valid here is valid there and means the same.
bool Decoder::Impl::walk_blanked(const Value& base, size_t index) {
  std::string_view text = base.text();
  if (text.empty()) return false;
  const size_t room = text.size() + simdjson::SIMDJSON_PADDING;
  char* copy = scratch_.allocate(room);
  if (blank_escapes(text, copy) && walk_inner({copy, text.size()}, index, /*blanked=*/true)) {
    return true;
  }
  const PathTree& tree = current_.plan->inners[index].tree;
  for (size_t node = 0; node < tree.size(); ++node) {
    int32_t slot = tree.node(static_cast<int32_t>(node)).slot;
    if (slot != kNoSlot) slots_[static_cast<size_t>(slot)].epoch = 0;
  }
  return false;
}

Value Decoder::Impl::header_value(const Value& headers, std::string_view name) {
  struct Search {
    std::string_view name;
    std::string_view found;
    Scratch& scratch;
  } search{name, {}, scratch_};
  if (headers.kind != ValueKind::Array) return {};
  bool found = any_element(
      headers,
      [](void* state, const Value& element) {
        auto& wanted = *static_cast<Search*>(state);
        std::string_view text = element.text();
        size_t colon = text.find(':');
        if (element.kind != ValueKind::String || colon == text.npos) return false;
        if (!equal_ignoring_case(text.substr(0, colon), wanted.name)) return false;
        text.remove_prefix(colon + 1);
        while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
        wanted.found = wanted.scratch.copy(text);
        return true;
      },
      &search);
  return found ? string_value(search.found) : Value{};
}

Value Decoder::Impl::transformed(const Alternative& alternative, Value value) {
  if (!value.is_scalar()) {
    bool as_is = !alternative.capture && alternative.map.empty() &&
                 alternative.transform == FieldTransform::None;
    return as_is ? value : Value{};
  }
  std::string_view text = value.text();
  if (alternative.capture) {
    text = made_.captures.find(&alternative, text, [&]() -> std::string_view {
      re2::StringPiece group[2];
      re2::StringPiece whole(text.data(), text.size());
      const bool found =
          alternative.capture->Match(whole, 0, text.size(), RE2::UNANCHORED, group, 2);
      return found ? std::string_view(group[1].data(), group[1].size()) : std::string_view();
    });
    if (text.data() == nullptr) return {};
    value = string_value(text);
  }
  if (!alternative.map.empty()) {
    auto it = alternative.map.find(text);
    if (it == alternative.map.end()) return {};
    text = it->second;
    value = string_value(text);
  }
  if (alternative.transform == FieldTransform::UnkeyUrn) {
    made_.urn.clear();
    std::string_view urn = unkey_urn(text, made_.urn);
    value = string_value(urn.data() == made_.urn.data() ? scratch_.copy(urn) : urn);
    if (urn.empty()) return {};
  }
  return value;
}

Value Decoder::Impl::actor_value() {
  for (const ActorPlan& actor : current_.plan->actor) {
    std::string& text = made_.actor;
    text.clear();
    bool complete = !actor.fields.empty();
    for (size_t i = 0; i < actor.fields.size() && complete; ++i) {
      const Value& value = event_.get(actor.fields[i]);
      complete = value.is_scalar() && value.size > 0;
      if (!complete) break;
      if (i > 0) text.push_back(kActorPairEnd);
      text.append(actor.labels[i]).push_back(kActorLabelEnd);
      text.append(value.text());
    }
    if (complete) return string_value(scratch_.copy(text));
  }
  return {};
}

Value Decoder::Impl::element_value(simdjson::ondemand::value& element) {
  std::string_view token = element.raw_json_token();
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  if (token[0] == '"') {
    Value raw;
    raw.data = token.data() + 1;
    raw.size = static_cast<uint32_t>(token.size() - 2);
    return plain_string(raw);
  }
  Value value = string_value(token);
  bool word = token[0] == 't' || token[0] == 'f';
  value.kind = word ? ValueKind::Bool : token[0] == 'n' ? ValueKind::Null : ValueKind::Number;
  if (token[0] == '{' || token[0] == '[') value.kind = ValueKind::Absent;
  return value;
}

bool Decoder::Impl::any_element(const Value& array, ElementVisitor visit, void* state) {
  simdjson::ondemand::document document;
  simdjson::ondemand::array elements;
  size_t readable = array.size + simdjson::SIMDJSON_PADDING;
  if (array_parser_.iterate(array.data, array.size, readable).get(document)) return false;
  if (document.get_array().get(elements)) return false;
  for (auto result : elements) {
    simdjson::ondemand::value element;
    if (std::move(result).get(element)) return false;
    if (visit(state, element_value(element))) return true;
  }
  return false;
}

// A string is a value unless a colon follows; the walk has checked all else.
bool Decoder::Impl::any_string(ElementVisitor visit, void* state) {
  const char* text = line_tokens_.text();
  for (const uint32_t* at = current_.first; at != current_.end; ++at) {
    if (text[at[0]] != '"' || text[at[1]] == ':') continue;
    if (visit(state, plain_string(scalar_value(text + at[0], text + at[1])))) return true;
  }
  return false;
}

}  // namespace picket
