// sequential_test: decides from as few outcomes as possible whether an actor probes, with stated
// error rates.
//
// Method: the threshold random walk of Jung, Paxson, Berger and Balakrishnan, "Fast Portscan
// Detection Using Sequential Hypothesis Testing", IEEE S&P 2004, sections 4 and 5, on permissions
// instead of ports: Wald's sequential probability ratio test over the outcomes of an actor's first
// contacts. Each adds the logarithm of how much likelier a prober is to see that outcome than an
// honest actor; at ln((1 - missed) / false_alarm) the actor is a prober (Wald, "Sequential
// Analysis", 1947, section 3). It replaces "N failures within T", which weighs 20 failures out of
// 20 like 20 out of 2,000 and needs N well above honest bad luck; four to five failures decide in
// the paper's data, where the counting detectors it compares with need 14 to 20.
//
// Two changes, both against evasion (Mell and Harang, IEEE CNS 2013: successes in between let a
// prober walk backwards for ever):
//  - The walk never goes below zero: a reflecting barrier, which makes this the one-sided CUSUM of
//    Page (Biometrika 41, 1954). Harmless successes buy no credit for later. There is no decision
//    "honest", so `missed` only shapes the threshold, and `false_alarm` holds for each walk that
//    leaves zero and not for an actor's whole life.
//  - Only first contacts count, so repeating one harmless success buys nothing at all, and an
//  honest
//    program that repeats one mistake for ever fails once. A contact is remembered for `timespan`
//    after it was last seen: a repeat refreshes it. Else that program would fail anew every day.
//    At most 256 are remembered, the newest; 2 KiB of hashes tell a repeat from a first contact.
//
// Successes are of the background (correlator.h): they count as if they had come at the beginning
// of their sixty-fourth of the timespan, so a contact that succeeds may be forgotten that much
// earlier, and the hundredth success of the hour costs nothing.
//
// Example: p_honest 0.2, p_prober 0.8, so a failure adds ln 4 = 1.39 and a success takes as much
// away; false_alarm 0.0001, missed 0.01, so the threshold is 9.2 and seven failures in a row
// decide. A success among them takes one back; fifty successes before them change nothing.
//
// The walk stops growing at one failure above the threshold. The deciding step is never longer than
// that, so the cap changes no decision; it only lets later honest behaviour count soon, where an
// uncapped walk would hold long after a persistent prober became an honest user.
//
// A contact that comes so late that it might have been forgotten does not count: nobody can tell
// any more whether it is new.
//
// Tested by tests/rules/correlators/sequential_test_test.cc.
#include "rules/correlators/sequential_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/seen_values.h"

namespace picket {
namespace {

constexpr size_t kContactsMax = 256;
// More failures than can be remembered would never be first contacts all at once.
constexpr int kAttemptsMax = kContactsMax;

// How far each outcome moves the walk, and where it ends.
struct Walk {
  explicit Walk(const SequentialTestOptions& options) {
    double honest = options.p_honest;
    double prober = options.p_prober;
    // The larger one belongs to honest actors: shares that succeed.
    if (honest > prober) {
      honest = 1 - honest;
      prober = 1 - prober;
    }
    // Differences, since a quotient of tiny shares is not finite.
    failure = std::log(prober) - std::log(honest);
    success = std::log1p(-prober) - std::log1p(-honest);
    // The slack is far below any step and far above rounding, so that failures whose weights make
    // up the threshold exactly do decide.
    constexpr double kSlack = 1e-9;
    threshold = std::log1p(-options.missed) - std::log(options.false_alarm) - kSlack;
  }

  double after(double place, bool failed) const {
    return std::clamp(place + (failed ? failure : success), 0.0, threshold + failure);
  }
  // Failures in a row that decide, from `place` on; more than kAttemptsMax if it takes more.
  int failures_from(double place) const {
    int attempts = 0;
    for (; place < threshold && attempts <= kAttemptsMax; ++attempts) place = after(place, true);
    return attempts;
  }

  double failure = 0;
  double success = 0;
  double threshold = 0;
};

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this) + contacts.bytes(); }
  void encode(std::string& out) const override {
    put_bytes(out, walk);
    put_bytes(out, newest);
    contacts.encode(out);
  }
  bool decode(std::string_view in) override {
    // No threshold and no step is that high: ln(1 / 1e-300) is 691.
    constexpr double kWalkMax = 2000;
    return take_bytes(in, walk) && walk >= 0 && walk <= kWalkMax && take_bytes(in, newest) &&
           is_bounded_ms(newest) && contacts.decode(in, kContactsMax) && in.empty();
  }

  double walk = 0;
  int64_t newest = -kTimeLimitMs;
  SeenValues contacts;
};

class SequentialTest final : public Correlator {
 public:
  explicit SequentialTest(const SequentialTestOptions& options)
      : options_(options), walk_(options) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const bool failed = (hit.roles & options_.failure) != 0;
    const bool counts = hit.has_value && (failed || (hit.roles & options_.success) != 0);
    SeenValues::Added contact;
    if (counts) contact = remember(state, hit);
    if (contact.is_new) state.walk = walk_.after(state.walk, failed);
    return {.holds = state.walk >= walk_.threshold,
            .value = state.walk,
            .progress = std::min(1.0, state.walk / walk_.threshold),
            .distinct = state.contacts.size(),
            .score = state.walk,
            .false_alarm = options_.false_alarm,
            .forgotten = contact.lost};
  }

  Background background() const override {
    constexpr int64_t kQuanta = 64;
    return {.roles = options_.success & ~options_.failure,
            .quantum = std::max(options_.timespan / kQuanta, Duration(1))};
  }

  std::string describe(const GroupState& group, Timestamp /*now*/) const override {
    const auto& state = static_cast<const State&>(group);
    const std::string evidence = fmt::format("evidence {:.2f} of {:.2f} from {} first contacts",
                                             state.walk, walk_.threshold, state.contacts.size());
    const int missing = walk_.failures_from(state.walk);
    if (missing == 0) return evidence + "; decided";
    return fmt::format("{}; {} more that fail decide", evidence, missing);
  }

 private:
  SeenValues::Added remember(State& state, const GroupHit& hit) const {
    const int64_t time = bounded_ms(hit.time);
    const int64_t span = options_.timespan.count();
    // Whoever was quiet for that long begins anew, evidence and all.
    if (time - state.newest > span) state = State();
    state.newest = std::max(state.newest, time);
    if (time < state.newest - span) return {};
    state.contacts.forget_before(state.newest - span);
    return state.contacts.add(hit.value_hash, time, kContactsMax);
  }

  SequentialTestOptions options_;
  Walk walk_;
};

}  // namespace

Result<SequentialTestOptions> read_sequential_test(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  SequentialTestOptions options;
  options.success = reader.roles("success");
  options.failure = reader.roles("failure");
  reader.fields("first_contact");
  options.p_honest = reader.number("p_honest", {.min = 0, .max = 1}, options.p_honest);
  options.p_prober = reader.number("p_prober", {.min = 0, .max = 1}, options.p_prober);
  constexpr double kErrorMax = 0.5;  // the toss of a coin
  options.false_alarm =
      reader.number("false_alarm", {.min = 0, .max = kErrorMax}, options.false_alarm);
  options.missed = reader.number("missed", {.min = 0, .max = kErrorMax}, options.missed);
  options.timespan = reader.timespan_or(options.timespan);
  if (options.p_honest == options.p_prober) {
    reader.error("p_prober", "'p_honest' and 'p_prober' are the same: no outcome tells them apart");
  } else if (attempts_until_decision(options) > kAttemptsMax) {
    reader.error("p_prober",
                 fmt::format("{} failures in a row would not decide: 'p_honest' and 'p_prober' are "
                             "too near to each other",
                             kAttemptsMax),
                 "move them apart, or allow a greater 'false_alarm'");
  }
  return reader.finish(std::move(options));
}

int attempts_until_decision(const SequentialTestOptions& options) {
  return Walk(options).failures_from(0);
}

Result<void> prepare_sequential_test(CorrelationSpec& spec) {
  PICKET_TRY(SequentialTestOptions options, read_sequential_test(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_sequential_test(const CorrelationSpec& spec) {
  PICKET_TRY(SequentialTestOptions options, read_sequential_test(spec));
  return std::make_unique<SequentialTest>(options);
}

}  // namespace picket
