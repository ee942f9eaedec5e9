#include "rules/engine.h"

#include <algorithm>
#include <utility>

#include "rules/match_event.h"

namespace picket {

Engine::Engine(std::shared_ptr<const RuleSet> rules, std::vector<std::string> sources,
               EngineOptions options)
    : rules_(std::move(rules)),
      options_(std::move(options)),
      groups_(options_.memory_max, options_.track_changes) {
  for (std::string& name : sources) stats_.sources.push_back({.name = std::move(name)});
  for (const RuleInfo& rule : rules_->rules()) {
    stats_.rules.push_back(
        {.id = rule.head->id, .title = rule.head->title, .shadow = rule.head->picket.shadow});
  }
  for (size_t i = 0; i < rules_->correlations().size(); ++i) {
    RuleId rule = rules_->correlations()[i].rule;
    by_fingerprint_.emplace(rules_->rules()[rule].fingerprint, static_cast<uint32_t>(i));
  }
}

Engine::~Engine() = default;

StreamId Engine::add_stream(SourceId source, std::optional<Duration> lateness, uint64_t identity) {
  const auto saved = std::ranges::find_if(saved_streams_, [&](const auto& entry) {
    const auto& [name, stream] = entry;
    return !stream.ended && stream.identity == identity && name == stats_.sources[source].name;
  });
  StreamState stream;
  if (saved != saved_streams_.end()) {
    stream = saved->second;
    saved_streams_.erase(saved);
  } else {
    stream.identity = identity;
    stream.place = pending_.next_place++;
  }
  stream.source = source;
  if (lateness) stream.lateness = lateness;
  streams_.push_back(stream);
  return static_cast<StreamId>(streams_.size() - 1);
}

void Engine::add_ended_stream(SourceId source) {
  streams_.push_back({.source = source, .place = pending_.next_place++, .ended = true});
}

void Engine::process(const HitBatch& batch, Timestamp now, std::vector<AlertEvent>& out) {
  time_.wall = now;
  StreamId id = batch.source.stream;
  streams_[id].last_arrival = now;
  count(batch);
  std::optional<Duration>& lateness = streams_[id].lateness;
  if (!lateness && batch.first_schema >= 0) {
    lateness = rules_->plans().schemas[static_cast<size_t>(batch.first_schema)].lateness;
  }
  StreamState& stream = streams_[id];
  for (const Hit& hit : batch.hits) take_hit(stream, batch, hit, out);
  stream.newest = std::max(stream.newest, batch.newest);
  SourceStats& source = stats_.sources[stream.source];
  if (batch.newest != Timestamp::min()) {
    source.newest_event = std::max(source.newest_event, batch.newest);
  }
  if (batch.source.kind == BatchKind::EndOfStream) stream.ended = true;
  release(/*all=*/false, out);
}

void Engine::take_hit(StreamState& stream, const HitBatch& batch, const Hit& hit,
                      std::vector<AlertEvent>& out) {
  Duration lateness = stream.lateness.value_or(Duration(0));
  Timestamp before = std::max(stream.newest, hit.newest_before);
  Timestamp key = hit.time;
  if (before != Timestamp::min() && key < before - lateness) {
    key = before - lateness;
    ++stats_.sources[stream.source].late_events;
  }
  if (hit.background != 0 && pending_.repeats.repeats(hit.background, key, stream.place)) return;
  std::string_view record(batch.records.data() + hit.first, hit.size);
  uint64_t order = stream.order++;
  bool alone = streams_.size() == 1 && pending_.hits.empty();
  if (alone && key <= std::max(before, hit.time) - lateness) {
    apply(key, hit.time, record, out);
    return;
  }
  pending_.passing.key = key;
  pending_.passing.time = hit.time;
  pending_.passing.place = stream.place;
  pending_.passing.order = order;
  pending_.passing.record.assign(record);
  pending_.hits.push(pending_.passing);
}

void Engine::count(const HitBatch& batch) {
  SourceStats& source = stats_.sources[streams_[batch.source.stream].source];
  source.decode.add(batch.stats);
  for (const auto& [rule, matches] : batch.matches) stats_.rules[rule].matches += matches;
  for (const RuleCost& cost : batch.costs) {
    RuleStats& rule = stats_.rules[cost.rule];
    rule.evaluations += cost.evaluations;
    rule.samples += cost.samples;
    rule.sampled_ns += cost.sampled_ns;
  }
  for (const UnknownText& text : batch.unknown_texts) add_unknown_text(stats_.unknown_texts, text);
  for (const RefusalCount& refusal : batch.refusals) {
    RefusalKey key{source.name, refusal.code, refusal.cause};
    auto it = stats_.refusals.find(key);
    if (it == stats_.refusals.end()) {
      if (stats_.refusals.size() >= kRefusalSeriesMax) {
        stats_.refusal_series_overflow += refusal.count;
        key.code = "other";
      }
      it = stats_.refusals.try_emplace(std::move(key)).first;
    }
    it->second += refusal.count;
  }
}

std::pair<Timestamp, bool> Engine::watermark() {
  Timestamp lowest = Timestamp::max();
  Timestamp highest = Timestamp::min();
  size_t counting = 0;
  const auto look = [&](StreamState& stream) {
    // Restored and silent since: idle from now on.
    if (stream.last_arrival == Timestamp::min()) stream.last_arrival = time_.wall;
    Timestamp mark = stream.watermark();
    Duration idle = time_.wall - stream.last_arrival;
    if (options_.live && idle > Duration(0)) mark += idle;
    if (stream.ended && !options_.live) mark = stream.newest;
    highest = std::max(highest, mark);
    if (stream.ended || (options_.live && idle >= options_.idle_timeout)) return;
    ++counting;
    lowest = std::min(lowest, mark);
  };
  for (StreamState& stream : streams_) {
    if (stream.started()) {
      look(stream);
    } else if (!options_.live && !stream.ended) {
      return {Timestamp::min(), false};
    }
  }
  // What waits for time to pass may have come from a stream that is no more: nobody else may know
  // how far it had come.
  for (auto& [source, stream] : saved_streams_) {
    if (options_.live && stream.started()) look(stream);
  }
  if (counting > 0) return {lowest, counting == 1};
  return {highest, true};
}

void Engine::release(bool all, std::vector<AlertEvent>& out) {
  auto [mark, single] = watermark();
  time_.mark = std::max(time_.mark, mark);
  while (!pending_.hits.empty()) {
    const Timestamp key = pending_.hits.first_key();
    const bool due = all || key < time_.mark || (key == time_.mark && single);
    if (!due && !too_many_wait()) break;
    if (!due) {
      ++stats_.hits_released_early;
      time_.mark = key;
    }
    pending_.hits.pop(pending_.passing);
    apply(pending_.passing.key, pending_.passing.time, pending_.passing.record, out);
  }
  // A moment is past once something later was seen: then as now, live or replayed.
  run_timers(time_.mark, out);
  resolve_due(time_.mark, out);
  cooling_.forget_before(time_.mark);
}

// A stream that lies far behind in event time holds back what all others have.
bool Engine::too_many_wait() const {
  return pending_.hits.bytes() > options_.pending_max ||
         pending_.hits.size() >= ReorderBuffer::kSlotsMax;
}

void Engine::advance(Timestamp now, std::vector<AlertEvent>& out) {
  time_.wall = now;
  release(/*all=*/false, out);
  if (time_.mark != Timestamp::min()) expire_groups(time_.mark);
}

void Engine::expire_groups(Timestamp now) {
  groups_.expire(
      now, [this](const Group& group) { return rules_->correlations()[group.correlation].memory; },
      [](const Group& group) {
        const TimedState* timed = group.state->timed();
        return timed != nullptr && timed->entry();
      });
}

void Engine::finish(std::vector<AlertEvent>& out) {
  for (StreamState& stream : streams_) stream.ended = true;
  release(/*all=*/true, out);
}

void Engine::apply(Timestamp key, Timestamp time, std::string_view record,
                   std::vector<AlertEvent>& out) {
  run_timers(key, out);
  resolve_due(key, out);
  // Here and not at the end of a batch: who is still in memory must not depend on how lines were
  // cut.
  expire_groups(key);
  if (!hand_.view.parse(record, rules_->captures().size())) return;
  hand_.time = time;
  hand_.key = key;
  feed_event(out);
  feed_matches(out);
  end_least_alerts(out);
}

const EngineStats& Engine::stats() {
  stats_.groups = groups_.stats();
  // Added up when somebody asks, which is far less often than a group changes.
  for (RuleStats& rule : stats_.rules) rule.state_bytes = 0;
  groups_.for_each([this](const Group& group) {
    const RuleId rule = rules_->correlations()[group.correlation].rule;
    stats_.rules[rule].state_bytes += group.charged;
  });
  stats_.hits_pending = pending_.hits.size();
  stats_.hits_pending_bytes = pending_.hits.bytes();
  stats_.watermark = time_.mark;
  return stats_;
}

}  // namespace picket
