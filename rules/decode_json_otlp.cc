// OTLP/JSON logs: one line holds {"resourceLogs":[{"scopeLogs":[{"logRecords":[...]}]}]}.
//
// Attributes come as lists of {"key":…,"value":{"stringValue":…}}. Each log record is rewritten as
// the plain object that the same logger would have written as JSON: attributes as members, the body
// as "msg", the severity as "level", the time in milliseconds as "time", the resource's attributes
// under "resource". Then it is decoded like any line, so every schema works with OTLP as it stands.
// This costs several times a plain line; exporters send OTLP in batches, and no hot stream uses it.
//
// Source: opentelemetry-proto, logs/v1/logs.proto and common/v1/common.proto, JSON mapping.
// Tested by decode_json_otlp_test.cc.
#include <charconv>

#include "rules/batch.h"
#include "rules/decode_json_impl.h"

namespace picket {
namespace {

namespace dom = simdjson::dom;

constexpr int kValueDepthMax = 32;

std::string_view text_of(dom::element element) {
  std::string_view text;
  return element.get(text) ? std::string_view() : text;
}

bool is_integer(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool append_members(dom::element list, int depth, std::string& out);

// One AnyValue as plain JSON. False when it is not of that form.
bool append_value(dom::element value, int depth, std::string& out) {
  dom::object object;
  if (depth > kValueDepthMax || value.get(object)) return false;
  for (dom::key_value_pair member : object) {
    if (member.key == "intValue") {
      std::string_view digits = text_of(member.value);
      out += is_integer(digits) ? std::string(digits) : simdjson::minify(member.value);
      return true;
    }
    if (member.key == "kvlistValue") {
      out += '{';
      dom::element values;
      if (!member.value["values"].get(values) && !append_members(values, depth + 1, out)) {
        return false;
      }
      out += '}';
      return true;
    }
    if (member.key == "arrayValue") {
      out += '[';
      dom::array values;
      bool first = true;
      if (!member.value["values"].get(values)) {
        for (dom::element element : values) {
          if (!first) out += ',';
          first = false;
          if (!append_value(element, depth + 1, out)) return false;
        }
      }
      out += ']';
      return true;
    }
    out += simdjson::minify(member.value);  // stringValue, boolValue, doubleValue, bytesValue
    return true;
  }
  out += "null";
  return true;
}

// The members of a list of key-value pairs, separated by commas.
bool append_members(dom::element list, int depth, std::string& out) {
  dom::array pairs;
  if (list.get(pairs)) return false;
  bool first = true;
  for (dom::element pair : pairs) {
    dom::element key;
    dom::element value;
    if (pair["key"].get(key) || pair["value"].get(value) || !key.is_string()) return false;
    if (!first) out += ',';
    first = false;
    out += simdjson::minify(key);
    out += ':';
    if (!append_value(value, depth, out)) return false;
  }
  return true;
}

// Time of a record in milliseconds: when it happened, else when it was seen.
void append_time(dom::element record, std::string& out) {
  for (const char* name : {"timeUnixNano", "observedTimeUnixNano"}) {
    dom::element value;
    if (record[name].get(value)) continue;
    std::string text = value.is_string() ? std::string(text_of(value)) : simdjson::minify(value);
    if (text.size() <= 6 || !is_integer(text)) continue;
    out += "\"time\":" + text.substr(0, text.size() - 6) + ",";
    return;
  }
}

bool append_record(dom::element record, std::string_view resource, std::string& out) {
  out += '{';
  append_time(record, out);
  dom::element value;
  if (!record["severityText"].get(value)) out += "\"level\":" + simdjson::minify(value) + ",";
  if (!record["body"].get(value)) {
    out += "\"msg\":";
    if (!append_value(value, 0, out)) return false;
    out += ',';
  }
  out += "\"resource\":{";
  out += resource;
  out += '}';
  if (!record["attributes"].get(value)) {
    std::string members;
    if (!append_members(value, 0, members)) return false;
    if (!members.empty()) out += "," + members;
  }
  out += '}';
  return true;
}

// The log records of one resource, each as a text of its own behind the others.
bool append_resource(dom::element logs, std::vector<std::string>& records) {
  std::string resource;
  dom::element attributes;
  if (!logs["resource"]["attributes"].get(attributes) && !append_members(attributes, 0, resource)) {
    return false;
  }
  dom::array scopes;
  if (logs["scopeLogs"].get(scopes)) return true;
  for (dom::element scope : scopes) {
    dom::array list;
    if (scope["logRecords"].get(list)) continue;
    for (dom::element record : list) {
      if (!append_record(record, resource, records.emplace_back())) return false;
    }
  }
  return true;
}

}  // namespace

bool is_otlp_line(std::string_view line) { return line.starts_with("{\"resourceLogs\""); }

bool unwrap_otlp(std::string_view line, std::vector<std::string>& records) {
  dom::parser parser;
  dom::element root;
  dom::array resources;
  if (parser.parse(line.data(), line.size()).get(root)) return false;
  if (root["resourceLogs"].get(resources)) return false;
  for (dom::element logs : resources) {
    if (!append_resource(logs, records)) return false;
  }
  return true;
}

DecodeError Decoder::Impl::decode_otlp(std::string_view line) {
  std::vector<std::string> records;
  if (!unwrap_otlp(line, records)) return DecodeError::UnknownSchema;
  if (!nested_) nested_ = std::make_unique<Impl>(plans_, event_.fields());
  DecodeError result = DecodeError::None;
  for (uint32_t i = 0; i < records.size(); ++i) {
    PaddedBytes text(records[i]);
    LineContext context = *current_.context;
    context.line = text.view();
    context.readable = text.capacity() + PaddedBytes::kPadding;
    nested_->first_record_ = i;
    DecodeStats counted;
    DecodeError error = nested_->decode(context, counted, *current_.sink);
    counted.event_lines = 0;  // it is all one line, counted by the caller
    counted.dead = {};
    current_.stats->add(counted);
    if (error != DecodeError::None) result = error;
  }
  return result;
}

}  // namespace picket
