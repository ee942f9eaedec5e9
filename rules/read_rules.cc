// From the documents of a rule file to specs: detection, correlation and filter rules.
//
// Sigma allows any further top-level keys, so those are not checked; what is inside `correlation`
// and `picket` is. A rule with problems becomes one diagnostic at the first of them, with the
// others listed in its message, so that the number of rejected rules can be counted.
//
// Tested by tests/rules/read_rules_test.cc and, on a large public corpus, by
// tests/rules/sigma_corpus_test.cc.
#include <algorithm>

#include <fmt/format.h>

#include "rules/parse_condition.h"
#include "rules/read_context.h"
#include "rules/read_correlation.h"
#include "rules/read_match.h"
#include "rules/read_picket.h"
#include "rules/read_rsigma.h"
#include "rules/rule_spec.h"

namespace picket {
namespace {

std::string text_under(const Node& root, std::string_view key, ReadContext& context) {
  const Node* node = root.find(key);
  if (node == nullptr || node->is_null()) return {};
  return read_string(*node, context.diagnostics).value_or("");
}

void read_title(const Node& root, RuleHead& head, ReadContext& context) {
  head.title = text_under(root, "title", context);
  if (!head.title.empty()) return;
  const Node* title = root.find("title");
  if (title == nullptr || title->is_null() || title->is_scalar()) {
    context.error(title == nullptr ? root : *title, "a rule needs a title");
  }
}

void read_level(const Node& root, RuleHead& head, ReadContext& context) {
  const std::string text = text_under(root, "level", context);
  if (text.empty()) return;
  if (const auto level = parse_level(text)) {
    head.level = *level;
    return;
  }
  std::string hint = did_you_mean(text, {"informational", "low", "medium", "high", "critical"});
  if (hint.empty()) hint = "use one of informational, low, medium, high, critical";
  context.error(*root.find("level"), fmt::format("unknown level '{}'", text), std::move(hint));
}

void read_status(const Node& root, ReadContext& context) {
  const std::string text = text_under(root, "status", context);
  const std::vector<std::string> known = {"stable", "test", "experimental", "deprecated",
                                          "unsupported"};
  if (text.empty() || std::find(known.begin(), known.end(), text) != known.end()) return;
  context.warn(*root.find("status"), fmt::format("unknown status '{}'", text),
               did_you_mean(text, known));
}

// Sigma allows any further key, so only those are named that look like one with a typo.
void warn_of_typos(const Node& map, const std::vector<std::string>& known, std::string_view what,
                   ReadContext& context) {
  for (const Node::Entry& entry : map.entries()) {
    const std::string& key = entry.key.text();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (std::string hint = did_you_mean(key, known); !hint.empty()) {
      context.warn(entry.key, fmt::format("unknown key '{}' in {}", key, what), std::move(hint));
    }
  }
}

const std::vector<std::string>& rule_keys() {
  static const std::vector<std::string> kKeys = {
      "title",        "id",    "name",      "description",    "status",   "level",
      "logsource",    "tags",  "detection", "correlation",    "filter",   "picket",
      "author",       "date",  "modified",  "references",     "related",  "fields",
      "license",      "scope", "taxonomy",  "falsepositives", "generate", "custom_attributes",
      "sigma-version"};
  return kKeys;
}

// Returns the options of a correlation type of ours, or null.
const Node* read_head(const Node& root, RuleKind kind, RuleHead& head, ReadContext& context) {
  head.where = root.where();
  read_title(root, head, context);
  head.id = text_under(root, "id", context);
  head.name = text_under(root, "name", context);
  head.description = text_under(root, "description", context);
  if (const Node* tags = root.find("tags"); tags != nullptr && !tags->is_null()) {
    head.tags = read_strings(*tags, context.diagnostics).value_or(std::vector<std::string>{});
  }
  read_level(root, head, context);
  read_status(root, context);
  warn_of_typos(root, rule_keys(), "a rule", context);
  const RsigmaAttributes foreign = read_rsigma(root, context);
  const Node* block = root.find("picket");
  PicketReading reading;
  if (block != nullptr && !block->is_null()) reading = read_picket(*block, kind, context);
  head.picket = std::move(reading.block);
  const auto own = [block](const char* key) { return block != nullptr && block->find(key); };
  if (foreign.cooldown && !own("cooldown")) head.picket.cooldown = *foreign.cooldown;
  if (foreign.evidence && !own("evidence")) head.picket.evidence = *foreign.evidence;
  return reading.correlation;
}

// Only three keys of a logsource select anything; Sigma also puts prose there.
Logsource read_logsource(const Node& root, ReadContext& context) {
  const Node* node = root.find("logsource");
  if (node == nullptr || node->is_null()) return {};
  if (!node->is_map()) {
    context.error(*node, "'logsource' must be a map");
    return {};
  }
  warn_of_typos(*node, {"product", "service", "category", "definition"}, "logsource", context);
  return {text_under(*node, "product", context), text_under(*node, "service", context),
          text_under(*node, "category", context)};
}

// The selections of a `detection` or `filter` map and the condition over them.
MatchTree read_detection(const Node& node, std::string_view what, ReadContext& context) {
  if (!node.is_map()) {
    context.error(node, fmt::format("'{}' must be a map of selections and a condition", what));
    return {};
  }
  const size_t problems = context.diagnostics.size();
  std::vector<Selection> selections;
  for (const Node::Entry& entry : node.entries()) {
    const std::string& name = entry.key.text();
    if (name == "condition" || (what == "filter" && name == "rules")) continue;
    if (name == "timeframe") {
      context.error(entry.key, "'timeframe' left the detection part of Sigma with version 2",
                    "write a rule with 'correlation:' that refers to this one");
      continue;
    }
    selections.push_back({&entry.key, read_selection(entry.value, context), false});
  }
  const Node* condition = node.find("condition");
  if (condition == nullptr || condition->is_null()) {
    context.error(node, fmt::format("'{}' needs a condition", what));
    return {};
  }
  if (context.full) return {};
  MatchTree tree = parse_condition(*condition, selections, context);
  if (context.diagnostics.size() > problems) return tree;
  for (const Selection& selection : selections) {
    if (selection.used) continue;
    context.warn(*selection.key,
                 fmt::format("selection '{}' is not used by the condition", selection.key->text()));
  }
  return tree;
}

// One diagnostic for a rejected rule; warnings of a rule that loads stay as they are.
void settle(Diagnostics problems, Diagnostics& rejected) {
  if (!has_errors(problems)) return append(rejected, std::move(problems));
  std::erase_if(problems, [](const Diagnostic& d) { return d.severity != Severity::Error; });
  constexpr size_t kListedMax = 10;
  Diagnostic& first = problems.front();
  for (size_t i = 1; i < problems.size() && i <= kListedMax; ++i) {
    first.message += fmt::format("; line {}:{}: {}", problems[i].where.line,
                                 problems[i].where.column, problems[i].message);
  }
  if (problems.size() > kListedMax + 1) {
    first.message += fmt::format("; and {} more", problems.size() - kListedMax - 1);
  }
  rejected.push_back(std::move(first));
}

void read_detection_rule(const Node& root, ReadContext& context, RuleDocuments& rules) {
  DetectionSpec spec;
  read_head(root, RuleKind::Detection, spec.head, context);
  spec.logsource = read_logsource(root, context);
  spec.condition = read_detection(*root.find("detection"), "detection", context);
  if (!has_errors(context.diagnostics)) rules.detections.push_back(std::move(spec));
}

void read_correlation_rule(const Node& root, ReadContext& context, RuleDocuments& rules) {
  CorrelationSpec spec;
  spec.options = read_head(root, RuleKind::Correlation, spec.head, context);
  // Older files keep `generate` beside `correlation`.
  if (const Node* generate = root.find("generate")) {
    spec.generate = read_bool(*generate, context.diagnostics).value_or(false);
  }
  read_correlation(*root.find("correlation"), spec, context);
  if (!has_errors(context.diagnostics)) rules.correlations.push_back(std::move(spec));
}

void read_filter_rule(const Node& root, ReadContext& context, RuleDocuments& rules) {
  FilterSpec spec;
  read_head(root, RuleKind::Filter, spec.head, context);
  spec.logsource = read_logsource(root, context);
  const Node& filter = *root.find("filter");
  const Node* names = filter.find("rules");
  if (names != nullptr && !names->is_null()) {
    spec.rules = read_strings(*names, context.diagnostics).value_or(std::vector<std::string>{""});
  }
  if (filter.is_map() && spec.rules.empty()) {
    context.error(names != nullptr ? *names : filter, "'filter' needs the rules that it narrows",
                  "list names or ids under 'rules', or write 'rules: any'");
  }
  if (const Node* block = root.find("picket")) {
    context.warn(*block, "a filter has no use for a 'picket' block");
  }
  spec.condition = read_detection(filter, "filter", context);
  if (!has_errors(context.diagnostics)) rules.filters.push_back(std::move(spec));
}

void read_document(const Node& root, ReadContext& context, RuleDocuments& rules) {
  if (!root.is_map()) return context.error(root, "a rule must be a map");
  if (const Node* action = root.find("action")) {
    return context.error(*action, "'action' collections left Sigma with version 2",
                         "write each rule out, or use a 'correlation:' or 'filter:' document");
  }
  const bool correlation = root.find("correlation") != nullptr;
  const bool filter = root.find("filter") != nullptr;
  const bool detection = root.find("detection") != nullptr;
  if (correlation + filter + detection > 1) {
    context.error(root, "a document is one of detection, correlation and filter, not several");
  } else if (correlation) {
    read_correlation_rule(root, context, rules);
  } else if (filter) {
    read_filter_rule(root, context, rules);
  } else if (detection) {
    read_detection_rule(root, context, rules);
  } else {
    std::string hint;
    for (const Node::Entry& entry : root.entries()) {
      if (hint.empty()) {
        hint = did_you_mean(entry.key.text(), {"detection", "correlation", "filter"});
      }
    }
    context.error(root, "the document has no 'detection', 'correlation' or 'filter'",
                  std::move(hint));
  }
}

// A reference to a name that two rules share would silently mean the first of them.
void warn_of_twins(const Node& document, ReadContext& context, RuleDocuments& rules) {
  for (const std::string_view key : {"id", "name"}) {
    const Node* node = document.find(key);
    if (node == nullptr || !node->is_scalar() || node->text().empty()) continue;
    const auto [known, fresh] = rules.known_names.try_emplace(
        fmt::format("{}:{}", key, node->text()), rules.places.size() - 1);
    if (fresh) continue;
    const DocumentPlace& first = rules.places[known->second];
    context.warn(*node,
                 fmt::format("the {} '{}' is also that of the rule at {}:{}", key, node->text(),
                             *first.file, first.line),
                 "give each rule its own");
  }
}

bool keeps_nodes(const RuleHead& head) { return head.picket.tests != nullptr; }

}  // namespace

void read_rules(YamlFile file, const Placeholders& placeholders, RuleDocuments& rules) {
  const size_t detections = rules.detections.size();
  const size_t correlations = rules.correlations.size();
  // The file moves first: Nodes keep their addresses, because only its vector's handle moves.
  rules.files.push_back(std::move(file));
  YamlFile& kept = rules.files.back();
  for (const Node& document : kept.documents) {
    if (document.is_null()) continue;
    const Node* id = document.find("id");
    rules.places.push_back({kept.name.get(), document.where().line,
                            id != nullptr && id->is_scalar() ? id->text() : std::string()});
    ReadContext context{placeholders};
    if (document.is_map()) warn_of_twins(document, context, rules);
    read_document(document, context, rules);
    settle(std::move(context.diagnostics), rules.rejected);
  }
  // Most rules are plain Sigma and need their Nodes no more. Thousands of them in memory would cost
  // more than all that they compile to.
  const bool in_use = std::any_of(rules.detections.begin() + static_cast<ptrdiff_t>(detections),
                                  rules.detections.end(),
                                  [](const auto& rule) { return keeps_nodes(rule.head); }) ||
                      std::any_of(rules.correlations.begin() + static_cast<ptrdiff_t>(correlations),
                                  rules.correlations.end(), [](const auto& rule) {
                                    return rule.options != nullptr || keeps_nodes(rule.head);
                                  });
  if (in_use || rules.keep_nodes) return;
  kept.documents = {};
  kept.text = std::make_unique<const std::string>();
}

}  // namespace picket
