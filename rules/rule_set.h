// RuleSet: everything that rules and schemas compile to, frozen.
//
// Stages: RuleDocuments (what was read) -> one SchemaRules per schema (which rules apply to its
// events, as matchers) + one CorrelationProgram per correlation -> DecodePlans (which fields the
// decoder must fill). Reloading makes a new RuleSet and swaps it whole.
//
// Thread rule: const after make(); shared by all threads as shared_ptr<const RuleSet>.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/correlator.h"
#include "rules/decode_plan.h"
#include "rules/field_table.h"
#include "rules/matcher.h"
#include "rules/predicate_set.h"
#include "rules/rule_spec.h"
#include "rules/types.h"

namespace picket {

enum class RuleKind : uint8_t { Classify, Detection, Correlation };

// One rule as people know it. `spec` indexes detections() or correlations() by kind.
struct RuleInfo {
  RuleKind kind = RuleKind::Detection;
  const RuleHead* head = nullptr;
  uint64_t fingerprint = 0;  // of what the rule means: state survives as long as this does
  int correlation = -1;      // index of its CorrelationProgram, -1: alerts on nothing
};

// The rules for the events of one schema.
struct SchemaRules {
  FactIndex facts;
  Matcher classifier;
  std::vector<RuleId> classifier_rules;  // by index in the matcher
  Matcher detections;
  std::vector<RuleId> detection_rules;
  Matcher guards;                  // by GuardedFeed::guard: true unless an exception applies
  std::vector<uint16_t> captures;  // which of RuleSet::captures its hits may carry
};

// How hits of one rule feed one correlation. Hits of a detection carry captures; the match of a
// correlation carries its group-by values, and the numbers below are places among those.
struct Feed {
  uint32_t correlation = 0;
  uint64_t roles = 1;           // GroupHit::roles of such a hit
  std::vector<uint16_t> group;  // captures whose values make the group
  std::vector<uint16_t> value;  // captures whose values are counted
  Duration quantum{0};          // positive: a hit of the background, see correlator.h
};
// Stands for a value that hits of that rule never carry.
constexpr uint16_t kNoCapture = UINT16_MAX;

// A feed of a correlation with exceptions: it has an id of its own next to those of the rules, and
// a hit carries that id only when the guard holds. So a rule without exceptions pays nothing. Of
// matches of correlations the engine asks the guard itself.
struct GuardedFeed {
  RuleId feed = 0;     // for RuleSet::feeds()
  uint32_t guard = 0;  // index in SchemaRules::guards
};

// A rule that alerts: a correlation, or a detection on its own (one event is enough).
struct CorrelationProgram {
  RuleId rule = 0;
  std::unique_ptr<Correlator> correlator;
  Duration memory{0};  // how long a quiet group matters
  Duration resolve_after{0};
  std::vector<std::string> group_by;
  // By group field; an empty text stands for the actor, which brings its own labels.
  std::vector<std::string> group_labels;
  uint64_t first_roles = ~uint64_t{0};  // see correlator.h
  bool needs_value = false;
  bool needs_numbers = false;
  bool takes_valueless = false;
  bool silent = false;  // tracked, but not delivered: another correlation counts it
};

// Indexes into RuleSet::captures that every rule set has, for evidence.
struct EvidenceCapture {
  static constexpr uint16_t kActor = 0;
  static constexpr uint16_t kCode = 1;
  static constexpr uint16_t kCause = 2;
  static constexpr uint16_t kRequestId = 3;
  static constexpr uint16_t kMethod = 4;
  static constexpr uint16_t kPath = 5;
  static constexpr uint16_t kStatus = 6;
  static constexpr uint16_t kTarget = 7;
  static constexpr uint16_t kRpcMethod = 8;
  static constexpr uint16_t kRpcService = 9;
  static constexpr uint16_t kCount = 10;
};

class RuleSet {
 public:
  // Compiles. Rules that do not compile are left out and listed in rejected() together with those
  // that could not be read; only broken schemas fail the whole.
  // `facts`: what is known of addresses, if anything.
  static Result<std::shared_ptr<const RuleSet>> make(
      RuleDocuments documents, std::vector<Schema> schemas,
      std::shared_ptr<const AddressFacts> facts = nullptr);

  const DecodePlans& plans() const { return plans_; }
  const FieldTable& fields() const { return fields_; }
  const std::vector<RuleInfo>& rules() const { return rules_; }
  const SchemaRules& for_schema(SchemaId schema) const { return schemas_[schema]; }
  const PredicateSet& predicates() const { return predicates_; }
  const std::vector<CorrelationProgram>& correlations() const { return correlations_; }
  // By RuleId, or GuardedFeed::feed; empty for rules that feed nothing.
  const std::vector<Feed>& feeds(RuleId rule) const { return feeds_[rule]; }
  // By the same ids: which of captures() such hits carry, beside the evidence.
  const std::vector<uint16_t>& fed_captures(RuleId rule) const { return fed_captures_[rule]; }
  // By the same ids: the quanta of such hits when they are of the background for all that they
  // feed, else nothing.
  const std::vector<Duration>& quanta(RuleId rule) const { return quanta_[rule]; }
  // The id of those feeds of a detection that are of the background, when others of it are not: a
  // hit carries it beside the rule's. Else 0.
  RuleId background_feed(RuleId rule) const { return background_feeds_[rule]; }
  // Ids that feeds() takes: those of the rules, then those of guarded and background feeds.
  size_t feed_ids() const { return feeds_.size(); }
  const std::vector<GuardedFeed>& guarded_feeds(RuleId rule) const { return guarded_[rule]; }
  // By GuardedFeed::guard, for matches of correlations (see match_event.h).
  const std::vector<CompiledCondition>& guards() const { return guards_; }
  const std::vector<FieldId>& captures() const { return captures_; }
  const Diagnostics& rejected() const { return documents_.rejected; }
  const RuleDocuments& documents() const { return documents_; }
  // Of everything that hits and their records depend on: rules, schemas, order.
  uint64_t fingerprint() const { return fingerprint_; }
  // The schema called `name`, or -1.
  int find_schema(std::string_view name) const;
  const Classification& classification(RuleId rule) const {
    return *rules_[rule].head->picket.classify;
  }

 private:
  friend class RuleSetCompiler;
  RuleSet() = default;

  RuleDocuments documents_;
  FieldTable fields_;
  PredicateSet predicates_;
  DecodePlans plans_;
  std::vector<RuleInfo> rules_;
  std::vector<SchemaRules> schemas_;
  std::vector<CorrelationProgram> correlations_;
  std::vector<std::vector<Feed>> feeds_;
  std::vector<std::vector<uint16_t>> fed_captures_;
  std::vector<std::vector<Duration>> quanta_;
  std::vector<RuleId> background_feeds_;           // by RuleId
  std::vector<std::vector<GuardedFeed>> guarded_;  // by RuleId
  std::vector<CompiledCondition> guards_;          // by GuardedFeed::guard
  std::vector<FieldId> captures_;
  uint64_t fingerprint_ = 0;
};

// True when every key that both name agrees.
bool logsource_applies(const Logsource& rule, const Logsource& schema);

}  // namespace picket
