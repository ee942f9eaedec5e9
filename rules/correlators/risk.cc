// risk: many weak signs that add up, each fading with time.
//
// Method: a sum with exponential decay (Cohen and Strauss, "Maintaining Time-Decaying Stream
// Aggregates", J. Algorithms 59, 2006, section 3): all points fade alike, so their sum fades as one
// number and needs no list. It replaces a sum over a window, which needs the list, and from which a
// strong sign vanishes from one moment to the next.
//
// Example: half_life 1 h, gte 10; one rule is worth 6 points, another 3. 6 points at 0:00, 3 at
// 1:00 and 6 at 1:00 are 3 + 9 = 12 points by then and hold; 6 at 0:00 and 6 at 2:00 are 7.5 and do
// not.
//
// An event that matches several of the rules is worth the points of all of them. A late event has
// faded from its own time to that of the newest.
//
// After 20 half-lives without an event the millionth part that is left is forgotten.
//
// Tested by tests/rules/correlators/risk_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

constexpr int64_t kHalfLivesKept = 20;
constexpr double kPointsMax = 1e9;

struct Options {
  std::vector<double> points = {};  // by role
  Duration half_life = std::chrono::hours(1);
  double gte = 100;
  Wiring wiring = {};
};

void read_scores(const Node& scores, OptionReader& reader, Options& options) {
  if (!scores.is_map() || scores.entries().empty()) {
    return reader.error("scores", "'scores' must be a map of rules to points",
                        "for example {denied: 1, masked_denial: 5}");
  }
  for (const Node::Entry& entry : scores.entries()) {
    if (reader.role(entry.key.text(), entry.key) == 0) return;
    const auto points = read_double(entry.value, reader.diagnostics());
    if (points && !(*points > 0 && *points <= kPointsMax)) {
      reader.diagnostics().push_back(
          {entry.value.where(),
           fmt::format("points must be more than 0 and at most {}", kPointsMax),
           "to take points away is not possible: leave the rule out"});
    }
    options.points.push_back(points.value_or(1));
  }
}

Result<Options> read_options(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  Options options;
  if (const Node* scores = reader.require("scores")) read_scores(*scores, reader, options);
  options.half_life = reader.duration("half_life", options.half_life);
  options.gte = reader.number("gte", {.min = 0, .max = kPointsMax * kPointsMax});
  reader.timespan_is(options.half_life, "half_life");
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this); }
  void encode(std::string& out) const override {
    put_bytes(out, newest);
    put_bytes(out, sum);
  }
  bool decode(std::string_view in) override {
    return take_bytes(in, newest) && take_bytes(in, sum) && in.empty() && is_bounded_ms(newest) &&
           std::isfinite(sum) && sum >= 0;
  }

  int64_t newest = -kTimeLimitMs;
  double sum = 0;  // as of `newest`
};

class Risk final : public Correlator {
 public:
  explicit Risk(Options options)
      : options_(std::move(options)),
        half_life_(options_.half_life.count()),
        // Ten times 0.1 is to be 1, whatever binary fractions make of it.
        least_(options_.gte * (1 - 1e-9)) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(hit.time);
    double points = 0;
    for (uint64_t roles = hit.roles; roles != 0; roles &= roles - 1) {
      const auto role = static_cast<size_t>(std::countr_zero(roles));
      if (role < options_.points.size()) points += options_.points[role];
    }
    if (time >= state.newest) {
      state.sum = faded(state.sum, time - state.newest) + points;
      state.newest = time;
    } else {
      state.sum += faded(points, state.newest - time);
    }
    return {.holds = state.sum >= least_,
            .value = state.sum,
            .progress = std::min(1.0, state.sum / least_),
            .score = state.sum};
  }

  Duration memory(Duration /*timespan*/) const override {
    return Duration(half_life_ * kHalfLivesKept);
  }

  std::string describe(const GroupState& group, Timestamp now) const override {
    const auto& state = static_cast<const State&>(group);
    const double sum = faded(state.sum, std::max<int64_t>(bounded_ms(now) - state.newest, 0));
    const std::string more =
        sum >= options_.gte ? "it holds" : fmt::format("{:.1f} more hold", options_.gte - sum);
    return fmt::format("{:.1f} of {:g} points; {}; half of them fade every {}", sum, options_.gte,
                       more, duration_text(options_.half_life));
  }

 private:
  double faded(double points, int64_t age) const {
    if (age > half_life_ * kHalfLivesKept) return 0;
    return points * std::exp2(-static_cast<double>(age) / static_cast<double>(half_life_));
  }

  Options options_;
  int64_t half_life_;
  double least_;
};

}  // namespace

Result<void> prepare_risk(CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_risk(const CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  return std::make_unique<Risk>(std::move(options));
}

}  // namespace picket
