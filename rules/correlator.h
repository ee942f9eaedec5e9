// Correlator: one correlation type applied to one rule: hits of a group in, "does it hold" out.
//
// One file per type under correlators/, one line each in correlator_table.cc. The engine owns
// groups and alerts; a correlator knows only how to judge one group's state.
//
// Thread rule: const after make(); states belong to the engine's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "rules/types.h"

namespace picket {

struct CorrelationSpec;

// What a group's state says after a hit, or when time has passed.
struct Judgement {
  bool holds = false;
  double value = 0;     // the measure that the condition compares
  double progress = 0;  // 0 to 1: how near to holding; decides who is kept
  std::optional<uint64_t> distinct = {};
  std::optional<double> score = {};        // of tests that weigh evidence
  std::optional<double> false_alarm = {};  // stated error rate of the deciding test
  // When time alone can change the answer: the first moment at which it might. The engine calls
  // on_time once everything up to and including that moment has been processed.
  std::optional<Timestamp> wake = {};
  uint32_t forgotten = 0;  // events that the state had to forget before their time, to stay small
};

// One event as a correlator sees it. An event that matches several of the referenced rules is one
// hit with several roles.
struct GroupHit {
  Timestamp time{};
  uint64_t roles = 1;       // bit i: it matched the i-th rule of CorrelationSpec::rules
  uint64_t value_hash = 0;  // of the counted field or tuple
  bool has_value = false;   // all counted fields are there
  // Of the first counted field, when it is one and the correlator wants_numbers().
  std::optional<double> number = {};
};

// At most this many rules can be referenced by one correlation.
constexpr size_t kRolesMax = 64;

// Hits that only weigh against what others show, such as the successes of an actor. A hit whose
// roles are all of these opens no alert, keeps none alive and is no evidence. Its time counts as
// the beginning of its quantum (floor(time / quantum) since the epoch), so that a repeat with the
// same group and value in the same quantum changes nothing, and whoever has seen the first may drop
// it. That is what makes it possible to weigh successes at all: they are most of the traffic.
struct Background {
  uint64_t roles = 0;
  Duration quantum{
      0};  // REQUIRES: positive, and at most a quarter of memory(), when there are roles
};

class TimedState;

class GroupState {
 public:
  virtual ~GroupState() = default;
  // The engine's own wrapping of a state that waits for a moment; correlators never see it.
  virtual TimedState* timed() { return nullptr; }
  virtual size_t bytes() const = 0;
  virtual void encode(std::string& out) const = 0;
  // False when the bytes are not such a state.
  virtual bool decode(std::string_view in) = 0;
};

class Correlator {
 public:
  virtual ~Correlator() = default;
  virtual std::unique_ptr<GroupState> make_state() const = 0;
  // REQUIRES: `state` came from make_state() of the same correlator.
  virtual Judgement process(GroupState& state, const GroupHit& hit) const = 0;
  // Everything up to and including `now` has been processed, and `now` is at or past the wake that
  // the state last asked for. A judgement that holds opens an alert at `now`.
  virtual Judgement on_time(GroupState& /*state*/, Timestamp /*now*/) const { return {}; }
  // True when hits without the counted fields must come as well (has_value false).
  virtual bool wants_valueless_hits() const { return false; }
  // True when hits whose first counted field is no number are left out, and counted.
  virtual bool wants_numbers() const { return false; }
  virtual Background background() const { return {}; }
  // A hit without any of these roles says nothing to a state that is new: no group begins with it.
  virtual uint64_t first_roles() const { return ~uint64_t{0}; }
  // How long a state matters after its last hit. The engine forgets quiet groups after that.
  virtual Duration memory(Duration timespan) const { return timespan; }
  // For people: what the state holds and what is missing until the condition holds, such as
  // "3 of 5 distinct values; 2 more within 40 s". One line.
  virtual std::string describe(const GroupState& /*state*/, Timestamp /*now*/) const { return {}; }
};

// Called once per rule before anything else is done with it: a type whose options name rules,
// fields or lengths of time puts them where those of Sigma's types stand (spec.rules, in the order
// that GroupHit::roles counts in; spec.condition.fields; spec.timespan). make() reads spec.options
// again.
using PrepareCorrelation = Result<void> (*)(CorrelationSpec& spec);
using MakeCorrelator = Result<std::unique_ptr<Correlator>> (*)(const CorrelationSpec& spec);

struct CorrelatorKind {
  std::string_view type;
  PrepareCorrelation prepare;  // may be null
  MakeCorrelator make;
};

const std::vector<CorrelatorKind>& correlator_kinds();

// Lets the type of `spec` fill it in. Errors: as of make_correlator().
Result<void> prepare_correlation(CorrelationSpec& spec);

// The correlator for `spec`. Errors: a type that does not exist (with the nearest one as hint), and
// whatever the type finds wrong.
Result<std::unique_ptr<Correlator>> make_correlator(const CorrelationSpec& spec);

}  // namespace picket
