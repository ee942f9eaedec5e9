// Sliding windows that keep their events, for conditions that constant memory cannot decide: sums,
// means and ranks, and everything that is judged at the end of a window.
//
// A WindowCorrelator<Measure> keeps (time, payload) of the newest `keep` events of a group and a
// Measure that follows what enters and leaves. Memory per group: 16 bytes per kept event, plus what
// the Measure takes; `keep` is at most kValuesMax for numbers and Bounds::kCountMax for counts.
// When more are in the window the oldest are forgotten, and counted where that can change an
// answer.
//
// A Measure has: Options; payload(hit); add(payload), remove(payload); value(options), nothing when
// an empty window has none; bytes(). Its value depends on what it holds and not on the order in
// which that came, so it need not be stored: reading a state back adds the payloads again.
//
// At the end of a window (Bounds satisfied by zero) events leave only by on_time(), which the
// engine calls at the first event's time + timespan and 1 ms after an event has left.
//
// Thread rule: as for Correlator. Tested by sliding_window_test.cc.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>

#include "rules/bounds.h"
#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {

constexpr size_t kValuesMax = 4096;

struct WindowSpec {
  Bounds bounds;
  Duration timespan{0};
  size_t keep = kValuesMax;
  bool at_end = false;          // judged at the end of windows
  bool numbers = false;         // hits without a number do not count
  bool count_forgotten = true;  // false: what is forgotten cannot change an answer
  std::string unit;             // for people: "events"
};

template <class Measure>
class WindowState final : public GroupState {
 public:
  struct Entry {
    Timestamp time{};
    uint64_t payload = 0;
  };

  void add(Timestamp time, uint64_t payload) {
    auto at = std::upper_bound(entries.begin(), entries.end(), time,
                               [](Timestamp t, const Entry& entry) { return t < entry.time; });
    entries.insert(at, {time, payload});
    measure.add(payload);
  }
  void drop_first() {
    measure.remove(entries.front().payload);
    entries.pop_front();
  }
  void drop_before(Timestamp time) {
    while (!entries.empty() && entries.front().time < time) drop_first();
  }

  size_t bytes() const override {
    constexpr size_t kDequeBlock = 512;
    return sizeof(*this) + kDequeBlock + entries.size() * sizeof(Entry) + measure.bytes();
  }
  void encode(std::string& out) const override {
    put_bytes(out, to_ms(first));
    put_bytes(out, known);
    put_bytes(out, judged);
    for (const Entry& entry : entries) {
      put_bytes(out, to_ms(entry.time));
      put_bytes(out, entry.payload);
    }
  }
  bool decode(std::string_view in) override {
    int64_t ms = 0;
    if (!take_bytes(in, ms) || !take_bytes(in, known) || !take_bytes(in, judged)) return false;
    first = timestamp_ms(ms);
    while (!in.empty()) {
      uint64_t payload = 0;
      if (!take_bytes(in, ms) || !take_bytes(in, payload)) return false;
      entries.push_back({timestamp_ms(ms), payload});
      measure.add(payload);
    }
    return true;
  }

  std::deque<Entry> entries;  // by time, then arrival
  Measure measure;
  Timestamp first{};  // the event that made the group known
  bool known = false;
  bool judged = false;  // the window that begins with `first` has ended
};

template <class Measure>
class WindowCorrelator final : public Correlator {
 public:
  using State = WindowState<Measure>;
  WindowCorrelator(WindowSpec spec, typename Measure::Options options)
      : spec_(std::move(spec)), options_(options) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }
  bool wants_numbers() const override { return spec_.numbers; }
  Duration memory(Duration timespan) const override {
    return spec_.at_end ? timespan + Duration(1) : timespan;
  }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(base);
    if (!state.known) {
      state.known = true;
      state.judged = false;
      state.first = hit.time;
    }
    state.add(hit.time, Measure::payload(hit));
    Judgement judgement;
    if (!spec_.at_end) state.drop_before(state.entries.back().time - spec_.timespan);
    while (state.entries.size() > spec_.keep) {
      state.drop_first();
      judgement.forgotten += spec_.count_forgotten;
    }
    judge(state, judgement);
    if (spec_.at_end) {
      judgement.holds = false;
      judgement.progress = std::min(judgement.progress, 0.9);
      judgement.wake = next(state);
    }
    return judgement;
  }

  Judgement on_time(GroupState& base, Timestamp now) const override {
    auto& state = static_cast<State&>(base);
    state.judged = state.judged || now >= state.first + spec_.timespan;
    state.drop_before(now - spec_.timespan);
    Judgement judgement;
    judge(state, judgement);
    if (state.entries.empty()) {
      state.known = false;  // its next event is a first one again
    } else {
      judgement.wake = next(state);
    }
    return judgement;
  }

  std::string describe(const GroupState& base, Timestamp now) const override {
    const auto& state = static_cast<const State&>(base);
    State seen;
    for (const auto& entry : state.entries) {
      if (entry.time >= now - spec_.timespan) seen.add(entry.time, entry.payload);
    }
    std::optional<double> value = seen.measure.value(options_);
    std::string text = fmt::format(
        "{} is {}{}; {} {}", spec_.unit, value ? fmt::format("{:g}", *value) : "not known",
        spec_.numbers ? fmt::format(", of {} numbers", seen.entries.size()) : "",
        spec_.bounds.text(), value && spec_.bounds.holds(*value) ? "holds" : "wanted");
    if (spec_.at_end && state.entries.empty()) return text + "; judged once there is an event";
    if (spec_.at_end) return text + "; judged in " + time_left_text(next(state) - now);
    return text + " within " + duration_text(spec_.timespan);
  }

 private:
  void judge(const State& state, Judgement& judgement) const {
    std::optional<double> value = state.measure.value(options_);
    if (!value) return;
    judgement.holds = spec_.bounds.holds(*value);
    judgement.value = *value;
    judgement.progress = spec_.bounds.progress(*value);
    if (Measure::kDistinct) judgement.distinct = static_cast<uint64_t>(*value);
  }

  Timestamp next(const State& state) const {
    Timestamp leaves = state.entries.front().time + spec_.timespan + Duration(1);
    return state.judged ? leaves : std::min(leaves, state.first + spec_.timespan);
  }

  WindowSpec spec_;
  typename Measure::Options options_;
};

}  // namespace picket
