// The table says how each problem is told; find() says when it is there; judge() is the same for
// all: patience, one alert at a time, resolution.
#include "daemon/self_watch.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "daemon/outputs/label_text.h"

namespace picket {
namespace {

constexpr Duration kTellAgain = std::chrono::minutes(1);
constexpr size_t kProblems = static_cast<size_t>(SelfProblem::Count_);
// The age of unread bytes is known to within this part of the bound.
constexpr int kAgeSteps = 32;

struct Description {
  const char* id;
  const char* alertname;
  const char* label;  // what the subject is; null: there is none
  Level severity;
  bool at_once;  // it cannot be undone by waiting
  const char* summary;
  const char* remediation;
};

// In the order of SelfProblem. docs/runbooks/picket_itself.md has a section for each.
constexpr std::array<Description, kProblems> kDescriptions = {{
    {"picket_blind_spot", "PicketBlindSpot", "source", Level::High, true,
     "Lines were dropped unread: what they would have shown is not known",
     "Give the pipeline more workers or a longer queue, or let the input block."},
    {"picket_input_gap", "PicketInputGap", "source", Level::High, true,
     "Lines may have been gone before they were read: what they would have shown is not known",
     "Keep the log longer than picket may be down."},
    {"picket_ledger_unbalanced", "PicketLedgerUnbalanced", "source", Level::High, true,
     "The ledger of lines does not balance: picket has a fault",
     "Report it with the output of /metrics and /api/v1/sources."},
    {"picket_input_behind", "PicketInputBehind", "source", Level::Medium, false,
     "An input is far behind what is written: alerts are late",
     "Give the pipeline more workers; look for a slow disk."},
    {"picket_input_silent", "PicketInputSilent", "source", Level::Medium, false,
     "Nothing came from an input that should not be silent",
     "Check that its sender runs and that the paths or addresses are right."},
    {"picket_inputs_apart", "PicketInputsApart", nullptr, Level::Medium, true,
     "Inputs are too far apart in event time: events were judged out of order, so patterns over "
     "several inputs may be missed",
     "Look for the input that is far behind, or raise state.pending_max."},
    {"picket_input_failing", "PicketInputFailing", "source", Level::Medium, false,
     "An input cannot be read or cannot write its spool", "Mend what the description names."},
    {"picket_state_failing", "PicketStateFailing", nullptr, Level::High, false,
     "The state file cannot be written: after a crash lines would be read again",
     "Make room on the disk of the state folder, or mend what the description names."},
    {"picket_dead_letters_dropped", "PicketDeadLettersDropped", nullptr, Level::Medium, true,
     "Lines that are no events were counted, but their text was not kept",
     "Make room on the disk of the dead letter file, or raise dead_letter.max_bytes."},
    {"picket_output_failing", "PicketOutputFailing", "receiver", Level::Medium, false,
     "Alerts do not reach an output", "Mend what the description names; alerts wait meanwhile."},
}};

const Description& description_of(SelfProblem problem) {
  return kDescriptions[static_cast<size_t>(problem)];
}

// Restored alerts say by their label which problem they are.
std::optional<SelfProblem> problem_of(const Alert& alert) {
  for (size_t i = 0; i < kProblems; ++i) {
    if (alert.rule.id == kDescriptions[i].id) return static_cast<SelfProblem>(i);
  }
  return std::nullopt;
}

std::string label_of(const Alert& alert, const char* name) {
  for (const auto& [key, value] : alert.labels) {
    if (name != nullptr && key == name) return value;
  }
  return {};
}

void set(std::vector<std::pair<std::string, std::string>>& pairs, std::string_view name,
         std::string value) {
  const auto found = std::ranges::find(pairs, name, [](const auto& pair) { return pair.first; });
  if (found != pairs.end()) {
    found->second = std::move(value);
  } else {
    pairs.emplace_back(name, std::move(value));
  }
}

int64_t whole_seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

DecodeStats decoded_of(const Snapshot& snapshot, const std::string& name) {
  for (const SourceStats& source : snapshot.engine.sources) {
    if (source.name == name) return source.decode;
  }
  return {};
}

}  // namespace

void SelfWatch::take_over(SelfWatch former) {
  std::swap(former.options_, options_);
  *this = std::move(former);
}

void SelfWatch::restore(std::vector<Alert> open) {
  for (Alert& alert : open) {
    const std::optional<SelfProblem> problem = problem_of(alert);
    if (!problem) continue;
    Watched& watched = watched_[{*problem, label_of(alert, description_of(*problem).label)}];
    if (watched.alert) continue;
    watched.wrong_since = alert.starts_at;
    watched.events = alert.events;
    watched.alert = std::move(alert);
    watched.last_wrong = Timestamp::min();
  }
}

std::vector<AlertEvent> SelfWatch::look(const Snapshot& snapshot) {
  const Timestamp now = snapshot.published;
  std::vector<Finding> findings;
  find(snapshot, findings);
  Events events;
  for (auto& [key, watched] : watched_) {
    watched.seen = false;
    // Restored ones were wrong until now, for all we know.
    if (watched.last_wrong == Timestamp::min()) watched.last_wrong = now;
  }
  for (const Finding& finding : findings) judge(finding, now, events);
  for (const auto& [key, watched] : watched_) {
    if (!watched.seen) well(key, now, events);
  }
  std::erase_if(watched_, [](const auto& entry) { return !entry.second.wrong_since; });
  return events;
}

std::vector<Alert> SelfWatch::open() const {
  std::vector<Alert> alerts;
  for (const auto& [key, watched] : watched_) {
    if (watched.alert) alerts.push_back(*watched.alert);
  }
  return alerts;
}

std::optional<Timestamp> SelfWatch::unread_since(const std::string& source) const {
  const auto found = progress_.find(source);
  return found == progress_.end() ? std::nullopt : found->second.lag.since();
}

void SelfWatch::find(const Snapshot& snapshot, std::vector<Finding>& findings) {
  for (const SourceSnapshot& source : snapshot.sources) find_in_source(source, snapshot, findings);
  const std::string& state = snapshot.checkpoints.last_error;
  findings.push_back(
      {.problem = SelfProblem::StateFailing, .wrong = !state.empty(), .detail = state});
  const uint64_t early = risen({SelfProblem::InputsApart, ""}, snapshot.engine.hits_released_early);
  findings.push_back({.problem = SelfProblem::InputsApart,
                      .wrong = early > 0,
                      .events = early,
                      .detail = "too many hits waited for events of an input that is behind"});
  const DeadLetterFileStats& dead = snapshot.dead_letter_file;
  const uint64_t lost = risen({SelfProblem::DeadLettersDropped, ""}, dead.kept ? dead.dropped : 0);
  findings.push_back({.problem = SelfProblem::DeadLettersDropped,
                      .wrong = lost > 0,
                      .events = lost,
                      .detail = dead.last_error});
  for (const OutputStats& output : snapshot.outputs) {
    findings.push_back({.problem = SelfProblem::OutputFailing,
                        .subject = output.name,
                        .wrong = !output.last_error.empty(),
                        .detail = output.last_error});
  }
}

void SelfWatch::find_in_source(const SourceSnapshot& source, const Snapshot& snapshot,
                               std::vector<Finding>& findings) {
  const Timestamp now = snapshot.published;
  const uint64_t dropped = risen({SelfProblem::BlindSpot, source.name},
                                 source.lines.dropped[static_cast<size_t>(LineDrop::Overload)]);
  findings.push_back({.problem = SelfProblem::BlindSpot,
                      .subject = source.name,
                      .wrong = dropped > 0,
                      .events = dropped,
                      .detail = "the pipeline was full and the input sheds"});
  const uint64_t gaps = risen({SelfProblem::InputGap, source.name}, source.input.gaps);
  findings.push_back({.problem = SelfProblem::InputGap,
                      .subject = source.name,
                      .wrong = gaps > 0,
                      .events = gaps,
                      .detail = "the place where reading was to go on is gone"});
  const int64_t imbalance = source.lines.imbalance(decoded_of(snapshot, source.name));
  findings.push_back({.problem = SelfProblem::LedgerUnbalanced,
                      .subject = source.name,
                      .wrong = imbalance != 0,
                      .detail = fmt::format("{} lines are missing", imbalance)});
  const std::string& error = source.input.last_error;
  findings.push_back({.problem = SelfProblem::InputFailing,
                      .subject = source.name,
                      .wrong = !error.empty(),
                      .detail = error});

  Progress& progress = progress_of(source, now);
  const uint64_t lag = source.input.lag_bytes_total;
  const Duration age = now - progress.lag.since().value_or(now);
  findings.push_back(
      {.problem = SelfProblem::InputBehind,
       .subject = source.name,
       .wrong = lag > options_.lag_bytes_max || age > options_.lag_age_max,
       .detail = fmt::format("{} bytes are unread, for {} s", lag, whole_seconds(age))});
  const auto bound = options_.silent_after.find(source.name);
  if (bound == options_.silent_after.end()) return;
  const Duration quiet = now - progress.moved;
  findings.push_back({.problem = SelfProblem::InputSilent,
                      .subject = source.name,
                      .wrong = quiet >= bound->second,
                      .detail = fmt::format("nothing came for {} s", whole_seconds(quiet))});
}

SelfWatch::Progress& SelfWatch::progress_of(const SourceSnapshot& source, Timestamp now) {
  const InputStats& input = source.input;
  auto [found, first] =
      progress_.try_emplace(source.name, Progress{LagAge(options_.lag_age_max / kAgeSteps)});
  Progress& progress = found->second;
  if (first) {
    // One that was silent before a restart goes on being so until something comes.
    const auto bound = options_.silent_after.find(source.name);
    const bool silent =
        bound != options_.silent_after.end() && is_open({SelfProblem::InputSilent, source.name});
    progress.moved = silent ? now - bound->second : now;
  }
  if (progress.bytes != input.bytes_read) progress.moved = now;
  // The wall clock was set back.
  progress.moved = std::min(progress.moved, now);
  progress.bytes = input.bytes_read;
  progress.lag.sample(now, input.bytes_read, input.lag_bytes_total);
  return progress;
}

// By how much a counter has risen. One that fell has started anew.
uint64_t SelfWatch::risen(const Key& key, uint64_t count) {
  uint64_t& before = counted_[key];
  const uint64_t rise = count >= before ? count - before : count;
  before = count;
  return rise;
}

bool SelfWatch::is_open(const Key& key) const {
  const auto found = watched_.find(key);
  return found != watched_.end() && found->second.alert;
}

void SelfWatch::judge(const Finding& finding, Timestamp now, Events& events) {
  if (finding.wrong) {
    still_wrong(finding, now, events);
  } else {
    well({finding.problem, finding.subject}, now, events);
  }
}

void SelfWatch::still_wrong(const Finding& finding, Timestamp now, Events& events) {
  Watched& watched = watched_[{finding.problem, finding.subject}];
  watched.seen = true;
  // The earlier of the two, because the wall clock may be set back.
  watched.wrong_since = std::min(watched.wrong_since.value_or(now), now);
  watched.last_wrong = now;
  watched.events += finding.events;
  const bool at_once = description_of(finding.problem).at_once;
  const bool opens = !watched.alert && (at_once || now - *watched.wrong_since >= options_.patience);
  if (opens) watched.alert = make_alert(finding, now);
  if (!watched.alert) return;
  Alert& alert = *watched.alert;
  alert.updated_at = now;
  alert.events = watched.events;
  set(alert.annotations, "description", finding.detail);
  if (!opens && now - watched.told < kTellAgain && now >= watched.told) return;
  watched.told = now;
  events.push_back({opens ? AlertChange::Opened : AlertChange::Updated, alert});
}

void SelfWatch::well(const Key& key, Timestamp now, Events& events) {
  const auto found = watched_.find(key);
  if (found == watched_.end()) return;
  Watched& watched = found->second;
  watched.seen = true;
  watched.last_wrong = std::min(watched.last_wrong, now);
  if (watched.alert) {
    if (now - watched.last_wrong < options_.resolve_after) return;
    watched.alert->status = AlertStatus::Resolved;
    watched.alert->ends_at = now;
    events.push_back({AlertChange::Resolved, *std::move(watched.alert)});
  }
  watched = {.seen = true};
}

Alert SelfWatch::make_alert(const Finding& finding, Timestamp now) const {
  const Description& about = description_of(finding.problem);
  Alert alert;
  alert.rule = {about.id, about.id, about.summary};
  alert.severity = about.severity;
  alert.labels = {{"alertname", about.alertname},
                  {"severity", std::string(to_text(about.severity))}};
  if (about.label != nullptr) {
    alert.labels.emplace_back(about.label, clean_label_value(finding.subject, kLabelBytesMax));
  }
  std::ranges::sort(alert.labels);
  alert.starts_at = now;
  const std::string identity =
      fmt::format("{}\n{}\n{}", about.id, finding.subject, to_ms(alert.starts_at));
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  alert.id = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  alert.annotations = {{"summary", about.summary},
                       {"description", ""},
                       {"remediation", about.remediation},
                       {"runbook_url", options_.runbook_base + "picket_itself.md"}};
  return alert;
}

}  // namespace picket
