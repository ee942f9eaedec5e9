// Tested by tests/rules/read_picket_test.cc.
#include "rules/read_picket.h"

#include <algorithm>

#include <fmt/format.h>

#include "rules/read_match.h"

namespace picket {
namespace {

constexpr int64_t kMistakeMax = 7;

// The text under `key`, which must be one of `known`; empty when absent or reported.
std::string read_choice(MapReader& reader, std::string_view key,
                        const std::vector<std::string>& known, ReadContext& context) {
  const Node* node = reader.optional(key);
  if (node == nullptr) return {};
  const auto text = read_string(*node, context.diagnostics);
  if (!text) return {};
  if (std::find(known.begin(), known.end(), *text) != known.end()) return *text;
  std::string hint = did_you_mean(*text, known);
  if (hint.empty()) hint = fmt::format("use one of {}", fmt::join(known, ", "));
  context.error(*node, fmt::format("'{}' is not a known {}", *text, key), std::move(hint));
  return {};
}

std::optional<Level> read_level(MapReader& reader, ReadContext& context) {
  return parse_level(read_choice(reader, "level",
                                 {"informational", "low", "medium", "high", "critical"}, context));
}

Classification read_classify(const Node& node, ReadContext& context) {
  MapReader reader(node, "classify", context.diagnostics);
  Classification c;
  c.cause = reader.required_string("cause");
  c.code = reader.string("code", "");
  if (reader.optional("mistake") != nullptr) {
    c.mistake = static_cast<int>(reader.integer("mistake", 0, 1, kMistakeMax));
  }
  c.scenario = read_choice(
      reader, "scenario",
      {"protected_resource", "resource_state", "account_limit", "platform_policy"}, context);
  c.priority = static_cast<int>(reader.integer("priority", c.priority, -1'000'000, 1'000'000));
  c.confidence = reader.number("confidence", c.confidence);
  if (!(c.confidence >= 0 && c.confidence <= 1)) {
    context.error(*node.find("confidence"), "'confidence' must be between 0 and 1");
  }
  reader.finish();
  return c;
}

std::vector<Escalation> read_escalate(const Node& node, ReadContext& context) {
  std::vector<Escalation> steps;
  if (!node.is_sequence()) context.error(node, "'escalate' must be a list of {gte, level}");
  for (const Node& item : node.items()) {
    MapReader reader(item, "escalate", context.diagnostics);
    Escalation step;
    reader.require("gte");
    step.gte = reader.number("gte", 0);
    reader.require("level");
    step.level = read_level(reader, context).value_or(step.level);
    reader.finish();
    steps.push_back(step);
  }
  return steps;
}

// "2027-01-31" (the first moment of that day, UTC) or a full time.
std::optional<Timestamp> read_moment(const Node& node, ReadContext& context) {
  const auto text = read_string(node, context.diagnostics);
  if (!text) return std::nullopt;
  constexpr size_t kDateSize = 10;
  const auto time = parse_rfc3339(text->size() == kDateSize ? *text + "T00:00:00Z" : *text);
  if (!time) {
    context.error(node, fmt::format("'{}' is not a date", *text),
                  "write for example 2027-01-31 or 2027-01-31T12:00:00Z");
  }
  return time;
}

std::vector<RuleException> read_exceptions(const Node& node, ReadContext& context) {
  std::vector<RuleException> exceptions;
  if (!node.is_sequence()) context.error(node, "'exceptions' must be a list");
  for (const Node& item : node.items()) {
    MapReader reader(item, "exception", context.diagnostics);
    RuleException exception;
    if (const Node* match = reader.require("match")) {
      exception.match = read_selection(*match, context);
    }
    if (const Node* expires = reader.optional("expires")) {
      exception.expires = read_moment(*expires, context);
    }
    exception.owner = reader.string("owner", "");
    exception.reason = reader.string("reason", "");
    reader.finish();
    exceptions.push_back(std::move(exception));
  }
  return exceptions;
}

void read_lists(MapReader& reader, PicketReading& out, RuleKind kind, ReadContext& context) {
  if (const Node* node = reader.optional("classify")) {
    if (kind == RuleKind::Detection) {
      out.block.classify = read_classify(*node, context);
    } else {
      context.error(*node, "only a detection rule can classify: it looks at one event");
    }
  }
  if (const Node* node = reader.optional("escalate")) {
    out.block.escalate = read_escalate(*node, context);
  }
  if (const Node* node = reader.optional("exceptions")) {
    out.block.exceptions = read_exceptions(*node, context);
  }
  if (const Node* node = reader.optional("tests")) {
    if (!node->is_sequence()) context.error(*node, "'tests' must be a list");
    out.block.tests = node;
  }
  if (const Node* node = reader.optional("correlation")) {
    if (kind == RuleKind::Correlation && node->is_map()) {
      out.correlation = node;
    } else {
      context.error(*node, kind == RuleKind::Correlation
                               ? "'correlation' must be a map with a 'type'"
                               : "'correlation' belongs into a rule with a 'correlation:' part");
    }
  }
}

}  // namespace

PicketReading read_picket(const Node& node, RuleKind kind, ReadContext& context) {
  PicketReading out;
  PicketBlock& block = out.block;
  MapReader reader(node, "picket", context.diagnostics);
  const std::string verdict =
      read_choice(reader, "verdict",
                  {"boundary_testing", "credential_abuse", "quota_abuse", "misuse"}, context);
  block.verdict = parse_verdict(verdict).value_or(Verdict::None);
  if (reader.optional("mistake") != nullptr) {
    block.mistake = static_cast<int>(reader.integer("mistake", 0, 1, kMistakeMax));
  }
  if (reader.optional("resolve_after") != nullptr) {
    block.resolve_after = reader.duration("resolve_after", Duration(0));
  }
  block.cooldown = reader.duration("cooldown", block.cooldown);
  block.evidence = static_cast<int>(reader.integer("evidence", block.evidence, 0, kEvidenceMax));
  block.shadow = read_choice(reader, "mode", {"alert", "shadow"}, context) == "shadow";
  block.group_missing_empty =
      read_choice(reader, "group_missing", {"skip", "empty"}, context) == "empty";
  block.summary = reader.string("summary", "");
  block.remediation = reader.string("remediation", "");
  block.runbook = reader.string("runbook", "");
  read_lists(reader, out, kind, context);
  reader.finish();
  return out;
}

}  // namespace picket
