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
// With `first_contact` an event counts only when it is new in those fields, for the same reason as
// in sequential_test: a program that repeats one mistake for ever makes it once. Two refinements
// tell somebody who tries from somebody who needs what is refused:
//  - `occasion`: what comes within that time after a first contact that counted belongs to it. A
//    deployment that lacks three rights is one occasion; whoever spreads attempts, so that they are
//    not seen together, has many.
//  - `repeated`: the share of its points that a contact gives back once it comes again on another
//    occasion. Whoever needs a right comes back for it; who looks for an open door tries the next.
//    It is a share below one, so that repeating every attempt delays a prober and does not hide
//    one.
// A contact is remembered for four half-lives after it was last seen, and the newest 256 are.
//
// Example: half_life 5 d, first_contact, gte 7: two new contacts a day reach 7 with the tenth, on
// the fifth day; two a week come near 2 and stay there.
//
// After 20 half-lives without an event the millionth part that is left is forgotten.
//
// Tested by tests/rules/correlators/risk_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

constexpr int64_t kHalfLivesKept = 20;
constexpr double kPointsMax = 1e9;
constexpr size_t kContactsMax = 256;
constexpr int64_t kContactHalfLives = 4;

struct Options {
  std::vector<double> points = {};  // by role
  Duration half_life = std::chrono::hours(1);
  double gte = 100;
  bool first_contact = false;
  Duration occasion{0};
  double repeated = 0;
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
  options.first_contact = reader.has("first_contact");
  if (options.first_contact) reader.fields("first_contact");
  options.occasion = reader.duration_or_none("occasion", options.occasion);
  options.repeated = reader.number("repeated", {.min = 0, .max = 1}, options.repeated);
  for (const char* key : {"occasion", "repeated"}) {
    if (reader.has(key) && !options.first_contact) {
      reader.error(key, fmt::format("'{}' means nothing without 'first_contact'", key));
    }
  }
  reader.timespan_is(options.half_life, "half_life");
  return reader.finish(std::move(options));
}

struct Contact {
  uint64_t value = 0;
  int64_t first = 0;
  int64_t last = 0;
  double points = 0;  // what is left to give back of, as of `first`
};

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this) + contacts.capacity() * sizeof(Contact); }
  void encode(std::string& out) const override {
    put_bytes(out, newest);
    put_bytes(out, sum);
    put_bytes(out, counted);
    for (const Contact& contact : contacts) put_bytes(out, contact);
  }
  bool decode(std::string_view in) override {
    if (!take_bytes(in, newest) || !take_bytes(in, sum) || !take_bytes(in, counted)) return false;
    contacts.clear();
    while (!in.empty()) {
      Contact& contact = contacts.emplace_back();
      if (!take_bytes(in, contact) || contacts.size() > kContactsMax) return false;
      if (!is_bounded_ms(contact.first) || !is_bounded_ms(contact.last)) return false;
      if (!is_points(contact.points)) return false;
    }
    return is_bounded_ms(newest) && is_bounded_ms(counted) && is_points(sum);
  }

  int64_t newest = -kTimeLimitMs;
  double sum = 0;                   // as of `newest`
  int64_t counted = -kTimeLimitMs;  // when the latest occasion began
  std::vector<Contact> contacts = {};

 private:
  static bool is_points(double number) { return std::isfinite(number) && number >= 0; }
};

class Risk final : public Correlator {
 public:
  explicit Risk(Options options)
      : options_(std::move(options)),
        half_life_(options_.half_life.count()),
        occasion_(options_.occasion.count()),
        // Ten times 0.1 is to be 1, whatever binary fractions make of it.
        least_(options_.gte * (1 - 1e-9)) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(hit.time);
    if (time > state.newest) {
      state.sum = faded(state.sum, time - state.newest);
      state.newest = time;
    }
    uint32_t forgotten = 0;
    if (!options_.first_contact) {
      state.sum += faded(points_of(hit.roles), state.newest - time);
    } else if (hit.has_value) {
      forgotten = contact(state, hit, time);
    }
    return {.holds = state.sum >= least_,
            .value = state.sum,
            .progress = std::min(1.0, state.sum / least_),
            .distinct = options_.first_contact ? std::optional<uint64_t>(state.contacts.size())
                                               : std::nullopt,
            .score = state.sum,
            .forgotten = forgotten};
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
  double points_of(uint64_t roles) const {
    double points = 0;
    for (; roles != 0; roles &= roles - 1) {
      const auto role = static_cast<size_t>(std::countr_zero(roles));
      if (role < options_.points.size()) points += options_.points[role];
    }
    return points;
  }

  // Takes note of a contact and what it is worth. Returns how many others gave way to it.
  uint32_t contact(State& state, const GroupHit& hit, int64_t time) const {
    const int64_t remembered = state.newest - half_life_ * kContactHalfLives;
    if (time < remembered) return 0;  // nobody can tell any more whether it is new
    std::erase_if(state.contacts, [&](const Contact& known) { return known.last < remembered; });
    for (Contact& known : state.contacts) {
      if (known.value != hit.value_hash) continue;
      repeat(state, known, time);
      return 0;
    }
    // Occasions are told apart in both directions: rows may come out of order.
    const bool counts = std::abs(time - state.counted) >= occasion_;
    const double points = counts ? points_of(hit.roles) : 0;
    if (counts) state.counted = std::max(state.counted, time);
    state.sum += faded(points, state.newest - time);
    state.contacts.push_back({hit.value_hash, time, time, points});
    if (state.contacts.size() <= kContactsMax) return 0;
    state.contacts.erase(
        std::min_element(state.contacts.begin(), state.contacts.end(),
                         [](const Contact& a, const Contact& b) { return a.last < b.last; }));
    return 1;
  }

  void repeat(State& state, Contact& known, int64_t time) const {
    known.last = std::max(known.last, time);
    if (time - known.first < std::max<int64_t>(occasion_, 1)) return;
    const double left = faded(known.points, std::max<int64_t>(state.newest - known.first, 0));
    state.sum = std::max(0.0, state.sum - options_.repeated * left);
    known.points = 0;
  }

  double faded(double points, int64_t age) const {
    if (age > half_life_ * kHalfLivesKept) return 0;
    return points * std::exp2(-static_cast<double>(age) / static_cast<double>(half_life_));
  }

  Options options_;
  int64_t half_life_;
  int64_t occasion_;
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
