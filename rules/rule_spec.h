// RuleSpec and its parts: a rule file after reading, before compiling.
//
// Sigma 2.1 documents (detection, correlation, filter) plus the namespaced `picket:` block.
// read_rules.cc makes them from Nodes; compile_match.cc and the correlators turn them into
// programs.
//
// Thread rule: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/node.h"
#include "config/result.h"
#include "config/schema.h"
#include "rules/match_tree.h"
#include "rules/types.h"

namespace picket {

// The `picket: {classify: …}` block: names a refusal.
struct Classification {
  std::string cause = {};
  std::string code = {};      // empty: the event's error.type
  int mistake = 0;            // 1 to 7
  std::string scenario = {};  // protected_resource, resource_state, account_limit, platform_policy
  int priority = 100;         // lower is tried first; then file order
  double confidence = 1.0;    // 0 to 1: how surely the evidence used names the cause
};

struct Escalation {
  double gte = 0;
  Level level = Level::High;
};

struct RuleException {
  MatchTree match = {};
  std::optional<Timestamp> expires = {};
  std::string owner = {};
  std::string reason = {};
};

// The `picket:` block of any rule.
struct PicketBlock {
  std::optional<Classification> classify = {};
  Verdict verdict = Verdict::None;
  int mistake = 0;  // named by misuse alerts; 0: none
  std::optional<Duration> resolve_after = {};
  Duration cooldown{0};
  int evidence = 10;
  std::vector<Escalation> escalate = {};
  bool shadow = false;
  bool group_missing_empty = false;
  std::vector<RuleException> exceptions = {};
  std::string summary = {};
  std::string remediation = {};
  std::string runbook = {};  // page name under docs/runbooks
  const Node* tests = nullptr;
};

// What every rule has.
struct RuleHead {
  std::string id = {};
  std::string name = {};
  std::string title = {};
  std::string description = {};
  std::vector<std::string> tags = {};
  Level level = Level::Medium;
  PicketBlock picket = {};
  Location where = {};
};

struct DetectionSpec {
  RuleHead head = {};
  Logsource logsource = {};
  MatchTree condition = {};
};

enum class Comparison : uint8_t { Greater, GreaterEqual, Less, LessEqual, Equal, NotEqual };

struct CorrelationCondition {
  std::vector<std::pair<Comparison, double>> bounds = {};  // all must hold
  std::vector<std::string> fields = {};                    // value_*: the counted field or tuple
  double percentile = 0;
  std::string expression = {};  // extended boolean condition over rule names; empty: none
};

// alias -> (rule reference -> field of that rule)
struct FieldAlias {
  std::string alias = {};
  std::vector<std::pair<std::string, std::string>> fields = {};
};

struct CorrelationSpec {
  RuleHead head = {};
  std::string type = {};                // "event_count", "value_count", ...
  std::vector<std::string> rules = {};  // names or ids
  // By place in `rules`, filled in once the rule is found: what else it is called. An expression
  // may use either.
  std::vector<std::string> other_names = {};
  std::vector<std::string> group_by = {};
  std::vector<FieldAlias> aliases = {};
  Duration timespan{0};
  CorrelationCondition condition = {};
  bool generate = false;          // true: the referenced rules also alert by themselves
  const Node* options = nullptr;  // the `picket: {correlation: …}` map, for types beyond Sigma
};

struct FilterSpec {
  RuleHead head = {};
  Logsource logsource = {};
  std::vector<std::string> rules = {};
  MatchTree condition = {};
};

// Where a document begins and which id it states, for messages about it.
struct DocumentPlace {
  const std::string* file = nullptr;
  uint32_t line = 0;
  std::string id = {};
};

// All rules of one or more files in reading order, with the files that their Nodes live in. A file
// keeps its text and Nodes only while a rule refers to one of them; its name stays.
struct RuleDocuments {
  // Keep the Nodes of all files, also where no rule needs them any more: for lint.
  bool keep_nodes = false;
  std::vector<YamlFile> files = {};
  std::vector<DocumentPlace> places = {};  // of all documents, rejected ones included
  // "id:x" and "name:x" -> index in places, of the first document that has it.
  std::map<std::string, size_t> known_names = {};
  std::vector<DetectionSpec> detections = {};
  std::vector<CorrelationSpec> correlations = {};
  std::vector<FilterSpec> filters = {};
  Diagnostics rejected = {};  // rules that could not be read; the others are there all the same
};

// Values for `|expand` placeholders: name -> values.
using Placeholders = std::vector<std::pair<std::string, std::vector<std::string>>>;

// Reads every document of `file` into `rules`; problems go to rules.rejected with their place, and
// a rule with a problem is left out. Never stops early.
void read_rules(YamlFile file, const Placeholders& placeholders, RuleDocuments& rules);

}  // namespace picket
