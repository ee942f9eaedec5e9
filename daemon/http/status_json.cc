// Tested by tests/daemon/http/routes_test.cc.
#include "daemon/http/status_json.h"

#include "rules/json_writer.h"

namespace picket {
namespace {

void write_time(JsonWriter& json, std::string_view name, Timestamp time) {
  json.key(name);
  if (time == Timestamp{}) {
    json.null();
  } else {
    json.string(format_rfc3339(time));
  }
}

void write_levels(JsonWriter& json, std::string_view name, const std::array<uint64_t, 5>& counts) {
  json.key(name);
  json.begin_object();
  for (size_t i = 0; i < counts.size(); ++i) json.member(to_text(static_cast<Level>(i)), counts[i]);
  json.end_object();
}

void write_pipeline(JsonWriter& json, const Snapshot& s) {
  json.key("pipeline");
  json.begin_object();
  json.member("queue_length", s.pipeline.queue_length);
  json.member("queue_capacity", s.pipeline.queue_capacity);
  json.member("queue_bytes", s.pipeline.queue_bytes);
  json.member("batches_in_flight", s.pipeline.batches_in_flight);
  json.member("workers", s.pipeline.workers);
  json.member("hits_pending", s.engine.hits_pending);
  json.member("hits_pending_bytes", s.engine.hits_pending_bytes);
  json.member("hits_released_early", s.engine.hits_released_early);
  write_time(json, "watermark", s.engine.watermark);
  json.end_object();
  json.key("groups");
  json.begin_object();
  json.member("groups", s.engine.groups.groups);
  json.member("bytes", s.engine.groups.bytes);
  json.member("bytes_max", s.engine.groups.bytes_max);
  json.member("evictions", s.engine.groups.evictions);
  json.member("refused", s.engine.groups.refused);
  json.member("approximated", s.engine.groups.approximated);
  json.end_object();
}

void write_state(JsonWriter& json, const Snapshot& s) {
  json.key("checkpoints");
  json.begin_object();
  json.member("writes", s.checkpoints.writes);
  json.member("failures", s.checkpoints.failures);
  write_time(json, "last_commit", s.checkpoints.last_commit);
  json.member("last_error", s.checkpoints.last_error);
  json.member("notice", s.checkpoints.notice);
  json.end_object();
  json.key("dead_letter_file");
  json.begin_object();
  json.member("written", s.dead_letter_file.written);
  json.member("bytes", s.dead_letter_file.bytes);
  json.member("dropped", s.dead_letter_file.dropped);
  json.end_object();
  json.key("reload");
  json.begin_object();
  json.member("attempts", s.reload.attempts);
  json.member("failures", s.reload.failures);
  json.member("last_successful", s.reload.last_successful);
  write_time(json, "last_success", s.reload.last_success);
  json.member("last_error", s.reload.last_error);
  json.end_object();
}

void write_outputs(JsonWriter& json, const Snapshot& s) {
  json.key("outputs");
  json.begin_array();
  for (const OutputStats& output : s.outputs) {
    json.begin_object();
    json.member("name", output.name);
    json.member("sent", output.sent);
    json.member("errors", output.errors);
    json.member("dropped", output.dropped);
    json.member("queue_length", output.queue_length);
    json.member("queue_capacity", output.queue_capacity);
    json.member("last_error", output.last_error);
    json.end_object();
  }
  json.end_array();
}

void write_lines(JsonWriter& json, const DecodeStats& decode) {
  json.member("bytes", decode.bytes);
  json.member("lines", decode.lines);
  json.member("blank", decode.blank);
  json.member("events", decode.events);
  json.member("refusals", decode.refusals);
  json.key("dead_letters");
  json.begin_object();
  for (size_t i = 1; i < kDecodeErrors; ++i) {
    json.member(to_text(static_cast<DecodeError>(i)), decode.dead[i]);
  }
  json.end_object();
}

void write_push(JsonWriter& json, const PushStats& push) {
  json.member("requests", push.requests);
  json.member("connections", push.connections);
  json.member("spool_bytes", push.spool_bytes);
  json.member("spool_bytes_max", push.spool_bytes_max);
  json.member("spool_errors", push.spool_errors);
  json.member("spool_failing", push.spool_failing);
  json.member("spool_lost_bytes", push.spool_lost_bytes);
  json.key("refused");
  json.begin_object();
  for (size_t i = 0; i < kPushRefusals; ++i) json.member(kPushRefusalNames[i], push.refused[i]);
  json.end_object();
}

void write_input(JsonWriter& json, const SourceSnapshot& source) {
  json.key("input");
  json.begin_object();
  json.member("type", source.type);
  json.member("bytes_read", source.input.bytes_read);
  json.member("files_open", source.input.files_open);
  json.member("lag_bytes", source.input.lag_bytes_total);
  json.member("lag_max_bytes", source.input.lag_bytes_max);
  json.member("rotations", source.input.rotations);
  json.member("truncations", source.input.truncations);
  json.member("read_errors", source.input.read_errors);
  json.member("gaps", source.input.gaps);
  json.member("folders_unwatched", source.input.folders_unwatched);
  json.member("lines_read", source.lines.read);
  json.member("lines_in_flight", source.lines.in_flight);
  json.member("lines_dropped", source.lines.dropped_lines());
  json.member("last_error", source.input.last_error);
  if (source.input.push) write_push(json, *source.input.push);
  json.end_object();
}

void write_unknown_texts(JsonWriter& json, const std::vector<UnknownText>& texts) {
  json.key("unknown_refusals");
  json.begin_array();
  for (const UnknownText& item : texts) {
    json.begin_object();
    json.member("code", item.code);
    json.member("text", item.text);
    json.member("count", item.count);
    json.end_object();
  }
  json.end_array();
}

// One source with what the engine counted, what its input says, or both.
void write_source(JsonWriter& json, const SourceStats* stats, const SourceSnapshot* source) {
  json.begin_object();
  json.member("name", stats ? stats->name : source->name);
  write_lines(json, stats ? stats->decode : DecodeStats{});
  json.member("late_events", stats ? stats->late_events : 0);
  write_time(json, "newest_event", stats ? stats->newest_event : Timestamp{});
  if (source != nullptr) write_input(json, *source);
  json.end_object();
}

template <class T>
const T* find_named(const std::vector<T>& items, const std::string& name) {
  for (const T& item : items) {
    if (item.name == name) return &item;
  }
  return nullptr;
}

}  // namespace

std::string status_json(const Snapshot& s) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("version", s.build.version);
  json.member("commit", s.build.commit);
  json.member("simd", s.build.simd);
  write_time(json, "started", s.started);
  write_time(json, "published", s.published);
  json.member("healthy", s.health.healthy);
  json.member("unhealthy_reason", s.health.unhealthy_reason);
  json.member("ready", s.health.ready);
  json.member("not_ready_reason", s.health.not_ready_reason);
  DecodeStats total;
  for (const SourceStats& source : s.engine.sources) total.add(source.decode);
  json.key("lines");
  json.begin_object();
  write_lines(json, total);
  json.end_object();
  write_unknown_texts(json, s.engine.unknown_texts);
  json.key("alerts");
  json.begin_object();
  write_levels(json, "active", s.engine.alerts_active);
  write_levels(json, "opened", s.engine.alerts_opened);
  write_levels(json, "closed", s.engine.alerts_closed);
  json.end_object();
  json.member("rules", s.engine.rules.size());
  write_pipeline(json, s);
  write_state(json, s);
  write_outputs(json, s);
  json.end_object();
  out += '\n';
  return out;
}

std::string sources_json(const Snapshot& s) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const SourceStats& stats : s.engine.sources) {
    write_source(json, &stats, find_named(s.sources, stats.name));
  }
  for (const SourceSnapshot& source : s.sources) {
    if (!find_named(s.engine.sources, source.name)) write_source(json, nullptr, &source);
  }
  json.end_array();
  out += '\n';
  return out;
}

std::string rules_json(const Snapshot& s) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const RuleStats& rule : s.engine.rules) {
    json.begin_object();
    json.member("id", rule.id);
    json.member("title", rule.title);
    json.member("matches", rule.matches);
    json.member("group_missing", rule.group_missing);
    json.member("value_missing", rule.value_missing);
    json.member("not_numeric", rule.not_numeric);
    json.member("forgotten", rule.forgotten);
    json.member("alerts", rule.alerts);
    json.member("alerts_dropped", rule.dropped);
    json.member("mode", rule.shadow ? "shadow" : "alert");
    json.member("evaluations", rule.evaluations);
    json.member("seconds", rule.seconds());
    json.member("state_bytes", rule.state_bytes);
    json.end_object();
  }
  json.end_array();
  out += '\n';
  return out;
}

std::string alerts_json(const Snapshot& s, const AlertFilter& filter) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const Alert& alert : s.alerts) {
    const std::string_view status = alert.status == AlertStatus::Firing ? "firing" : "resolved";
    if (!filter.status.empty() && filter.status != status) continue;
    if (!filter.id.empty() && filter.id != alert.id) continue;
    json.raw(to_json(alert));
  }
  json.end_array();
  out += '\n';
  return out;
}

}  // namespace picket
