// From hits, matches and moments to judgements: which groups they go to, and what those say. See
// engine.h.
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "rules/engine.h"
#include "rules/group_values.h"
#include "rules/match_event.h"

namespace picket {
namespace {

// Numbers beyond this are not taken for numbers: sums of them would leave what a double can hold.
constexpr double kNumberMax = 1e300;

std::optional<double> to_number(std::string_view text) {
  double number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || end != last || !(std::abs(number) <= kNumberMax)) return std::nullopt;
  return number;
}

// The background counts from the beginning of its quantum on.
void begin_hit(const Feed& feed, Timestamp time, FeedHit& hit) {
  hit.feed = &feed;
  hit.background = feed.quantum > Duration(0);
  const int64_t quantum = feed.quantum.count();
  if (hit.background) time = timestamp_ms(floor_div(to_ms(time), quantum) * quantum);
  hit.values.clear();
  hit.hit = {.time = time, .roles = feed.roles};
}

// An event that matches two of the rules is one hit with two roles.
void join(FeedHit& known, FeedHit& hit, Timestamp time) {
  known.hit.roles |= hit.hit.roles;
  if (!hit.background || !known.background) {
    known.background = false;
    known.hit.time = time;
  }
  if (known.hit.has_value || !hit.hit.has_value) return;
  hit.hit.roles = known.hit.roles;
  hit.hit.time = known.hit.time;
  known.hit = hit.hit;
}

}  // namespace

void Engine::feed_event(std::vector<AlertEvent>& out) {
  hand_.event = true;
  hand_.match = nullptr;
  size_t count = 0;  // of hand_.hits, which keep their memory
  for (RuleId rule : hand_.view.rules()) {
    if (rule >= rules_->feed_ids()) continue;
    for (const Feed& to : rules_->feeds(rule)) {
      if (count == hand_.hits.size()) hand_.hits.emplace_back();
      FeedHit& hit = hand_.hits[count];
      begin_hit(to, hand_.time, hit);
      if (!fill_group(to, hit)) continue;
      fill_values(to, hit);
      const auto end = hand_.hits.begin() + static_cast<ptrdiff_t>(count);
      auto known = std::find_if(hand_.hits.begin(), end, [&](const FeedHit& other) {
        return other.feed->correlation == to.correlation && other.group == hit.group;
      });
      if (known == end) {
        ++count;
      } else {
        join(*known, hit, hand_.time);
      }
    }
  }
  for (size_t i = 0; i < count; ++i) feed(hand_.hits[i], out);
}

// Matches are taken one after the other: each may lead to more, which come after those that wait.
void Engine::feed_matches(std::vector<AlertEvent>& out) {
  hand_.event = false;
  while (!hand_.opened.empty()) {
    Match match = std::move(hand_.opened.front());
    hand_.opened.pop_front();
    hand_.match = &match;
    hand_.time = match.time;
    hand_.key = match.key;
    for (const Feed& to : rules_->feeds(match.rule)) feed_match(match, to, out);
    const auto& guarded = rules_->guarded_feeds(match.rule);
    if (!guarded.empty()) {
      if (!hand_.match_event) hand_.match_event = std::make_unique<MatchEvent>(*rules_);
      const auto program = static_cast<size_t>(rules_->rules()[match.rule].correlation);
      hand_.match_event->set(rules_->correlations()[program], split_group_values(match.values),
                             match.time);
    }
    for (const GuardedFeed& to : guarded) {
      if (!hand_.match_event->passes(to.guard)) continue;
      for (const Feed& feed : rules_->feeds(to.feed)) feed_match(match, feed, out);
    }
    hand_.match = nullptr;
  }
}

void Engine::feed_match(const Match& match, const Feed& to, std::vector<AlertEvent>& out) {
  FeedHit hit;
  begin_hit(to, match.time, hit);
  if (!fill_group(to, hit)) return;
  fill_values(to, hit);
  feed(hit, out);
}

void Engine::feed(const FeedHit& to, std::vector<AlertEvent>& out) {
  const CorrelationProgram& program = rules_->correlations()[to.feed->correlation];
  RuleStats& stats = stats_.rules[program.rule];
  // What is missing in the background is not counted: repeats of it are not seen.
  if (program.needs_value && !to.hit.has_value && !program.takes_valueless) {
    stats.value_missing += to.background ? 0 : 1;
    return;
  }
  if (program.needs_numbers && !to.hit.number) {
    stats.not_numeric += to.background ? 0 : 1;
    return;
  }
  if ((to.hit.roles & program.first_roles) == 0) {
    const Group* known = groups_.find(to.group);
    if (known == nullptr || can_expire(*known, hand_.key)) return;
  }
  Group* group = groups_.find_or_add(to.group, [&] { return program.correlator->make_state(); });
  group->dossier.prefetch();
  group->correlation = to.feed->correlation;
  // A group that could have expired counts as expired, whether it still is in memory or not.
  if (can_expire(*group, hand_.key)) {
    group->state = program.correlator->make_state();
    group->dossier = {};
    group->place.unseen = 0;
  }
  group->last = std::max(group->last, to.hit.time);
  TimedState* timed = group->state->timed();
  GroupState& state = timed != nullptr ? timed->inner() : *group->state;
  Judgement judgement = program.correlator->process(state, to.hit);
  stats.forgotten += judgement.forgotten;
  if (to.background) {
    groups_.touch(*group, judgement.progress, group->dossier.events());
    return;
  }
  if (rules_->rules()[program.rule].kind == RuleKind::Correlation) ++stats.matches;
  auto keep = static_cast<size_t>(std::max(0, head(program).picket.evidence));
  if (hand_.match == nullptr) {
    group->dossier.add(evidence(), keep);
  } else {
    group->dossier.add_match(hand_.match->evidence, keep);
  }
  hand_.values = to.values;
  set_wake(*group, judgement, Timestamp::min());
  // Whoever cannot alert must not keep others from it.
  const double progress = judge(*group, judgement, out) ? judgement.progress : 0;
  groups_.touch(*group, progress, group->dossier.events());
}

bool Engine::can_expire(const Group& group, Timestamp now) const {
  if (group.firing || group.last == Timestamp{}) return false;
  if (group.last + rules_->correlations()[group.correlation].memory >= now) return false;
  const TimedState* timed = group.state->timed();
  return timed == nullptr || !timed->entry();
}

// The values of the counted fields. False: one of them is not there.
bool Engine::fill_values(const Feed& feed, FeedHit& to) const {
  if (feed.value.empty()) return false;
  std::vector<std::string> carried;
  if (hand_.match != nullptr) carried = split_group_values(hand_.match->values);
  const bool numbers = rules_->correlations()[feed.correlation].needs_numbers;
  XXH64_hash_t hash = 0;
  bool first = true;
  for (uint16_t place : feed.value) {
    bool there = hand_.match != nullptr ? place < carried.size()
                                        : place != kNoCapture && hand_.view.has(place);
    if (!there) return false;
    std::string_view value = hand_.match != nullptr ? carried[place] : hand_.view.value(place);
    if (first && numbers) to.hit.number = to_number(value);
    first = false;
    hash = XXH3_64bits_withSeed(value.data(), value.size(), hash + 1);
  }
  to.hit.value_hash = hash;
  to.hit.has_value = true;
  return true;
}

// The group that the hit at hand belongs to. False: a value is missing, and that is counted.
bool Engine::fill_group(const Feed& feed, FeedHit& to) {
  const CorrelationProgram& program = rules_->correlations()[feed.correlation];
  // A detection that alerts by itself does so whether or not its schema knows who did it.
  const bool single = rules_->rules()[program.rule].kind != RuleKind::Correlation;
  const bool empty_allowed = single || head(program).picket.group_missing_empty;
  std::vector<std::string> carried;
  if (hand_.match != nullptr) carried = split_group_values(hand_.match->values);
  for (uint16_t place : feed.group) {
    bool there = hand_.match != nullptr ? place < carried.size() : hand_.view.has(place);
    if (!there && !empty_allowed) {
      stats_.rules[program.rule].group_missing += to.background ? 0 : 1;
      return false;
    }
    std::string_view value;
    if (there) value = hand_.match != nullptr ? carried[place] : hand_.view.value(place);
    put_group_value(to.values, value);
  }
  XXH128_hash_t hash = XXH3_128bits(to.values.data(), to.values.size());
  to.group = {rules_->rules()[program.rule].fingerprint, hash.high64, hash.low64};
  return true;
}

void Engine::set_wake(Group& group, const Judgement& judgement, Timestamp earliest) {
  TimedState* timed = group.state->timed();
  if (!judgement.wake) {
    if (timed != nullptr) timed->clear();
    return;
  }
  if (timed == nullptr) {
    auto wrapped = std::make_unique<TimedState>(std::move(group.state), time_.timers, hand_.values);
    timed = wrapped.get();
    group.state = std::move(wrapped);
  }
  timed->set({std::max(*judgement.wake, earliest), group.correlation, group.key});
}

void Engine::run_timers(Timestamp end, std::vector<AlertEvent>& out) {
  while (!time_.timers.empty() && time_.timers.first().wake < end) {
    const Timers::Entry entry = time_.timers.first();
    resolve_due(entry.wake, out);
    fire(entry, out);
    feed_matches(out);
    end_least_alerts(out);
  }
}

void Engine::fire(const Timers::Entry& entry, std::vector<AlertEvent>& out) {
  Group& group = *groups_.find(entry.group);  // its state entered the timer, so it is there
  TimedState& timed = *group.state->timed();
  const CorrelationProgram& program = rules_->correlations()[entry.correlation];
  hand_.event = false;
  hand_.match = nullptr;
  hand_.time = entry.wake;
  hand_.key = entry.wake;
  hand_.values = timed.values();
  Judgement judgement = program.correlator->on_time(timed.inner(), entry.wake);
  stats_.rules[program.rule].forgotten += judgement.forgotten;
  set_wake(group, judgement, entry.wake + Duration(1));
  const double progress = judge(group, judgement, out) ? judgement.progress : 0;
  groups_.touch(group, progress, group.dossier.events());
}

EvidenceView Engine::evidence() const {
  auto text = [this](uint16_t capture) { return hand_.view.value(capture); };
  auto either = [&](uint16_t first, uint16_t second) {
    return hand_.view.has(first) ? text(first) : text(second);
  };
  return {.time = hand_.time,
          .texts = {text(EvidenceCapture::kRequestId),
                    either(EvidenceCapture::kMethod, EvidenceCapture::kRpcMethod),
                    either(EvidenceCapture::kPath, EvidenceCapture::kRpcService),
                    text(EvidenceCapture::kStatus), text(EvidenceCapture::kCode),
                    text(EvidenceCapture::kCause), text(EvidenceCapture::kTarget)}};
}

}  // namespace picket
