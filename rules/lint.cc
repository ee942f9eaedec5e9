#include "rules/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "rules/address_facts.h"
#include "rules/read_context.h"

namespace picket {
namespace {

using Kind = MatchTree::Kind;

void collect_names(const MatchTree& tree, std::set<std::string>& out) {
  if (tree.kind == Kind::Leaf && !tree.leaf.field.empty()) out.insert(tree.leaf.field);
  for (const MatchTree& child : tree.children) collect_names(child, out);
}

std::string first_part(std::string_view name) {
  return std::string(name.substr(0, name.find('.')));
}

// True when the two agree and name at least one thing alike.
bool same_source(const Logsource& rule, const Logsource& schema) {
  const auto same = [](const std::string& a, const std::string& b) { return !a.empty() && a == b; };
  return logsource_applies(rule, schema) &&
         (same(rule.product, schema.product) || same(rule.service, schema.service) ||
          same(rule.category, schema.category));
}

class Lint {
 public:
  Lint(const RuleSet& rules, std::optional<Timestamp> today) : rules_(rules), today_(today) {}

  Diagnostics run() {
    const auto& detections = rules_.documents().detections;
    for (size_t i = 0; i < rules_.rules().size(); ++i) {
      const RuleInfo& info = rules_.rules()[i];
      head_ = info.head;
      document_ = find_document();
      if (i < detections.size()) {
        conditions(detections[i]);
        fields(detections[i]);
      } else {
        thresholds(rules_.documents().correlations[i - detections.size()]);
      }
      lifetimes();
      tests(info);
    }
    return std::move(out_);
  }

 private:
  const Node* find_document() const {
    for (const YamlFile& file : rules_.documents().files) {
      if (*file.name != head_->where.file) continue;
      for (const Node& document : file.documents) {
        if (document.where().line == head_->where.line) return &document;
      }
    }
    return nullptr;
  }

  // The place of a nested key, or of the innermost that is there.
  Location place(std::initializer_list<std::string_view> path) const {
    Location where = head_->where;
    const Node* node = document_;
    for (const std::string_view key : path) {
      const Node* next = nullptr;
      if (!node) break;
      for (const Node::Entry& entry : node->entries()) {
        if (entry.key.text() != key) continue;
        next = &entry.value;
        where = entry.key.where();
      }
      node = next;
    }
    return where;
  }

  void warn(Location where, std::string message, std::string hint = {}) {
    out_.push_back({std::move(where), std::move(message), std::move(hint), Severity::Warning});
  }

  void conditions(const DetectionSpec& rule) {
    for (ConditionFinding& finding : lint_condition(rule.condition)) {
      const std::string key = finding.selection.empty() ? "condition" : finding.selection;
      warn(place({"detection", key}), std::move(finding.message));
    }
  }

  // Names that look like a schema's own but are none. Any other name may be a path of the log that
  // the schema does not mention, so nothing is said of it.
  void fields(const DetectionSpec& rule) {
    std::vector<std::string> known;
    std::set<std::string> families;
    bool applicable = false;
    for (const Schema& schema : rules_.plans().schemas) {
      // A schema that merely does not contradict the rule says nothing about its fields.
      if (!same_source(rule.logsource, schema.logsource)) continue;
      if (schema.fields.empty() || !schema.roots.empty()) return;
      applicable = true;
      for (const SchemaField& field : schema.fields) add_known(field, known, families);
    }
    if (!applicable) return;
    for (FieldId id = 0; id < BuiltinField::kCount; ++id) known.push_back(rules_.fields().name(id));
    std::set<std::string> names;
    collect_names(rule.condition, names);
    for (const std::string& name : names) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      if (address_fact(name)) continue;  // that no data has it is said when rules are compiled
      const auto near = nearest(name, known);
      const bool family = name.find('.') != name.npos && families.contains(first_part(name));
      if (!near && !family) continue;
      warn(place({"detection"}), fmt::format("no schema of this logsource has a field '{}'", name),
           near ? "did you mean '" + *near + "'?" : "");
    }
  }

  static void add_known(const SchemaField& field, std::vector<std::string>& known,
                        std::set<std::string>& families) {
    known.push_back(field.name);
    if (field.name.find('.') != field.name.npos) families.insert(first_part(field.name));
    for (const FieldRule& rule : field.alternatives) {
      known.push_back(rule.source.path);
      // Below a path of the log anything may be found.
      families.erase(first_part(rule.source.path));
    }
  }

  void thresholds(const CorrelationSpec& rule) {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    for (const auto& [comparison, bound] : rule.condition.bounds) {
      if (comparison == Comparison::GreaterEqual || comparison == Comparison::Greater ||
          comparison == Comparison::Equal) {
        low = std::max(low, bound);
      }
      if (comparison == Comparison::LessEqual || comparison == Comparison::Less ||
          comparison == Comparison::Equal) {
        high = std::min(high, bound);
      }
    }
    const Location where = place({"correlation", "condition"});
    if (low > high) {
      warn(where,
           fmt::format("the condition can never hold: at least {} and at most {}", low, high));
    }
    for (const Escalation& step : rule.head.picket.escalate) {
      if (step.gte >= low) continue;
      warn(place({"picket", "escalate"}),
           fmt::format("an escalation at {} comes before the rule alerts, at {}", step.gte, low));
    }
    if (rule.type == "value_count" && rule.condition.fields.size() == 1) {
      reachable(rule, rule.condition.fields.front(), low, where);
    }
  }

  // A field that every counted rule pins to a few values has no more distinct ones than those.
  void reachable(const CorrelationSpec& rule, const std::string& field, double low,
                 const Location& where) {
    std::set<std::string> values;
    for (const std::string& reference : rule.rules) {
      const DetectionSpec* detection = find_detection(reference);
      if (!detection || !pinned(detection->condition, field, values)) return;
    }
    if (rule.rules.empty() || static_cast<double>(values.size()) >= low) return;
    warn(where, fmt::format("the condition can never hold: the rules that it counts allow only {} "
                            "value{} of '{}', and it wants {}",
                            values.size(), values.size() == 1 ? "" : "s", field, low));
  }

  const DetectionSpec* find_detection(const std::string& reference) const {
    for (const DetectionSpec& detection : rules_.documents().detections) {
      if (detection.head.id == reference || detection.head.name == reference) return &detection;
    }
    return nullptr;
  }

  // True when `tree` holds only for certain values of `field`, which are added to `values`.
  static bool pinned(const MatchTree& tree, const std::string& field,
                     std::set<std::string>& values) {
    const auto pins = [&](const MatchTree& child) { return pinned(child, field, values); };
    switch (tree.kind) {
      case Kind::And:
        return std::any_of(tree.children.begin(), tree.children.end(), pins);
      case Kind::Or:
        return !tree.children.empty() &&
               std::all_of(tree.children.begin(), tree.children.end(), pins);
      case Kind::Not:
        return false;
      case Kind::Leaf:
        break;
    }
    const Predicate& p = tree.leaf;
    if (p.field != field) return false;
    if (p.op == MatchOp::Number) {
      values.insert(fmt::format("{}", p.number));
      return true;
    }
    // Without |cased many spellings match, and each counts as a value.
    const bool literal = p.op == MatchOp::Pattern && p.pattern.size() == 1 &&
                         p.pattern[0].kind == PatternPart::Kind::Text;
    if (!literal) return false;
    const bool letters = std::ranges::any_of(p.pattern[0].text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
    });
    if (letters && !p.cased) return false;
    values.insert(p.pattern[0].text);
    return true;
  }

  void lifetimes() {
    const PicketBlock& picket = head_->picket;
    if (picket.resolve_after && *picket.resolve_after == Duration(0)) {
      warn(place({"picket", "resolve_after"}),
           "with 'resolve_after: 0' an alert ends in the moment it opens");
    }
    for (size_t i = 0; today_ && i < picket.exceptions.size(); ++i) {
      const RuleException& exception = picket.exceptions[i];
      if (!exception.expires || *exception.expires > *today_) continue;
      warn(place({"picket", "exceptions"}),
           fmt::format("exception {} expired on {}: the rule counts what it was made for", i + 1,
                       format_rfc3339(*exception.expires).substr(0, 10)),
           exception.owner.empty() ? "remove or renew it"
                                   : "remove or renew it; its owner is " + exception.owner);
    }
  }

  // True when the test expects that something is found, false that nothing is.
  static bool expects_finding(const Node& test) {
    const Node* expect = test.find("expect");
    if (!expect) return false;
    const auto counts = [&](const char* key) {
      const Node* node = expect->find(key);
      return node && node->is_scalar() && node->text() != "0";
    };
    const Node* classify = expect->find("classify");
    return counts("alerts") || counts("matches") || (classify && classify->is_map()) ||
           (!expect->find("alerts") && (expect->find("severity") || expect->find("labels")));
  }

  void tests(const RuleInfo& info) {
    const bool block = document_ && document_->find("picket");
    const bool pack = head_->where.file.find("packs/") != std::string::npos;
    if (!block && !pack) return;
    const Node* tests = head_->picket.tests;
    if (!tests || tests->items().empty()) {
      warn(place({"picket"}), "the rule has no tests",
           "add one that it must find and a near miss under 'picket: {tests: [...]}'");
      return;
    }
    // What only feeds other rules is tested to the full where it alerts.
    if (info.kind == RuleKind::Detection && info.correlation < 0) return;
    const auto finds = [](const Node& test) { return expects_finding(test); };
    const auto& items = tests->items();
    if (std::none_of(items.begin(), items.end(), finds)) {
      warn(place({"picket", "tests"}), "no test expects the rule to find anything");
    } else if (std::all_of(items.begin(), items.end(), finds)) {
      warn(place({"picket", "tests"}), "no test shows what the rule must not find",
           "add a near miss with 'alerts: 0', 'matches: 0' or 'classify: none'");
    }
  }

  const RuleSet& rules_;
  const std::optional<Timestamp> today_;
  const RuleHead* head_ = nullptr;
  const Node* document_ = nullptr;
  Diagnostics out_;
};

}  // namespace

Diagnostics lint(const RuleSet& rules, std::optional<Timestamp> today) {
  return Lint(rules, today).run();
}

}  // namespace picket
