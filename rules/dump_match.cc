// The text form of a MatchTree: one line per node, two spaces per level, for example
//
//   and
//     EventID = 4688
//     not
//       CommandLine ~ '*whoami?' cased
//
// Bytes that are not printable ASCII or UTF-8 text come out as \xNN, wildcards that stand for
// themselves behind a backslash, so that equal dumps mean equal trees.
#include <fmt/format.h>

#include "rules/rule_spec.h"

namespace picket {
namespace {

std::string quote(std::string_view text, bool escape_wildcards) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    if (escape_wildcards && (c == '*' || c == '?' || c == '\\')) out += '\\';
    out += c;
  }
  return out;
}

std::string quote(const std::vector<PatternPart>& pattern) {
  std::string out;
  for (const PatternPart& part : pattern) {
    switch (part.kind) {
      case PatternPart::Kind::Many:
        out += '*';
        break;
      case PatternPart::Kind::One:
        out += '?';
        break;
      case PatternPart::Kind::Text:
        out += quote(part.text, true);
        break;
    }
  }
  return "'" + out + "'";
}

std::string_view affix_name(Affix affix) {
  switch (affix) {
    case Affix::None:
      return "field";
    case Affix::Contains:
      return "contains field";
    case Affix::StartsWith:
      return "starts with field";
    case Affix::EndsWith:
      return "ends with field";
  }
  return "";
}

std::string_view date_part_name(DatePart part) {
  switch (part) {
    case DatePart::None:
      return "";
    case DatePart::Minute:
      return " minute";
    case DatePart::Hour:
      return " hour";
    case DatePart::Day:
      return " day";
    case DatePart::Week:
      return " week";
    case DatePart::Month:
      return " month";
    case DatePart::Year:
      return " year";
  }
  return "";
}

std::string test_of(const Predicate& p) {
  switch (p.op) {
    case MatchOp::Pattern:
      return "~ " + quote(p.pattern);
    case MatchOp::Null:
      return "is null";
    case MatchOp::Bool:
      return p.flag ? "= true" : "= false";
    case MatchOp::Number:
      return fmt::format("= {}", p.number);
    case MatchOp::Less:
      return fmt::format("< {}", p.number);
    case MatchOp::LessEqual:
      return fmt::format("<= {}", p.number);
    case MatchOp::Greater:
      return fmt::format("> {}", p.number);
    case MatchOp::GreaterEqual:
      return fmt::format(">= {}", p.number);
    case MatchOp::Regex:
      return fmt::format("re '{}'", quote(p.text, false));
    case MatchOp::Cidr:
      return "in " + quote(p.text, false);
    case MatchOp::Exists:
      return p.flag ? "exists" : "is absent";
    case MatchOp::FieldRef:
      return fmt::format("{} {}", p.affix == Affix::None ? "= field" : affix_name(p.affix),
                         quote(p.text, false));
    case MatchOp::Before:
      return fmt::format("before {}", p.number);
  }
  return "";
}

std::string line_of(const Predicate& p) {
  std::string out = p.field.empty() ? "any value" : quote(p.field, false);
  out += fmt::format("{} {}", date_part_name(p.date_part), test_of(p));
  if (p.cased) out += " cased";
  if (p.regex_ignore_case) out += " i";
  if (p.regex_multi_line) out += " m";
  if (p.regex_dot_all) out += " s";
  return out;
}

void dump_to(std::string& out, const MatchTree& tree, size_t depth) {
  out.append(depth * 2, ' ');
  switch (tree.kind) {
    case MatchTree::Kind::And:
      out += "and";
      break;
    case MatchTree::Kind::Or:
      out += "or";
      break;
    case MatchTree::Kind::Not:
      out += "not";
      break;
    case MatchTree::Kind::Leaf:
      out += line_of(tree.leaf);
      break;
  }
  out += '\n';
  for (const MatchTree& child : tree.children) dump_to(out, child, depth + 1);
}

}  // namespace

std::string dump(const MatchTree& tree) {
  std::string out;
  dump_to(out, tree, 0);
  return out;
}

}  // namespace picket
