#include "rules/rule_set.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/apply_filters.h"
#include "rules/wire_correlations.h"

namespace picket {
namespace {

uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

// The condition that is run: the rule's, less its exceptions. The rule's fingerprint is made
// without them, so that adding one does not throw away its windows. `scratch` holds the tree when
// it is not the rule's own.
const MatchTree& effective_condition(const DetectionSpec& rule, MatchTree& scratch) {
  if (rule.head.picket.exceptions.empty()) return rule.condition;
  MatchTree both{.kind = MatchTree::Kind::And};
  both.children.push_back(rule.condition);
  both.children.push_back(no_exception(rule.head.picket.exceptions));
  scratch = std::move(both);
  return scratch;
}

}  // namespace

bool logsource_applies(const Logsource& rule, const Logsource& schema) {
  auto agree = [](const std::string& a, const std::string& b) {
    return a.empty() || b.empty() || a == b;
  };
  return agree(rule.product, schema.product) && agree(rule.service, schema.service) &&
         agree(rule.category, schema.category);
}

int RuleSet::find_schema(std::string_view name) const {
  for (size_t i = 0; i < plans_.schemas.size(); ++i) {
    if (plans_.schemas[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

class RuleSetCompiler {
 public:
  RuleSetCompiler(RuleDocuments documents, std::vector<Schema> schemas,
                  std::shared_ptr<const AddressFacts> facts)
      : set_(new RuleSet()), source_schemas_(std::move(schemas)), facts_(std::move(facts)) {
    set_->documents_ = std::move(documents);
  }

  Result<std::shared_ptr<const RuleSet>> compile() {
    apply_filters(set_->documents_);
    check_detections();
    base_captures();
    prepare_correlations(set_->documents_);
    list_rules();
    wire_correlations({set_->documents_, set_->fields_, set_->predicates_, set_->captures_,
                       set_->rules_, set_->correlations_, set_->feeds_, set_->guarded_,
                       set_->guards_});
    part_background();
    for (const std::vector<Feed>& feeds : set_->feeds_) {
      std::set<uint16_t> captures;
      add_captures(feeds, captures);
      captures.erase(kNoCapture);
      set_->fed_captures_.emplace_back(captures.begin(), captures.end());
      std::set<Duration> quanta;
      for (const Feed& feed : feeds) quanta.insert(feed.quantum);
      if (quanta.contains(Duration(0))) quanta.clear();
      set_->quanta_.emplace_back(quanta.begin(), quanta.end());
    }
    note_unknown_addresses();
    wanted_.resize(source_schemas_.size());
    set_->schemas_.resize(source_schemas_.size());
    for (size_t s = 0; s < source_schemas_.size(); ++s) add_rules(s);
    PICKET_TRY(set_->plans_,
               compile_plans(std::move(source_schemas_), set_->fields_, wanted_lists()));
    set_->plans_.address_facts = facts_;
    for (size_t s = 0; s < set_->schemas_.size(); ++s) freeze(s);
    fingerprint();
    return std::shared_ptr<const RuleSet>(std::move(set_));
  }

 private:
  void reject(Diagnostics why) { append(set_->documents_.rejected, std::move(why)); }

  Result<CompiledCondition> compile(const MatchTree& condition, const Location& where) {
    return compile_condition(condition, set_->predicates_, set_->fields_, where);
  }

  // An expression that may take long is worth knowing of, though it is bounded.
  void note_backtracking(const CompiledCondition& condition, const RuleHead& rule) {
    for (const ConditionNode& node : condition.nodes) {
      if (node.kind != ConditionNode::Kind::Leaf) continue;
      const CompiledPredicate& predicate = set_->predicates_[node.first];
      if (!predicate.backtrack) continue;
      set_->documents_.rejected.push_back(
          {rule.where, "a regular expression of this rule needs look-around or back-references",
           "it runs with a step limit; an expression without them runs in linear time",
           Severity::Warning});
      return;
    }
  }

  // A field that never has a value makes a rule blind, and nobody would notice.
  void note_unknown_addresses() {
    for (size_t i = 0; i < conditions_.size(); ++i) {
      std::set<FieldId> fields;
      collect_fields(conditions_[i], fields);
      for (FieldId field : fields) {
        note_unknown_address(set_->fields_.name(field), set_->documents_.detections[i].head);
      }
    }
    for (const CorrelationSpec& rule : set_->documents_.correlations) {
      for (const std::string& field : rule.group_by) note_unknown_address(field, rule.head);
      for (const std::string& field : rule.condition.fields) note_unknown_address(field, rule.head);
    }
  }

  void note_unknown_address(const std::string& field, const RuleHead& rule) {
    const std::optional<AddressFact> fact = address_fact(field);
    if (!fact || (facts_ && facts_->has(*fact))) return;
    const auto maps = [&](const Schema& schema) { return schema.field(field) != nullptr; };
    if (std::ranges::any_of(source_schemas_, maps)) return;
    set_->documents_.rejected.push_back(
        {rule.where,
         fmt::format("what '{}' is of an address is known from a database alone, and none has it",
                     field),
         "name a file of MaxMind's under geoip in the configuration", Severity::Warning});
  }

  // Leaves out detections whose predicates, those of their exceptions included, do not compile.
  void check_detections() {
    auto& detections = set_->documents_.detections;
    std::stable_sort(detections.begin(), detections.end(), [](const auto& a, const auto& b) {
      auto priority = [](const DetectionSpec& rule) {
        return rule.head.picket.classify ? rule.head.picket.classify->priority : INT32_MAX;
      };
      return priority(a) < priority(b);
    });
    std::vector<DetectionSpec> good;
    good.reserve(detections.size());
    for (DetectionSpec& rule : detections) {
      MatchTree scratch;
      auto compiled = compile(effective_condition(rule, scratch), rule.head.where);
      if (!compiled) {
        reject(std::move(compiled).error());
        continue;
      }
      note_backtracking(*compiled, rule.head);
      conditions_.push_back(*std::move(compiled));
      good.push_back(std::move(rule));
    }
    detections = std::move(good);
  }

  void base_captures() {
    for (FieldId field :
         {BuiltinField::kActor, BuiltinField::kCode, BuiltinField::kCause, BuiltinField::kRequestId,
          BuiltinField::kMethod, BuiltinField::kPath, BuiltinField::kStatus, BuiltinField::kTarget,
          BuiltinField::kRpcMethod, BuiltinField::kRpcService}) {
      set_->captures_.push_back(field);
    }
  }

  void list_rules() {
    for (const DetectionSpec& rule : set_->documents_.detections) {
      RuleKind kind = rule.head.picket.classify ? RuleKind::Classify : RuleKind::Detection;
      set_->rules_.push_back({kind, &rule.head, hash_of(dump(rule.condition) + rule.head.id), -1});
    }
    for (const CorrelationSpec& rule : set_->documents_.correlations) {
      set_->rules_.push_back({RuleKind::Correlation, &rule.head, hash_of(meaning(rule)), -1});
    }
    set_->feeds_.resize(set_->rules_.size());
    set_->guarded_.resize(set_->rules_.size());
  }

  // Gives the background feeds of a detection that has others too an id of their own, so that their
  // hits can be left out when they repeat.
  void part_background() {
    set_->background_feeds_.assign(set_->rules_.size(), 0);
    for (size_t rule = 0; rule < set_->documents_.detections.size(); ++rule) {
      std::vector<Feed>& feeds = set_->feeds_[rule];
      const auto others = [](const Feed& feed) { return feed.quantum == Duration(0); };
      const auto first = std::stable_partition(feeds.begin(), feeds.end(), others);
      if (first == feeds.begin() || first == feeds.end()) continue;
      std::vector<Feed> background(first, feeds.end());
      feeds.erase(first, feeds.end());
      set_->background_feeds_[rule] = static_cast<RuleId>(set_->feeds_.size());
      set_->feeds_.push_back(std::move(background));
    }
  }

  void add_rules(size_t s) {
    const Schema& schema = source_schemas_[s];
    SchemaRules& rules = set_->schemas_[s];
    std::set<FieldId>& wanted = wanted_[s];
    std::set<uint16_t> captures;
    for (size_t i = 0; i < set_->documents_.detections.size(); ++i) {
      const DetectionSpec& rule = set_->documents_.detections[i];
      if (!logsource_applies(rule.logsource, schema.logsource)) continue;
      collect_fields(conditions_[i], wanted);
      bool classify = rule.head.picket.classify.has_value();
      (classify ? rules.classifier : rules.detections).add(conditions_[i]);
      (classify ? rules.classifier_rules : rules.detection_rules).push_back(static_cast<RuleId>(i));
      add_captures(set_->feeds_[i], captures);
      for (const GuardedFeed& guarded : set_->guarded_[i]) {
        add_captures(set_->feeds_[guarded.feed], captures);
      }
      if (RuleId parted = set_->background_feeds_[i]; parted != 0) {
        add_captures(set_->feeds_[parted], captures);
      }
    }
    for (const CompiledCondition& guard : set_->guards_) {
      collect_fields(guard, wanted);
      rules.guards.add(guard);
    }
    for (uint16_t i = 0; i < EvidenceCapture::kCount; ++i) captures.insert(i);
    for (uint16_t capture : captures) wanted.insert(set_->captures_[capture]);
    rules.captures.assign(captures.begin(), captures.end());
  }

  void collect_fields(const CompiledCondition& condition, std::set<FieldId>& out) const {
    for (const ConditionNode& node : condition.nodes) {
      if (node.kind != ConditionNode::Kind::Leaf) continue;
      const CompiledPredicate& predicate = set_->predicates_[node.first];
      if (predicate.field != kKeywordField) out.insert(predicate.field);
      if (predicate.kind == CompiledPredicate::Kind::FieldRef) out.insert(predicate.other);
    }
  }

  static void add_captures(const std::vector<Feed>& feeds, std::set<uint16_t>& captures) {
    for (const Feed& feed : feeds) {
      captures.insert(feed.group.begin(), feed.group.end());
      captures.insert(feed.value.begin(), feed.value.end());
    }
  }

  std::vector<std::vector<FieldId>> wanted_lists() const {
    std::vector<std::vector<FieldId>> lists;
    for (const auto& fields : wanted_) lists.emplace_back(fields.begin(), fields.end());
    return lists;
  }

  void freeze(size_t s) {
    DecodePlan& plan = set_->plans_.plans[s];
    FieldCost costs(set_->fields_.size(), 0);
    for (size_t field = 0; field < costs.size(); ++field) {
      if (plan.fields[field].fact) costs[field] = 4;
      for (const Alternative& alternative : plan.fields[field].alternatives) {
        if (alternative.inner >= 0 || !alternative.header.empty()) costs[field] = 4;
        if (alternative.capture) costs[field] = std::max<uint8_t>(costs[field], 3);
        // A text that holds JSON is long and full of escapes.
        for (const InnerDocument& inner : plan.inners) {
          if (inner.base == alternative.slot) costs[field] = std::max<uint8_t>(costs[field], 2);
        }
      }
    }
    costs[BuiltinField::kActor] = 2;
    SchemaRules& rules = set_->schemas_[s];
    freeze_matchers({&rules.classifier, &rules.detections, &rules.guards}, set_->predicates_, costs,
                    rules.facts);
    for (FieldId field : rules.facts.fields()) plan.watch(field);
  }

  void fingerprint() {
    std::string all;
    for (const RuleInfo& rule : set_->rules_) all += fmt::format("{:x},", rule.fingerprint);
    for (const auto& guarded : set_->guarded_) {
      for (const GuardedFeed& feed : guarded) all += fmt::format("{},", feed.feed);
      all += ";";
    }
    for (FieldId field : set_->captures_) all += set_->fields_.name(field) + ";";
    for (const Schema& schema : set_->plans_.schemas) all += schema.name + ";";
    set_->fingerprint_ = hash_of(all);
  }

  std::unique_ptr<RuleSet> set_;
  std::vector<Schema> source_schemas_;
  std::shared_ptr<const AddressFacts> facts_;
  std::vector<std::set<FieldId>> wanted_;
  std::vector<CompiledCondition> conditions_;  // by detection
};

Result<std::shared_ptr<const RuleSet>> RuleSet::make(RuleDocuments documents,
                                                     std::vector<Schema> schemas,
                                                     std::shared_ptr<const AddressFacts> facts) {
  return RuleSetCompiler(std::move(documents), std::move(schemas), std::move(facts)).compile();
}

}  // namespace picket
