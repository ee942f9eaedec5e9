// HitPlans: which hits an event makes, from the rules that it feeds: which rules go into the hit
// that counts, which into one of the background, and which values each must carry.
//
// All of that depends on the schema and the rules alone, and the same few sets of rules match most
// of the lines of a log. So it is worked out once for each set and looked up after that.
//
// Bounds: at most kPlansMax sets are remembered; when more come, all are forgotten.
// Thread rule: one owner, a Processor.
// Tested by hit_plan_test.cc.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "rules/types.h"

namespace picket {

class RuleSet;

struct HitPlan {
  struct Part {
    std::vector<RuleId> rules;       // ids that feeds() takes; none: there is no such hit
    std::vector<uint16_t> captures;  // which the record carries if the event has them, in order
    std::vector<Duration> quanta;    // of the background: the lengths of time a repeat lies in
  };
  Part foreground;
  Part background;
};

// `rules` feed correlations; those of the background make a hit of their own, unless what they feed
// hears of the event from another of the rules as well: then it is one hit.
HitPlan plan_hit(const RuleSet& set, SchemaId schema, const std::vector<RuleId>& rules);

class HitPlans {
 public:
  static constexpr size_t kPlansMax = 4096;

  // REQUIRES: `set` outlives this.
  explicit HitPlans(const RuleSet& set) : set_(set) {}

  // plan_hit() of these; good until the next call.
  const HitPlan& find(SchemaId schema, const std::vector<RuleId>& rules);
  size_t size() const { return plans_.size(); }

 private:
  struct Entry {
    SchemaId schema = 0;
    std::vector<RuleId> rules;
    HitPlan plan;
  };

  const RuleSet& set_;
  boost::unordered_flat_map<uint64_t, std::unique_ptr<Entry>> plans_;  // by hash of schema, rules
};

}  // namespace picket
