#include "daemon/allow_list.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace picket {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\n' ? ' ' : c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

// A network as it is, an address as the network of one.
std::string network(const std::string& value) {
  if (value.find('/') != value.npos) return value;
  return value + (value.find(':') == value.npos ? "/32" : "/128");
}

std::string selection(const AllowEntry& entry) {
  std::string values;
  for (const std::string& value : entry.values) {
    if (!values.empty()) values += ", ";
    values += quoted(entry.kind == "address" ? network(value) : value);
  }
  const std::string_view field = entry.kind == "address"        ? "client.address|cidr"
                                 : entry.kind == "key_id"       ? "unkey.key_id|cased"
                                 : entry.kind == "workspace_id" ? "unkey.workspace_id|cased"
                                                                : "aws.principal_arn";
  return fmt::format("{{'{}': [{}]}}", field, values);
}

// The entry in the language of rules: read like any other, it cannot mean something else.
std::string as_rule(const AllowEntry& entry, size_t number) {
  const std::string match = selection(entry);
  return fmt::format(
      "title: {5}\n"
      "name: allow_list_{0}\n"
      "description: {1}\n"
      "level: informational\n"
      "detection:\n"
      "  refused: {{picket.cause|exists: true}}\n"
      "  entry: {2}\n"
      "  condition: refused and entry\n"
      "picket:\n"
      "  mode: shadow\n"
      "  exceptions:\n"
      "    - {{match: {2}, expires: {3}, owner: {4}, reason: {1}}}\n",
      number, quoted(entry.reason), match, quoted(entry.expires), quoted(entry.owner),
      quoted(fmt::format("Allow list {} ({})", number, entry.reason)));
}

MatchTree before(Timestamp end, MatchTree condition) {
  MatchTree leaf{.kind = MatchTree::Kind::Leaf};
  leaf.leaf.op = MatchOp::Before;
  leaf.leaf.number = static_cast<double>(to_ms(end));
  MatchTree both{.kind = MatchTree::Kind::And};
  both.children.push_back(std::move(leaf));
  both.children.push_back(std::move(condition));
  return both;
}

std::optional<DetectionSpec> read_entry(const AllowEntry& entry, size_t number,
                                        Diagnostics& problems) {
  RuleDocuments read;
  Result<YamlFile> file = parse_yaml(as_rule(entry, number), "(allow list)");
  if (file) {
    read_rules(*std::move(file), {}, read);
  } else {
    append(read.rejected, std::move(file).error());
  }
  for (Diagnostic& problem : read.rejected) {
    problem.where = entry.where;
    problems.push_back(std::move(problem));
  }
  if (read.detections.empty()) return std::nullopt;
  return std::move(read.detections.front());
}

}  // namespace

Diagnostics apply_allow_list(const std::vector<AllowEntry>& entries, RuleDocuments& rules) {
  Diagnostics problems;
  std::vector<DetectionSpec> counting;
  for (size_t i = 0; i < entries.size(); ++i) {
    std::optional<DetectionSpec> rule = read_entry(entries[i], i + 1, problems);
    if (!rule) continue;
    const RuleException exception = std::move(rule->head.picket.exceptions.front());
    for (DetectionSpec& detection : rules.detections) {
      if (detection.head.picket.classify) continue;
      detection.head.picket.exceptions.push_back(exception);
    }
    rule->head.picket.exceptions.clear();
    rule->head.where = entries[i].where;
    rule->condition = before(*exception.expires, std::move(rule->condition));
    counting.push_back(*std::move(rule));
  }
  for (DetectionSpec& rule : counting) rules.detections.push_back(std::move(rule));
  return problems;
}

Diagnostics expired_entries(const std::vector<AllowEntry>& entries, Timestamp now) {
  Diagnostics warnings;
  for (size_t i = 0; i < entries.size(); ++i) {
    Diagnostics ignored;
    const std::optional<DetectionSpec> rule = read_entry(entries[i], i + 1, ignored);
    if (!rule || *rule->head.picket.exceptions.front().expires > now) continue;
    warnings.push_back({entries[i].where, "this allow entry has expired on " + entries[i].expires,
                        "remove or renew it; its owner is " + entries[i].owner, Severity::Warning});
  }
  return warnings;
}

}  // namespace picket
