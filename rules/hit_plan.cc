#include "rules/hit_plan.h"

#include <xxhash.h>

#include <algorithm>

#include "rules/rule_set.h"

namespace picket {
namespace {

bool feed_the_same(const RuleSet& set, RuleId one, RuleId other) {
  const std::vector<Feed>& others = set.feeds(other);
  return std::ranges::any_of(set.feeds(one), [&](const Feed& feed) {
    return std::ranges::any_of(others,
                               [&](const Feed& to) { return to.correlation == feed.correlation; });
  });
}

// Resolving a field may cost more than matching did: only what the rules of the hit need.
void list_captures(const RuleSet& set, SchemaId schema, bool evidence, HitPlan::Part& part) {
  std::vector<bool> carried(set.captures().size());
  std::fill_n(carried.begin(), size_t{EvidenceCapture::kCount}, evidence);
  for (RuleId rule : part.rules) {
    for (uint16_t capture : set.fed_captures(rule)) carried[capture] = true;
  }
  for (uint16_t capture : set.for_schema(schema).captures) {
    if (carried[capture]) part.captures.push_back(capture);
  }
}

}  // namespace

HitPlan plan_hit(const RuleSet& set, SchemaId schema, const std::vector<RuleId>& rules) {
  HitPlan plan;
  const auto background = [&](RuleId rule) { return !set.quanta(rule).empty(); };
  for (RuleId rule : rules) {
    const bool parted = background(rule) && std::ranges::none_of(rules, [&](RuleId other) {
                          return !background(other) && feed_the_same(set, rule, other);
                        });
    (parted ? plan.background : plan.foreground).rules.push_back(rule);
  }
  list_captures(set, schema, /*evidence=*/true, plan.foreground);
  list_captures(set, schema, /*evidence=*/false, plan.background);
  for (RuleId rule : plan.background.rules) {
    const std::vector<Duration>& quanta = set.quanta(rule);
    plan.background.quanta.insert(plan.background.quanta.end(), quanta.begin(), quanta.end());
  }
  return plan;
}

const HitPlan& HitPlans::find(SchemaId schema, const std::vector<RuleId>& rules) {
  const uint64_t hash =
      XXH3_64bits_withSeed(rules.data(), rules.size() * sizeof(RuleId), uint64_t{schema} + 1);
  if (auto known = plans_.find(hash); known != plans_.end()) {
    const Entry& entry = *known->second;
    if (entry.schema == schema && entry.rules == rules) return entry.plan;
  }
  if (plans_.size() >= kPlansMax) plans_.clear();
  std::unique_ptr<Entry>& entry = plans_[hash];
  entry = std::make_unique<Entry>(Entry{schema, rules, plan_hit(set_, schema, rules)});
  return entry->plan;
}

}  // namespace picket
