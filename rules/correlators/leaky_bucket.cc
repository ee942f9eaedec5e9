// leaky_bucket: more events than a bucket holds that leaks at a steady rate.
//
// Method: the generic cell rate algorithm in its virtual-scheduling form (ITU-T I.371, annex A;
// ATM Forum Traffic Management 4.0, section 4.4.2). Instead of a level that must be lowered as time
// passes, a group keeps one time: when its bucket will be empty. An event moves it `leak` further,
// from now on if the bucket is empty by now. The level is the way from now to that time, in leaks.
// It replaces a level with a time of its own and a division at each event, whose rounding adds up:
// here everything is a whole number of milliseconds, so equal input gives equal judgements. And it
// replaces keeping the events of a window, which forgets a burst all at once.
//
// The bucket runs over: it never holds more than `capacity` + 1, or than the highest step of
// `escalate` if that is more. Without such a rim a burst of ten thousand would keep the alert up
// for ten thousand leaks, however quiet the actor has become.
//
// Example: capacity 2, leak 10 s, events at 0, 1, 2, 25 s. The bucket will be empty at 10, 20, 30,
// 40 s; it holds 1, 1.9, 2.8 and 1.5. At 2 s that is more than 2.
//
// Events that come later than one that has been judged count for what is left of them for certain:
// all of it, less one for each `leak` that they are late. Some of that may in truth have run out of
// a bucket that other events had filled, but nothing here knows; so it errs towards silence.
//
// Tested by tests/rules/correlators/leaky_bucket_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

struct Options {
  int64_t capacity = 10;
  Duration leak = std::chrono::minutes(1);
  Wiring wiring = {};
};

constexpr Duration kDrainMax = std::chrono::hours(24 * 3653);

Result<Options> read_options(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  Options options;
  reader.roles("rules");
  options.capacity = reader.integer("capacity", 1);
  options.leak = reader.duration("leak");
  if (options.capacity > kDrainMax / options.leak) {
    reader.error("capacity", "a full bucket would take more than ten years to run empty",
                 "lower 'capacity' or 'leak'");
  } else {
    reader.timespan_is(options.capacity * options.leak, "leak");
  }
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this); }
  void encode(std::string& out) const override {
    put_bytes(out, newest);
    put_bytes(out, empty_at);
  }
  bool decode(std::string_view in) override {
    return take_bytes(in, newest) && take_bytes(in, empty_at) && in.empty() &&
           is_bounded_ms(newest) && empty_at >= newest && empty_at <= 2 * kTimeLimitMs;
  }

  int64_t newest = -kTimeLimitMs;    // time of the newest event
  int64_t empty_at = -kTimeLimitMs;  // when the bucket will be empty
};

class LeakyBucket final : public Correlator {
 public:
  LeakyBucket(const Options& options, int64_t rim)
      : leak_(options.leak.count()), capacity_(options.capacity), rim_(rim) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(hit.time);
    const int64_t late = std::max<int64_t>(state.newest - time, 0);
    state.newest = std::max(state.newest, time);
    state.empty_at = std::max(state.empty_at, state.newest) + std::max<int64_t>(leak_ - late, 0);
    state.empty_at = std::min(state.empty_at, state.newest + rim_ * leak_);
    const int64_t full = state.empty_at - state.newest;
    const double level = static_cast<double>(full) / static_cast<double>(leak_);
    return {.holds = full > capacity_ * leak_,
            .value = level,
            .progress = std::min(1.0, level / static_cast<double>(capacity_ + 1))};
  }

  // The fullest bucket is empty then, so forgetting it changes nothing.
  Duration memory(Duration /*timespan*/) const override { return Duration(rim_ * leak_); }

  std::string describe(const GroupState& group, Timestamp now) const override {
    const auto& state = static_cast<const State&>(group);
    const int64_t full = std::max<int64_t>(state.empty_at - bounded_ms(now), 0);
    const int64_t free = std::max<int64_t>(capacity_ * leak_ - full, 0);
    return fmt::format(
        "the bucket holds {:.1f} of {}; {} more at once make it run over; one leaks out every {}",
        static_cast<double>(full) / static_cast<double>(leak_), capacity_, free / leak_ + 1,
        duration_text(Duration(leak_)));
  }

 private:
  int64_t leak_;
  int64_t capacity_;
  int64_t rim_;
};

}  // namespace

Result<void> prepare_leaky_bucket(CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_leaky_bucket(const CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  const int64_t most = kDrainMax / options.leak;
  int64_t rim = options.capacity + 1;
  for (const Escalation& step : spec.head.picket.escalate) {
    const double gte = std::clamp(std::ceil(step.gte), 0.0, static_cast<double>(most));
    rim = std::max(rim, static_cast<int64_t>(gte));
  }
  return std::make_unique<LeakyBucket>(options, rim);
}

}  // namespace picket
