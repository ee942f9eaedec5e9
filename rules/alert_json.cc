// The alert as JSON, one function for every place that shows it: replay, file output, HTTP API.
// Tested by tests/rules/json_writer_test.cc.
#include <algorithm>

#include "rules/alert.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void write_pairs(JsonWriter& json, std::string_view name, const Pairs& pairs) {
  json.key(name);
  json.begin_object();
  for (const auto& [key, value] : pairs) json.member(key, value);
  json.end_object();
}

// What the log line did not carry is null, so that every item has the same keys.
void write_text(JsonWriter& json, std::string_view name, const std::string& text) {
  json.key(name);
  if (text.empty()) {
    json.null();
  } else {
    json.string(text);
  }
}

// A status is a number in nearly every log; text such as "DENIED" stays text.
void write_status(JsonWriter& json, const std::string& status) {
  const bool digits = !status.empty() && status.size() <= 9 &&
                      (status.size() == 1 || status.front() != '0') &&
                      std::ranges::all_of(status, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return write_text(json, "status", status);
  json.key("status");
  json.raw(status);
}

void write_evidence(JsonWriter& json, const EvidenceItem& item) {
  json.begin_object();
  json.member("time", format_rfc3339(item.time));
  write_text(json, "request_id", item.request_id);
  write_text(json, "method", item.method);
  write_text(json, "path", item.path);
  write_status(json, item.status);
  write_text(json, "code", item.code);
  write_text(json, "cause", item.cause);
  write_text(json, "target", item.target);
  json.end_object();
}

void write_head(JsonWriter& json, const Alert& alert) {
  json.member("alert_id", alert.id);
  json.member("status", alert.status == AlertStatus::Firing ? "firing" : "resolved");
  json.key("rule");
  json.begin_object();
  json.member("id", alert.rule.id);
  json.member("name", alert.rule.name);
  json.member("title", alert.rule.title);
  json.end_object();
  json.member("severity", to_text(alert.severity));
  json.key("verdict");
  if (alert.verdict == Verdict::None) {
    json.null();
  } else {
    json.string(to_text(alert.verdict));
  }
  write_pairs(json, "labels", alert.labels);
  json.member("starts_at", format_rfc3339(alert.starts_at));
  json.member("updated_at", format_rfc3339(alert.updated_at));
  json.key("ends_at");
  if (alert.ends_at) {
    json.string(format_rfc3339(*alert.ends_at));
  } else {
    json.null();
  }
}

}  // namespace

std::string to_json(const Alert& alert) {
  std::string out;
  out.reserve(1024 + alert.evidence.size() * 256);
  JsonWriter json(out);
  json.begin_object();
  write_head(json, alert);
  json.member("events", alert.events);
  if (alert.measure.distinct) json.member("distinct", *alert.measure.distinct);
  if (alert.measure.score) json.member("score", *alert.measure.score);
  if (alert.measure.false_alarm) {
    json.key("confidence");
    json.begin_object();
    json.member("false_alarm", *alert.measure.false_alarm);
    json.end_object();
  }
  json.key("causes");
  json.begin_object();
  for (const auto& [cause, count] : alert.causes) json.member(cause, count);
  json.end_object();
  json.key("evidence");
  json.begin_array();
  for (const EvidenceItem& item : alert.evidence) write_evidence(json, item);
  json.end_array();
  write_pairs(json, "annotations", alert.annotations);
  json.end_object();
  return out;
}

}  // namespace picket
