#include "rules/explain_match.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/json_writer.h"
#include "rules/predicate.h"

namespace picket {
namespace {

using Kind = MatchTree::Kind;

constexpr size_t kValueBytesMax = 160;
constexpr size_t kIdleShownMax = 6;  // children that decide nothing, per node

std::string shown(std::string_view text) {
  std::string out;
  append_printable(out, text.substr(0, kValueBytesMax));
  if (text.size() > kValueBytesMax) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

std::string glob_text(const std::vector<PatternPart>& parts, size_t first, size_t last) {
  std::string out;
  for (size_t i = first; i < last; ++i) {
    switch (parts[i].kind) {
      case PatternPart::Kind::Many:
        out += '*';
        break;
      case PatternPart::Kind::One:
        out += '?';
        break;
      case PatternPart::Kind::Text:
        out += parts[i].text;
        break;
    }
  }
  return shown(out);
}

std::string_view date_part_modifier(DatePart part) {
  switch (part) {
    case DatePart::None:
      return "";
    case DatePart::Minute:
      return "|minute";
    case DatePart::Hour:
      return "|hour";
    case DatePart::Day:
      return "|day";
    case DatePart::Week:
      return "|week";
    case DatePart::Month:
      return "|month";
    case DatePart::Year:
      return "|year";
  }
  return "";
}

std::string_view affix_modifier(Affix affix) {
  switch (affix) {
    case Affix::None:
      return "";
    case Affix::Contains:
      return "|contains";
    case Affix::StartsWith:
      return "|startswith";
    case Affix::EndsWith:
      return "|endswith";
  }
  return "";
}

// "|contains" and so on, and the value without the wildcards that the modifier stands for.
std::string pattern_form(const Predicate& p) {
  size_t first = 0;
  size_t last = p.pattern.size();
  const auto many = [&](size_t i) { return p.pattern[i].kind == PatternPart::Kind::Many; };
  const bool open = last > 1 && many(0);
  const bool close = last > 1 && many(last - 1);
  if (open) ++first;
  if (close && last > first) --last;
  const Affix affix = open && close ? Affix::Contains
                      : open        ? Affix::EndsWith
                      : close       ? Affix::StartsWith
                                    : Affix::None;
  const std::string value = glob_text(p.pattern, first, last);
  return fmt::format("{}{}: {}", affix_modifier(affix), p.cased ? "|cased" : "",
                     value.empty() ? "''" : value);
}

std::string test_form(const Predicate& p) {
  switch (p.op) {
    case MatchOp::Pattern:
      return pattern_form(p);
    case MatchOp::Null:
      return ": null";
    case MatchOp::Bool:
      return p.flag ? ": true" : ": false";
    case MatchOp::Number:
      return fmt::format(": {}", p.number);
    case MatchOp::Less:
      return fmt::format("|lt: {}", p.number);
    case MatchOp::LessEqual:
      return fmt::format("|lte: {}", p.number);
    case MatchOp::Greater:
      return fmt::format("|gt: {}", p.number);
    case MatchOp::GreaterEqual:
      return fmt::format("|gte: {}", p.number);
    case MatchOp::Regex:
      return fmt::format("|re{}{}{}: {}", p.regex_ignore_case ? "|i" : "",
                         p.regex_multi_line ? "|m" : "", p.regex_dot_all ? "|s" : "",
                         shown(p.text));
    case MatchOp::Cidr:
      return "|cidr: " + shown(p.text);
    case MatchOp::Exists:
      return p.flag ? "|exists: true" : "|exists: false";
    case MatchOp::FieldRef:
      return fmt::format("|fieldref{}: {}", affix_modifier(p.affix), shown(p.text));
    case MatchOp::Before:
      return "event time before " + format_rfc3339(timestamp_ms(static_cast<int64_t>(p.number)));
  }
  return "";
}

// One node with its outcome, before it is known whether it decides.
struct Judged {
  const MatchTree* tree = nullptr;
  bool holds = false;
  std::string found = {};  // leaves: the event's value
  std::vector<Judged> children = {};
};

std::string value_text(std::string_view name, const FieldTable& fields, Event& event) {
  const auto field = fields.find(name);
  const Value value = field ? event.get(*field) : Value{};
  switch (value.kind) {
    case ValueKind::Absent:
      return "absent";
    case ValueKind::Null:
      return "null";
    case ValueKind::String:
      return "'" + shown(value.text()) + "'";
    default:
      return shown(value.text());
  }
}

Judged judge(const MatchTree& tree, FieldTable& fields, Event& event) {
  Judged out{.tree = &tree};
  if (tree.kind == Kind::Leaf) {
    const Predicate& p = tree.leaf;
    const auto compiled = compile_predicate(p, fields, {});
    out.holds = compiled && picket::holds(*compiled, event);
    if (p.op == MatchOp::Before) {
      out.found = format_rfc3339(event.time);
    } else if (p.field.empty()) {
      out.found = out.holds ? "found in a value" : "in no value";
    } else {
      out.found = value_text(p.field, fields, event);
      if (p.op == MatchOp::FieldRef) out.found += ", other " + value_text(p.text, fields, event);
    }
    return out;
  }
  for (const MatchTree& child : tree.children) out.children.push_back(judge(child, fields, event));
  const auto held = [](const Judged& child) { return child.holds; };
  switch (tree.kind) {
    case Kind::And:
      out.holds = std::all_of(out.children.begin(), out.children.end(), held);
      break;
    case Kind::Or:
      out.holds = std::any_of(out.children.begin(), out.children.end(), held);
      break;
    default:
      out.holds = !out.children.empty() && !out.children.front().holds;
  }
  return out;
}

// True when `child` is why its parent came out as it did.
bool decides(const Judged& parent, const Judged& child) {
  if (parent.tree->kind == Kind::Not) return true;
  return child.holds == parent.holds;
}

std::string title_of(const Judged& node) {
  std::string out;
  if (!node.tree->label.empty()) out = shown(node.tree->label) + ": ";
  switch (node.tree->kind) {
    case Kind::And:
      return out + "all of";
    case Kind::Or:
      return out + "any of";
    case Kind::Not:
      return out + "not";
    case Kind::Leaf:
      return out + fmt::format("{}   <- {}", written_form(node.tree->leaf), node.found);
  }
  return out;
}

void write(const Judged& node, bool deciding, size_t depth, std::string& out) {
  out += fmt::format("{} {:<5} {:{}}{}\n", deciding ? '>' : ' ', node.holds ? "true" : "false", "",
                     depth * 2, title_of(node));
  size_t idle = 0;
  for (const Judged& child : node.children) {
    const bool decisive = decides(node, child);
    if (!decisive && ++idle > kIdleShownMax) continue;
    write(child, deciding && decisive, depth + 1, out);
  }
  if (idle > kIdleShownMax) {
    out += fmt::format("  {:<5} {:{}}({} more)\n", node.holds ? "false" : "true", "", depth * 2 + 2,
                       idle - kIdleShownMax);
  }
}

}  // namespace

std::string written_form(const Predicate& predicate) {
  if (predicate.op == MatchOp::Before) return test_form(predicate);
  std::string field = predicate.field.empty() ? "any value" : shown(predicate.field);
  return field + std::string(date_part_modifier(predicate.date_part)) + test_form(predicate);
}

MatchExplanation explain_match(const MatchTree& tree, const FieldTable& fields, Event& event) {
  FieldTable own = fields;  // compiling wants to add names; there are none to add
  const Judged root = judge(tree, own, event);
  MatchExplanation out{.holds = root.holds};
  write(root, true, 0, out.text);
  return out;
}

}  // namespace picket
