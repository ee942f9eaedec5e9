#include <fmt/format.h>

#include <cmath>

#include "rules/correlator.h"
#include "rules/rule_spec.h"

namespace picket {

Result<std::unique_ptr<Correlator>> make_event_count(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_value_count(const CorrelationSpec& spec);
Result<void> prepare_sequential_test(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_sequential_test(const CorrelationSpec& spec);
Result<void> prepare_leaky_bucket(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_leaky_bucket(const CorrelationSpec& spec);
Result<void> prepare_ratio(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_ratio(const CorrelationSpec& spec);
Result<void> prepare_first_seen(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_first_seen(const CorrelationSpec& spec);
Result<void> prepare_spike(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_spike(const CorrelationSpec& spec);
Result<void> prepare_absence(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_absence(const CorrelationSpec& spec);
Result<void> prepare_risk(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_risk(const CorrelationSpec& spec);

const std::vector<CorrelatorKind>& correlator_kinds() {
  static const std::vector<CorrelatorKind> kinds = {
      {"event_count", nullptr, make_event_count},
      {"value_count", nullptr, make_value_count},
      {"sequential_test", prepare_sequential_test, make_sequential_test},
      {"leaky_bucket", prepare_leaky_bucket, make_leaky_bucket},
      {"ratio", prepare_ratio, make_ratio},
      {"first_seen", prepare_first_seen, make_first_seen},
      {"spike", prepare_spike, make_spike},
      {"absence", prepare_absence, make_absence},
      {"risk", prepare_risk, make_risk},
  };
  return kinds;
}

namespace {

Result<const CorrelatorKind*> find_kind(const CorrelationSpec& spec) {
  std::vector<std::string> known;
  for (const CorrelatorKind& kind : correlator_kinds()) {
    if (kind.type == spec.type) return &kind;
    known.emplace_back(kind.type);
  }
  std::optional<std::string> near = nearest(spec.type, known);
  return fail(spec.head.where, "correlation type '" + spec.type + "' is not known",
              near ? "did you mean '" + *near + "'?"
                   : "known types: " + fmt::format("{}", fmt::join(known, ", ")));
}

}  // namespace

Result<void> prepare_correlation(CorrelationSpec& spec) {
  PICKET_TRY(const CorrelatorKind* kind, find_kind(spec));
  return kind->prepare != nullptr ? kind->prepare(spec) : Result<void>();
}

Result<std::unique_ptr<Correlator>> make_correlator(const CorrelationSpec& spec) {
  PICKET_TRY(const CorrelatorKind* kind, find_kind(spec));
  return kind->make(spec);
}

Result<Threshold> read_threshold(const CorrelationSpec& spec) {
  Threshold threshold;
  bool lower = false;
  for (const auto& [comparison, bound] : spec.condition.bounds) {
    if (std::abs(bound) > static_cast<double>(Threshold::kMax)) {
      return fail(spec.head.where, "the threshold is above " + std::to_string(Threshold::kMax),
                  "count in a shorter timespan");
    }
    switch (comparison) {
      case Comparison::Greater:
      case Comparison::GreaterEqual: {
        double least = comparison == Comparison::Greater ? std::floor(bound) + 1 : std::ceil(bound);
        threshold.at_least = static_cast<uint64_t>(std::max(least, 0.0));
        lower = threshold.at_least >= 1;
        break;
      }
      case Comparison::Less:
      case Comparison::LessEqual: {
        double most = comparison == Comparison::Less ? std::ceil(bound) - 1 : std::floor(bound);
        threshold.at_most = static_cast<uint64_t>(std::max(most, 0.0));
        break;
      }
      default:
        lower = false;
    }
  }
  if (!lower) {
    return fail(spec.head.where, "the condition needs a lower bound of at least 1",
                "use gte or gt; too few events are not decided by this engine");
  }
  threshold.keep = std::max(threshold.at_least, threshold.at_most.value_or(0) + 1);
  for (const Escalation& step : spec.head.picket.escalate) {
    if (step.gte > static_cast<double>(Threshold::kMax)) {
      return fail(spec.head.where, "an escalation is above " + std::to_string(Threshold::kMax));
    }
    threshold.keep = std::max(threshold.keep, static_cast<uint64_t>(std::max(step.gte, 1.0)));
  }
  return threshold;
}

}  // namespace picket
