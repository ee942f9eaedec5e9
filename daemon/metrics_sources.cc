// The families of sources: the ledger, what was decoded and refused, and what inputs say.
// Tested by tests/daemon/metrics_test.cc.
#include <algorithm>

#include "daemon/metric_families.h"

namespace picket {
namespace {

// Nothing when the source has had no stream yet.
DecodeStats decoded_of(const Snapshot& s, const std::string& name) {
  for (const SourceStats& source : s.engine.sources) {
    if (source.name == name) return source.decode;
  }
  return {};
}

// read = processed + dead letters + dropped + in flight, for every source at every scrape. What was
// read is counted where lines come in and the other parts where they end up, so that a line that
// got lost in between shows as an imbalance.
void add_ledger(Families& out, const Snapshot& s) {
  FamilyBuilder read({"picket_lines_read_total", "Lines taken from inputs.", kCounter}, {"source"});
  FamilyBuilder processed(
      {"picket_lines_processed_total", "Lines decoded in full, blank lines included.", kCounter},
      {"source"});
  FamilyBuilder dead(
      {"picket_dead_letter_total", "Lines that could not become an event.", kCounter},
      {"source", "reason"});
  FamilyBuilder dropped({"picket_lines_dropped_total", "Lines not looked at.", kCounter},
                        {"source", "reason"});
  FamilyBuilder flight({"picket_lines_in_flight", "Lines read and not yet counted.", kGauge},
                       {"source"});
  FamilyBuilder imbalance({"picket_ledger_imbalance_lines",
                           "Lines read that are neither processed, dead letters, dropped nor in "
                           "flight; 0 unless picket has a fault.",
                           kGauge},
                          {"source"});
  for (const SourceSnapshot& source : s.sources) {
    const DecodeStats decode = decoded_of(s, source.name);
    for (size_t i = 1; i < kDecodeErrors; ++i) {
      dead.add({source.name, to_text(static_cast<DecodeError>(i))}, real(decode.dead[i]));
    }
    for (size_t i = 0; i < kLineDrops; ++i) {
      dropped.add({source.name, kLineDropNames[i]}, real(source.lines.dropped[i]));
    }
    read.add({source.name}, real(source.lines.read));
    processed.add({source.name}, real(decode.lines - decode.dead_letters()));
    flight.add({source.name}, real(source.lines.in_flight));
    imbalance.add({source.name}, static_cast<double>(source.lines.imbalance(decode)));
  }
  for (FamilyBuilder* family : {&read, &processed, &dead, &dropped, &flight, &imbalance}) {
    family->finish(out);
  }
}

constexpr Row<SourceStats> kSourceRows[] = {
    {{"picket_decoded_bytes_total", "Bytes of the lines counted.", kCounter},
     [](const SourceStats& s) { return real(s.decode.bytes); }},
    {{"picket_events_total", "Events found in lines.", kCounter},
     [](const SourceStats& s) { return real(s.decode.events); }},
    {{"picket_lines_classified_total", "Events judged to be refusals.", kCounter},
     [](const SourceStats& s) { return real(s.decode.refusals); }},
    {{"picket_duplicate_keys_total", "Events in which a key that was read occurs twice.", kCounter},
     [](const SourceStats& s) { return real(s.decode.duplicate_keys); }},
    {{"picket_missing_time_total", "Events without a usable time; arrival time was taken.",
      kCounter},
     [](const SourceStats& s) { return real(s.decode.missing_time); }},
    {{"picket_regex_limits_total",
      "Expressions with look-around or back-references that gave up on an event.", kCounter},
     [](const SourceStats& s) { return real(s.decode.regex_limits); }},
    {{"picket_secrets_redacted_total", "Secrets taken out of what is kept of lines.", kCounter},
     [](const SourceStats& s) { return real(s.decode.secrets_redacted); }},
    {{"picket_future_time_total", "Events too far in the future; their time was clamped.",
      kCounter},
     [](const SourceStats& s) { return real(s.decode.future_time); }},
    {{"picket_late_events_total", "Events that came later than the source's lateness.", kCounter},
     [](const SourceStats& s) { return real(s.late_events); }},
    {{"picket_newest_event_timestamp_seconds", "Time of the newest event seen.", kGauge},
     [](const SourceStats& s) { return seconds(s.newest_event); }},
};

constexpr Row<SourceSnapshot> kInputRows[] = {
    {{"picket_input_read_bytes_total", "Bytes read by the input.", kCounter},
     [](const SourceSnapshot& s) { return real(s.input.bytes_read); }},
    {{"picket_input_files_open", "Files being followed.", kGauge},
     [](const SourceSnapshot& s) { return real(s.input.files_open); }},
    {{"picket_file_lag_bytes", "Bytes written but not yet read, over all files.", kGauge},
     [](const SourceSnapshot& s) { return real(s.input.lag_bytes_total); }},
    {{"picket_file_lag_max_bytes", "The same, of the file furthest behind.", kGauge},
     [](const SourceSnapshot& s) { return real(s.input.lag_bytes_max); }},
    {{"picket_file_rotations_total", "Files replaced by a new one.", kCounter},
     [](const SourceSnapshot& s) { return real(s.input.rotations); }},
    {{"picket_file_truncations_total", "Files that became shorter.", kCounter},
     [](const SourceSnapshot& s) { return real(s.input.truncations); }},
    {{"picket_input_read_errors_total", "Failed reads.", kCounter},
     [](const SourceSnapshot& s) { return real(s.input.read_errors); }},
    {{"picket_input_gaps_total", "Times that lines may have been gone before they were read.",
      kCounter},
     [](const SourceSnapshot& s) { return real(s.input.gaps); }},
    {{"picket_input_folders_unwatched",
      "Folders that are polled because inotify could not watch them.", kGauge},
     [](const SourceSnapshot& s) { return real(s.input.folders_unwatched); }},
};

// A push input with its source's name.
struct PushSource {
  std::string name;
  PushStats stats;
};

constexpr Row<PushSource> kPushRows[] = {
    {{"picket_input_requests_total", "Requests received, refused ones included.", kCounter},
     [](const PushSource& s) { return real(s.stats.requests); }},
    {{"picket_input_connections", "Connections open.", kGauge},
     [](const PushSource& s) { return real(s.stats.connections); }},
    {{"picket_spool_bytes", "Bytes that the spool takes on disk.", kGauge},
     [](const PushSource& s) { return real(s.stats.spool_bytes); }},
    {{"picket_spool_limit_bytes", "Bytes that the spool may take.", kGauge},
     [](const PushSource& s) { return real(s.stats.spool_bytes_max); }},
    {{"picket_spool_records_total", "Records made durable.", kCounter},
     [](const PushSource& s) { return real(s.stats.spool_records); }},
    {{"picket_spool_syncs_total", "Syncs of the spool attempted.", kCounter},
     [](const PushSource& s) { return real(s.stats.spool_syncs); }},
    {{"picket_spool_errors_total", "Failed writes, syncs and removals.", kCounter},
     [](const PushSource& s) { return real(s.stats.spool_errors); }},
    {{"picket_spool_lost_bytes_total", "Acknowledged bytes found damaged or gone.", kCounter},
     [](const PushSource& s) { return real(s.stats.spool_lost_bytes); }},
    {{"picket_spool_torn_bytes_total", "Bytes cut off at a start, never acknowledged.", kCounter},
     [](const PushSource& s) { return real(s.stats.spool_torn_bytes); }},
};

void add_push(Families& out, const Snapshot& s) {
  std::vector<PushSource> sources;
  for (const SourceSnapshot& source : s.sources) {
    if (source.input.push) sources.push_back({source.name, *source.input.push});
  }
  add_rows(out, kPushRows, sources, "source");
  FamilyBuilder refused({"picket_input_refused_total", "Requests turned away.", kCounter},
                        {"source", "reason"});
  for (const PushSource& source : sources) {
    for (size_t i = 0; i < kPushRefusals; ++i) {
      refused.add({source.name, kPushRefusalNames[i]}, real(source.stats.refused[i]));
    }
  }
  refused.finish(out);
}

// A timestamp, so that the age is computed by whoever asks. Sources that have read all have none.
void add_unread(Families& out, const Snapshot& s) {
  FamilyBuilder unread({"picket_oldest_unread_timestamp_seconds",
                        "Since when the oldest byte that was not read yet waits.", kGauge},
                       {"source"});
  for (const SourceSnapshot& source : s.sources) {
    if (source.unread_since) unread.add({source.name}, seconds(*source.unread_since));
  }
  unread.finish(out);
}

void add_refusals(Families& out, const EngineStats& engine) {
  FamilyBuilder refusals({"picket_refusals_total", "Refused requests by code and cause.", kCounter},
                         {"source", "code", "cause"});
  for (const auto& [key, count] : engine.refusals) {
    refusals.add({key.source, key.code, key.cause}, real(count));
  }
  refusals.finish(out);
  add_single(out,
             {"picket_series_overflow_total",
              "Refusals counted under code \"other\" because the table was full.", kCounter},
             real(engine.refusal_series_overflow));
}

}  // namespace

void add_source_families(Families& out, const Snapshot& snapshot) {
  add_ledger(out, snapshot);
  add_rows(out, kSourceRows, snapshot.engine.sources, "source");
  add_rows(out, kInputRows, snapshot.sources, "source");
  add_unread(out, snapshot);
  add_push(out, snapshot);
  add_refusals(out, snapshot.engine);
}

}  // namespace picket
