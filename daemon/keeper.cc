#include "daemon/keeper.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/failpoint.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "rules/alert_codec.h"
#include "rules/engine.h"

namespace picket {
namespace {

constexpr size_t kResolvedKept = 200;
constexpr Duration kPublishEvery{200};
constexpr Duration kStatusEvery{5000};
constexpr std::string_view kMetaKey = "engine";
// Alerts go out once they are committed, which is done at once unless that was only just done.
constexpr Duration kAlertCommitEvery{20};

std::vector<std::string> names_of(const std::vector<std::unique_ptr<Delivery>>& deliveries) {
  std::vector<std::string> names;
  for (const auto& delivery : deliveries) names.push_back(delivery->stats().name);
  return names;
}

std::vector<uint64_t> acked_by(const std::vector<std::unique_ptr<Delivery>>& deliveries) {
  std::vector<uint64_t> numbers;
  for (const auto& delivery : deliveries) numbers.push_back(delivery->acked());
  return numbers;
}

// Beside the state file: an input whose spool cannot be written turns its senders away, and a dead
// letter file that cannot be written loses what the lines were.
void add_health(Snapshot& snapshot) {
  std::string reason;
  for (const SourceSnapshot& source : snapshot.sources) {
    const bool failing = source.input.push && source.input.push->spool_failing;
    if (!failing || !reason.empty()) continue;
    reason =
        fmt::format("input '{}' cannot write its spool: {}", source.name, source.input.last_error);
  }
  const std::string& dead = snapshot.dead_letter_file.last_error;
  if (reason.empty() && !dead.empty()) {
    reason = "the dead letter file cannot be written: " + dead;
  }
  if (reason.empty() || !snapshot.health.healthy) return;
  snapshot.health.healthy = false;
  snapshot.health.unhealthy_reason = std::move(reason);
}

}  // namespace

std::string checkpoint_key(std::string_view source, std::string_view key) {
  return fmt::format("{}\n{}", source, key);
}

bool split_checkpoint_key(std::string_view stored, std::string& source, std::string& key) {
  size_t split = stored.find('\n');
  if (split == stored.npos) return false;
  source.assign(stored.substr(0, split));
  key.assign(stored.substr(split + 1));
  return true;
}

Keeper::Keeper(KeeperOptions options, KeeperParts parts)
    : options_(std::move(options)),
      parts_(parts),
      outbox_(names_of(parts.deliveries)),
      self_watch_(options_.watch),
      process_{parts.clock.now(), {}, {}},
      inputs_(options_.source_names.size()) {
  checkpoints_.notice = parts_.store.notice();
}

void Keeper::input_stats(size_t source, InputStats stats) {
  MutexLock lock(mutex_);
  inputs_[source] = std::move(stats);
}

void Keeper::set_ready(bool ready, std::string reason) {
  MutexLock lock(mutex_);
  health_.ready = ready;
  health_.not_ready_reason = std::move(reason);
}

void Keeper::on_batch(const StreamInfo& stream, const HitBatch& batch, uint64_t first_line) {
  (void)first_line;  // dead letters are found again by their offset
  const std::string& source = options_.source_names[stream.source];
  const std::string_view text = batch.source.bytes.view();
  uint64_t offset = batch.source.offset;
  size_t passed = 0;  // of `text`, up to `offset`; dead letters are in the order of their lines
  for (const DeadLetter& dead : batch.dead) {
    offset += stored_size(batch.source, text.substr(passed, dead.first - passed));
    passed = dead.first;
    parts_.dead_letters.write({.time = batch.source.arrival,
                               .source = source,
                               .file = stream.file,
                               .offset = offset,
                               .reason = dead.reason,
                               .line = text.substr(dead.first, dead.size)});
  }
  const Checkpoint& checkpoint = batch.source.checkpoint;
  if (checkpoint.key.empty()) return;
  StateKey key{StateKind::Checkpoint, checkpoint_key(source, checkpoint.key)};
  changes_[key] = {key.first, key.second, checkpoint.value, checkpoint.value.empty()};
}

void Keeper::on_alerts(std::vector<AlertEvent> alerts) {
  for (const AlertEvent& event : alerts) {
    if (event.change != AlertChange::Resolved) continue;
    resolved_.push_back(event.alert);
    if (resolved_.size() > kResolvedKept) resolved_.pop_front();
  }
  outbox_.add(std::move(alerts));
}

void Keeper::take_over(KeeperLegacy legacy) {
  changes_.merge(legacy.changes);
  resolved_ = std::move(legacy.resolved);
  checkpoints_ = std::move(legacy.checkpoints);
  self_watch_.take_over(std::move(legacy.self_watch));
  process_ = {legacy.started, std::move(legacy.counted), std::move(legacy.lines)};
  MutexLock lock(mutex_);
  committed_ = std::move(legacy.committed);
  health_ = std::move(legacy.health);
}

KeeperLegacy Keeper::leave() {
  const std::shared_ptr<const Snapshot> last = parts_.published.latest();
  std::map<std::string, LedgerCounts> lines;
  for (const SourceSnapshot& source : last->sources) lines.emplace(source.name, source.lines);
  MutexLock lock(mutex_);
  return {.changes = std::move(changes_),
          .committed = std::move(committed_),
          .resolved = std::move(resolved_),
          .checkpoints = std::move(checkpoints_),
          .health = std::move(health_),
          .self_watch = std::move(self_watch_),
          .counted = last->engine,
          .lines = std::move(lines),
          .started = process_.started};
}

void Keeper::restore_outbox(const std::vector<StateChange>& rows,
                            const std::set<std::string>& resumed) {
  std::vector<std::vector<Outgoing>> again = outbox_.restore(rows);
  for (size_t i = 0; i < again.size(); ++i) {
    Delivery& delivery = *parts_.deliveries[i];
    if (!resumed.contains(delivery.stats().name)) delivery.push(std::move(again[i]));
  }
  restore_self_alerts();
}

void Keeper::erase(StateKind kind, std::string key) {
  changes_[{kind, key}] = {kind, key, {}, true};
}

// Receivers that must hear of a firing alert again and again learn of those that fired before.
void Keeper::restore_self_alerts() {
  std::vector<Alert> open;
  for (const StateChange& row : parts_.store.load(StateKind::SelfAlert)) {
    // What could not be committed before a reload is newer.
    if (changes_.contains({StateKind::SelfAlert, row.key})) continue;
    if (auto event = decode_event(row.value)) open.push_back(std::move(event->alert));
  }
  self_watch_.restore(std::move(open));
  std::vector<AlertEvent> events;
  for (Alert& alert : self_watch_.open()) {
    events.push_back({AlertChange::Updated, std::move(alert)});
  }
  if (!events.empty()) on_alerts(std::move(events));
}

void Keeper::watch_itself(Snapshot& snapshot) {
  std::vector<AlertEvent> events = self_watch_.look(snapshot);
  for (const AlertEvent& event : events) {
    const bool ends = event.change == AlertChange::Resolved;
    const StateKey key{StateKind::SelfAlert, event.alert.id};
    changes_[key] = {key.first, key.second, ends ? "" : encode_event(event), ends};
  }
  for (SourceSnapshot& source : snapshot.sources) {
    source.unread_since = self_watch_.unread_since(source.name);
  }
  if (!events.empty()) on_alerts(std::move(events));
}

// Also when the commit failed: an alert that goes out twice after a crash is better than one that
// waits for a disk.
void Keeper::send() {
  if (!outbox_.waiting()) return;
  const std::vector<Outgoing> events = outbox_.take();
  for (auto& delivery : parts_.deliveries) delivery->push(events);
}

void Keeper::settle() {
  std::vector<StateChange> rows;
  outbox_.collect(acked_by(parts_.deliveries), rows);
  if (rows.empty() || !parts_.store.commit(rows)) return;
  for (StateChange& row : rows) changes_[{row.kind, row.key}] = std::move(row);
}

void Keeper::on_tick(Engine& engine, Timestamp now) {
  notify_watchdog();
  parts_.dead_letters.flush();
  const Duration every = outbox_.waiting() ? std::min(kAlertCommitEvery, options_.commit_interval)
                                           : options_.commit_interval;
  if (now - last_.commit >= every || now < last_.commit) {
    commit(engine, now);
    send();
  }
  if (now - last_.publish < kPublishEvery && now >= last_.publish) return;
  last_.publish = now;
  publish(engine, now);
  if (now - last_.status < kStatusEvery && now >= last_.status) return;
  last_.status = now;
  uint64_t lines = 0;
  uint64_t refusals = 0;
  for (const SourceStats& source : engine.stats().sources) {
    lines += source.decode.lines;
    refusals += source.decode.refusals;
  }
  notify_status(fmt::format("{} lines, {} refusals, {} alerts firing", lines, refusals,
                            engine.active_alerts().size()));
}

void Keeper::on_end(Engine& engine, Timestamp now) {
  parts_.dead_letters.flush();
  publish(engine, now);  // the last look at itself may raise alerts, which must go out
  commit(engine, now);
  send();
  publish(engine, now);
}

void Keeper::collect(Engine& engine) {
  EngineChanges changes = engine.take_changes();
  auto add = [this](StateKind kind, EngineChanges::Row row) {
    StateKey key{kind, row.key};
    changes_[key] = {kind, std::move(row.key), std::move(row.value), row.erase};
  };
  for (auto& row : changes.groups) add(StateKind::Group, std::move(row));
  for (auto& row : changes.alerts) add(StateKind::Alert, std::move(row));
  for (auto& row : changes.hits) add(StateKind::Hit, std::move(row));
  std::vector<StateChange> outgoing;
  outbox_.collect(acked_by(parts_.deliveries), outgoing);
  for (StateChange& row : outgoing) {
    StateKey key{row.kind, row.key};
    changes_[key] = std::move(row);
  }
  if (changes.meta == last_meta_) return;
  last_meta_ = changes.meta;
  add(StateKind::Meta, {std::string(kMetaKey), std::move(changes.meta), false});
}

bool Keeper::commit(Engine& engine, Timestamp now) {
  last_.commit = now;
  collect(engine);
  if (changes_.empty()) return true;
  std::vector<StateChange> rows;
  rows.reserve(changes_.size());
  for (const auto& [key, change] : changes_) rows.push_back(change);
  ++checkpoints_.writes;
  std::error_code error = parts_.store.commit(rows);
  MutexLock lock(mutex_);
  if (error) {
    ++checkpoints_.failures;
    if (checkpoints_.last_error.empty()) {
      log_error("the state file cannot be written: {}; trying on", error.message());
    }
    checkpoints_.last_error = error.message();
    health_.healthy = false;
    health_.unhealthy_reason = "the state file cannot be written: " + error.message();
    return false;
  }
  if (!checkpoints_.last_error.empty()) log_info("the state file can be written again");
  checkpoints_.last_error.clear();
  checkpoints_.last_commit = now;
  health_.healthy = true;
  health_.unhealthy_reason.clear();
  for (auto& [key, change] : changes_) {
    if (key.first == StateKind::Checkpoint) committed_[key.second] = std::move(change.value);
  }
  changes_.clear();
  return true;
}

std::vector<Keeper::Committed> Keeper::take_committed() {
  std::map<std::string, std::string> rows;
  {
    MutexLock lock(mutex_);
    rows.swap(committed_);
  }
  if (!rows.empty()) failpoint(Failpoint::CheckpointAnnounce);
  std::vector<Committed> taken;
  std::string source;
  for (const auto& [stored, value] : rows) {
    Committed row;
    if (!split_checkpoint_key(stored, source, row.checkpoint.key)) continue;
    const auto found = std::ranges::find(options_.source_names, source);
    if (found == options_.source_names.end()) continue;
    row.source = static_cast<size_t>(found - options_.source_names.begin());
    row.checkpoint.value = value;
    taken.push_back(std::move(row));
  }
  return taken;
}

Keeper::SourceSnapshots Keeper::source_snapshots() {
  std::vector<SourceSnapshot> sources;
  const std::vector<LedgerCounts> ledger = pipeline_->ledger();
  MutexLock lock(mutex_);
  for (size_t i = 0; i < options_.source_names.size(); ++i) {
    sources.push_back({.name = options_.source_names[i],
                       .type = options_.source_types[i],
                       .input = inputs_[i],
                       .lines = ledger[i]});
    const auto before = process_.lines.find(options_.source_names[i]);
    if (before != process_.lines.end()) sources.back().lines.count_on(before->second);
  }
  return sources;
}

void Keeper::publish(Engine& engine, Timestamp now) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->engine = engine.stats();
  snapshot->engine.count_on(process_.counted);
  snapshot->sources = source_snapshots();
  for (auto& delivery : parts_.deliveries) snapshot->outputs.push_back(delivery->stats());
  snapshot->dead_letter_file = parts_.dead_letters.stats();
  snapshot->checkpoints = checkpoints_;
  PipelineLoad load = pipeline_->load();
  snapshot->pipeline = {load.queue_length, load.queue_capacity, load.queue_bytes,
                        load.batches_in_flight, options_.workers};
  snapshot->build = options_.build;
  snapshot->started = process_.started;
  snapshot->published = now;
  {
    MutexLock lock(mutex_);
    snapshot->health = health_;
  }
  add_health(*snapshot);
  watch_itself(*snapshot);
  snapshot->alerts = engine.active_alerts();
  for (Alert& alert : self_watch_.open()) snapshot->alerts.push_back(std::move(alert));
  snapshot->alerts.insert(snapshot->alerts.end(), resolved_.begin(), resolved_.end());
  parts_.published.publish(std::move(snapshot));
}

}  // namespace picket
