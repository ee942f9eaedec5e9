// Processor: the decode worker's whole job on one batch: lines -> events -> refusals and hits.
//
// Everything here depends on the batch and the rule set alone, never on other batches, so workers
// may take batches in any order; the engine puts the results back in sequence.
//
// Thread rule: one Processor per worker; the rule set is shared and const. In steady state nothing
// is allocated per event.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/classifier.h"
#include "rules/decode.h"
#include "rules/hit.h"
#include "rules/hit_plan.h"
#include "rules/rule_set.h"

namespace picket {

// What a worker knows of the stream a batch belongs to.
struct BatchContext {
  int fixed_schema = -1;  // SchemaId, or -1: recognise each line
  Timestamp future_limit = Timestamp::max();
};

// Sees each event as it is judged: for `classify`, `match` and `explain`. Called on the worker.
class EventObserver {
 public:
  virtual ~EventObserver() = default;
  // `refusal` is null for events that are none; `detections` are the rules that matched.
  virtual void on_event(Event& event, const Refusal* refusal,
                        const std::vector<RuleId>& detections) = 0;
};

// A clock for measuring what rules cost. Passed in, because what rules decide may depend on no
// clock.
using NanoClock = uint64_t (*)();

class Processor final : private EventSink {
 public:
  // REQUIRES: `observer`, if any, outlives the processor. Without a clock no cost is timed.
  explicit Processor(std::shared_ptr<const RuleSet> rules, EventObserver* observer = nullptr,
                     NanoClock clock = nullptr);

  // Works through `batch` and returns what came of it, dead letters included. `out` is reused.
  void process(LineBatch batch, const BatchContext& context, HitBatch& out);

 private:
  void on_event(Event& event) override;
  void lines(const BatchContext& context);
  void dead_letter(DecodeError reason, uint32_t line, std::string_view text);
  void count_refusal(const Refusal& refusal);
  void sample_unknown(Event& event, const Refusal& refusal);
  void count_matches(const std::vector<RuleId>& matched);
  void write_hit(const Matcher::Subject& subject);
  // Good until the next one.
  Hit& write_record(Event& event, const HitPlan::Part& part);
  // The hash for Hit::background. REQUIRES: the record has been written.
  uint64_t background_hash(const Hit& hit, const std::vector<Duration>& quanta) const;
  // `text` without secrets, good until the next call.
  std::string_view without_secrets(std::string_view text);
  void finish_counts();
  // Runs a rule's condition, counts it and times one in kSampleEvery.
  template <class Run>
  bool run_rule(RuleId rule, const Run& run);

  std::shared_ptr<const RuleSet> rules_;
  EventObserver* observer_;
  NanoClock clock_;
  Decoder decoder_;
  std::vector<MatchMemo> memos_;  // by schema
  std::optional<FieldId> message_field_;
  HitBatch* out_ = nullptr;
  std::vector<uint32_t> matched_;      // indexes in the matcher
  std::vector<RuleId> matched_rules_;  // their rule ids
  std::vector<RuleId> feeding_;        // the ids of theirs that feed a correlation
  HitPlans plans_;
  std::vector<uint32_t> match_counts_;  // by RuleId, of the batch
  std::vector<RuleId> counted_;         // rules with a count in match_counts_
  std::string redacted_;
  struct {
    std::vector<RuleCost> by_rule;  // of the batch
    std::vector<RuleId> run;        // rules with evaluations in by_rule
    uint32_t until_sample = 1;
  } costs_;
};

}  // namespace picket
