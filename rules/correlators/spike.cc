// spike: more events of a group in the current step than its own past makes likely.
//
// Method: time is cut into steps of `timespan`, aligned to the epoch. The counts of the steps of
// the past `baseline` (2 to 256 of them) are kept one by one, so mean and variance are exact, and
// old steps leave them whole. It replaces an exponentially weighted mean, smaller by a kilobyte, in
// which a past spike never quite ends and the first weeks depend on how it was begun; and it
// replaces a fixed threshold, which is too low for the busiest actor or too high for the others.
// The deviation is estimated and not taken to be the root of the mean: counts of real traffic vary
// more than independent events would (Polunchenko, Tartakovsky, Mukhopadhyay, "Nearly Optimal
// Change-Point Detection with an Application to Cybersecurity", Sequential Analysis 31, 2012). But
// it is never taken to be less than that root, which independent events have by nature: the steps
// of a program that runs by the clock are all alike, and one event more would be a spike.
//
// Example: timespan 1 h, baseline 4 h, score 3, counts 9, 11, 10, 10. The mean is 10, the deviation
// 0.7, so it counts as sqrt(10) = 3.2; 20 events in the current hour reach 10 + 3 * 3.2.
//
// The current step is judged at each of its events, so a spike is found as soon as it is one, and
// it does not count in the mean until it is over. Steps without events count as 0.
//
// A late event counts in its own step, if that is kept, and the current one is judged.
//
// Tested by tests/rules/correlators/spike_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

constexpr int64_t kStepsMin = 2;
constexpr int64_t kStepsMax = 256;

struct Options {
  Duration step{0};
  int64_t steps = kStepsMin;  // in the baseline
  std::optional<double> factor = {};
  std::optional<double> score = {};
  int64_t min_events = 10;
  Wiring wiring = {};
};

Result<Options> read_options(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  Options options;
  reader.roles("rules");
  options.step = reader.required_timespan();
  const Duration baseline = reader.duration("baseline");
  options.steps = baseline / options.step;
  const bool known = spec.timespan > Duration(0) && reader.has("baseline");
  if (known && (options.steps < kStepsMin || options.steps > kStepsMax ||
                baseline % options.step != Duration(0))) {
    reader.error("baseline", fmt::format("'baseline' must be {} to {} times the timespan, which is "
                                         "{}, without a rest",
                                         kStepsMin, kStepsMax, duration_text(options.step)));
  }
  constexpr double kMost = 1e6;
  if (reader.has("factor")) options.factor = reader.number("factor", {.min = 1, .max = kMost});
  if (reader.has("score")) options.score = reader.number("score", {.min = 0, .max = kMost});
  if (!options.factor && !options.score) {
    reader.error("", "a correlation of type 'spike' needs 'factor' or 'score'",
                 "for example 'factor: 3', three times as many as usual");
  }
  options.min_events = reader.integer("min_events", 1, options.min_events);
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  explicit State(int64_t steps) : counts_(static_cast<size_t>(steps + 1)) {}

  size_t bytes() const override { return sizeof(*this) + counts_.capacity() * sizeof(uint32_t); }

  void encode(std::string& out) const override {
    put_bytes(out, first_);
    put_bytes(out, newest_);
    put_bytes(out, step_);
    for (uint32_t count : counts_) put_bytes(out, count);
  }

  bool decode(std::string_view in) override {
    if (!take_bytes(in, first_) || !take_bytes(in, newest_) || !take_bytes(in, step_)) return false;
    for (uint32_t& count : counts_) {
      if (!take_bytes(in, count)) return false;
    }
    summarize();
    return in.empty() && is_bounded_ms(first_) && is_bounded_ms(newest_) && is_bounded_ms(step_);
  }

  // Takes note of an event at `time`, in step number `step`.
  void add(int64_t time, int64_t step) {
    first_ = std::min(first_, time);
    newest_ = std::max(newest_, time);
    const bool moved = move_to(step);
    const bool past = step < step_;
    if (step > step_ - size()) {
      uint32_t& count = at(step);
      // A step of four thousand million is a spike or a baseline as it stands.
      if (count != std::numeric_limits<uint32_t>::max()) ++count;
    }
    if (moved || past) summarize();
  }

  int64_t first() const { return first_; }
  int64_t newest() const { return newest_; }
  int64_t step() const { return step_; }
  uint32_t current() const { return counts_[slot(step_)]; }
  double mean() const { return mean_; }
  double deviation() const { return deviation_; }

  // Moves on so that `step` is the current one, if that is ahead.
  bool move_to(int64_t step) {
    if (step <= step_) return false;
    for (int64_t i = std::max(step_ + 1, step - size() + 1); i <= step; ++i) at(i) = 0;
    step_ = step;
    return true;
  }
  // Mean and deviation of all steps but the current one. In two passes: the difference of two great
  // sums of squares would leave nothing of a small variance.
  void summarize() {
    const auto steps = static_cast<double>(size() - 1);
    double sum = -static_cast<double>(current());
    for (uint32_t count : counts_) sum += static_cast<double>(count);
    mean_ = sum / steps;
    double squares = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (i == slot(step_)) continue;
      const double distance = static_cast<double>(counts_[i]) - mean_;
      squares += distance * distance;
    }
    deviation_ = std::sqrt(std::max(squares / steps, mean_));
  }

 private:
  int64_t size() const { return static_cast<int64_t>(counts_.size()); }
  size_t slot(int64_t step) const {
    return static_cast<size_t>(step - floor_div(step, size()) * size());
  }
  uint32_t& at(int64_t step) { return counts_[slot(step)]; }

  int64_t first_ = kTimeLimitMs;  // time of the group's first event
  int64_t newest_ = -kTimeLimitMs;
  int64_t step_ = -kTimeLimitMs;  // number of the current step
  std::vector<uint32_t> counts_;  // by step number, modulo its size: the baseline and the current
  double mean_ = 0;               // of the baseline; follows from the counts
  double deviation_ = 0;
};

class Spike final : public Correlator {
 public:
  explicit Spike(const Options& options) : options_(options) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<State>(options_.steps);
  }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(hit.time);
    if (time - state.newest() > memory_ms()) state = State(options_.steps);
    state.add(time, step_of(time));
    const double count = state.current();
    const double least = least_spike(state);
    const bool known = time - state.first() >= baseline_ms();
    Judgement judgement{.holds = known && count >= least, .value = count};
    // A baseline takes long to learn again.
    judgement.progress = known ? std::clamp(count / least, 0.3, 1.0) : 0.3;
    if (state.deviation() > 0) judgement.score = (count - state.mean()) / state.deviation();
    return judgement;
  }

  Duration memory(Duration /*timespan*/) const override { return Duration(memory_ms()); }

  std::string describe(const GroupState& group, Timestamp now) const override {
    State state = static_cast<const State&>(group);
    const int64_t time = bounded_ms(now);
    if (state.move_to(step_of(time))) state.summarize();
    const std::string usual =
        fmt::format("{} events in this {}; usual are {:.1f}, give or take {:.1f}", state.current(),
                    duration_text(options_.step), state.mean(), state.deviation());
    const int64_t age = time - state.first();
    if (age < baseline_ms()) {
      return fmt::format("{}; learning for another {}", usual,
                         time_left_text(Duration(baseline_ms() - age)));
    }
    const double least = std::ceil(least_spike(state));
    return fmt::format("{}; {:.0f} are a spike, {:.0f} more", usual, least,
                       std::max(0.0, least - static_cast<double>(state.current())));
  }

 private:
  int64_t step_of(int64_t time) const { return floor_div(time, options_.step.count()); }
  int64_t baseline_ms() const { return options_.step.count() * options_.steps; }
  // When all that is kept is older than the baseline.
  int64_t memory_ms() const { return baseline_ms() + options_.step.count(); }

  // The smallest count that is a spike. With factor and score, both must be reached.
  double least_spike(const State& state) const {
    auto least = static_cast<double>(options_.min_events);
    if (options_.factor) least = std::max(least, *options_.factor * state.mean());
    if (options_.score) least = std::max(least, state.mean() + *options_.score * state.deviation());
    return least;
  }

  Options options_;
};

}  // namespace

Result<void> prepare_spike(CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_spike(const CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  return std::make_unique<Spike>(options);
}

}  // namespace picket
