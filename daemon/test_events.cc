#include "daemon/test_events.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include "daemon/loader.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr int64_t kRepeatMax = 100'000;
constexpr size_t kBytesMax = 64 << 20;
constexpr int64_t kDefaultStart = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

std::optional<Duration> parse_offset(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  static const std::map<std::string_view, int64_t> kUnits = {
      {"ms", 1},        {"s", 1'000},          {"m", 60'000},
      {"h", 3'600'000}, {"d", 24 * 3'600'000}, {"w", 7 * 24 * 3'600'000}};
  constexpr int64_t kCountMax = 1'000'000'000;
  if (count == 0 && unit.empty()) return Duration(0);
  const auto known = kUnits.find(unit);
  if (known == kUnits.end() || count < -kCountMax || count > kCountMax) return std::nullopt;
  return Duration(count * known->second);
}

// A bare scalar that JSON would take as it is: a number, true or false.
bool is_json_literal(const Node& node) {
  const std::string& text = node.text();
  if (node.quoted()) return false;
  if (text == "true" || text == "false") return true;
  const size_t first = text.starts_with('-') ? 1 : 0;
  if (first == text.size() || text[first] < '0' || text[first] > '9') return false;
  if (text[first] == '0' && first + 1 < text.size() && text[first + 1] != '.') return false;
  if (text.back() == '.') return false;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

class EventList {
 public:
  EventList(const Node& test, const Schema& schema, TestEvents& out)
      : schema_(schema), base_(test.find("base")), out_(out), at_(out.start) {}

  Diagnostics read(const Node& events) {
    if (base_ && !base_->is_map()) fail_at(*base_, "'base' must be a map of fields");
    if (schema_.time.empty() || !schema_.time.front().inner.empty()) {
      fail_at(events, "the time of this schema is not a field of the record",
              "give the events as NDJSON text");
    }
    if (!problems_.empty()) return problems_;
    for (const Node& event : events.items()) add(event);
    return problems_;
  }

 private:
  void fail_at(const Node& at, std::string message, std::string hint = {}) {
    problems_.push_back({at.where(), std::move(message), std::move(hint)});
  }

  void add(const Node& event) {
    if (!event.is_map()) return fail_at(event, "an event must be a map of fields");
    if (const Node* at = event.find("at")) {
      const auto time = at->is_scalar() ? parse_moment(at->text(), out_.start) : std::nullopt;
      if (!time) return fail_at(*at, "'at' must be an offset such as +30s or a time");
      at_ = *time;
    }
    int64_t repeat = 1;
    if (const Node* node = event.find("repeat")) {
      repeat = read_int(*node, problems_).value_or(0);
      if (repeat < 1 || repeat > kRepeatMax) {
        return fail_at(*node, fmt::format("'repeat' must be from 1 to {}", kRepeatMax));
      }
    }
    Duration every{0};
    if (const Node* node = event.find("every")) {
      const auto step = node->is_scalar() ? parse_offset(node->text()) : std::nullopt;
      if (!step) return fail_at(*node, "'every' must be a time such as 10s");
      every = *step;
    }
    for (int64_t n = 1; n <= repeat && problems_.empty(); ++n) {
      if (n > 1) at_ += every;
      write(event, n);
      if (out_.lines.size() > kBytesMax) fail_at(event, "the events of this test are too many");
    }
  }

  // Nothing when the schema makes the field out of another one.
  std::optional<std::string> raw_name(const Node& key) {
    const SchemaField* field = schema_.field(key.text());
    if (!field || field->alternatives.empty()) return key.text();
    const FieldRule& rule = field->alternatives.front();
    const FieldSource& source = rule.source;
    const bool changed = !rule.capture.empty() || !rule.map.empty() ||
                         rule.transform != FieldTransform::None || !source.inner.empty() ||
                         !source.header.empty();
    if (!changed) return source.path;
    if (source.path == key.text()) return key.text();
    fail_at(key,
            fmt::format("schema {} makes '{}' out of '{}'", schema_.name, key.text(), source.path),
            fmt::format("write '{}' as it stands in the log", source.path));
    return std::nullopt;
  }

  void write(const Node& event, int64_t n) {
    std::map<std::string, const Node*> fields;
    for (const Node* map : {base_, &event}) {
      if (!map) continue;
      for (const Node::Entry& entry : map->entries()) {
        const std::string& name = entry.key.text();
        const bool ours = map == &event && (name == "at" || name == "repeat" || name == "every");
        if (ours) continue;
        if (auto raw = raw_name(entry.key)) fields[*std::move(raw)] = &entry.value;
      }
    }
    JsonWriter json(out_.lines);
    json.begin_object();
    json.member(schema_.time.front().path, format_rfc3339(at_));
    for (const auto& [name, value] : fields) {
      if (name == schema_.time.front().path) continue;
      json.key(name);
      write_value(json, *value, n);
    }
    json.end_object();
    out_.lines += '\n';
  }

  void write_value(JsonWriter& json, const Node& value, int64_t n) {
    if (value.is_null()) return json.null();
    if (value.is_scalar()) {
      if (is_json_literal(value)) return json.raw(value.text());
      std::string text = value.text();
      const size_t at = text.find("{n}");
      if (at != std::string::npos) text.replace(at, 3, std::to_string(n));
      return json.string(text);
    }
    if (value.is_sequence()) {
      json.begin_array();
      for (const Node& item : value.items()) write_value(json, item, n);
      return json.end_array();
    }
    json.begin_object();
    for (const Node::Entry& entry : value.entries()) {
      json.key(entry.key.text());
      write_value(json, entry.value, n);
    }
    json.end_object();
  }

  const Schema& schema_;
  const Node* base_;
  TestEvents& out_;
  Timestamp at_;
  Diagnostics problems_;
};

Result<std::string> read_beside(const Node& file) {
  if (!file.is_scalar()) return fail(file.where(), "'file' must name a file");
  const std::filesystem::path rules = file.where().file;
  auto text = read_file((rules.parent_path() / file.text()).string());
  if (!text)
    return fail(file.where(),
                text.error().front().where.file + ": " + text.error().front().message);
  return text;
}

}  // namespace

std::optional<Timestamp> parse_moment(std::string_view text, Timestamp start) {
  if (const auto offset = parse_offset(text)) return start + *offset;
  return parse_rfc3339(text);
}

Result<TestEvents> read_test_events(const Node& test, const Schema* schema) {
  TestEvents out{.start = timestamp_ms(kDefaultStart)};
  if (const Node* start = test.find("start")) {
    const auto time = start->is_scalar() ? parse_rfc3339(start->text()) : std::nullopt;
    if (!time) return fail(start->where(), "'start' must be a time such as 2026-01-01T00:00:00Z");
    out.start = *time;
  }
  const Node* events = test.find("events");
  if (const Node* file = test.find("file")) {
    if (events) return fail(file->where(), "'file' and 'events' are two ways to give the events");
    PICKET_TRY(out.lines, read_beside(*file));
    return out;
  }
  if (!events) return fail(test.where(), "a test needs 'events' or 'file'");
  if (events->is_scalar()) {
    out.lines = events->text();
    return out;
  }
  if (events->is_map() || events->is_null()) {
    return fail(events->where(), "'events' must be NDJSON text or a list of maps");
  }
  if (!schema) return fail(events->where(), "a list of events needs the 'schema' of the test");
  Diagnostics problems = EventList(test, *schema, out).read(*events);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return out;
}

}  // namespace picket
