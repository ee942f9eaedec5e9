#include "tests/reference/naive_match.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>

namespace picket {
namespace {

using Kind = NaiveValue::Kind;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

size_t character_size(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  size_t size = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

// Backtracking over every place where a star may end.
bool glob_from(std::string_view text, const std::vector<PatternPart>& parts, size_t part) {
  if (part == parts.size()) return text.empty();
  switch (parts[part].kind) {
    case PatternPart::Kind::Many:
      for (size_t skip = 0; skip <= text.size(); ++skip) {
        bool inside = skip < text.size() && (text[skip] & 0xC0) == 0x80;  // of a character
        if (inside) continue;
        if (glob_from(text.substr(skip), parts, part + 1)) return true;
      }
      return false;
    case PatternPart::Kind::One:
      return !text.empty() && glob_from(text.substr(character_size(text)), parts, part + 1);
    case PatternPart::Kind::Text:
      return text.starts_with(parts[part].text) &&
             glob_from(text.substr(parts[part].text.size()), parts, part + 1);
  }
  return false;
}

bool parse_v4(const std::string& text, std::vector<int>& bits) {
  int parts[4];
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d.%d.%d.%d%c", &parts[0], &parts[1], &parts[2], &parts[3],
                  &rest) != 4) {
    return false;
  }
  bits.clear();
  for (int part : parts) {
    if (part < 0 || part > 255) return false;
    for (int bit = 7; bit >= 0; --bit) bits.push_back(part >> bit & 1);
  }
  return true;
}

bool in_v4_network(const std::string& text, const std::string& network) {
  size_t slash = network.find('/');
  std::vector<int> address;
  std::vector<int> base;
  if (!parse_v4(text, address) || !parse_v4(network.substr(0, slash), base)) return false;
  auto length = static_cast<ptrdiff_t>(std::atoi(network.c_str() + slash + 1));
  return std::equal(base.begin(), base.begin() + length, address.begin());
}

bool field_reference(const Predicate& p, const NaiveEvent& event, const std::string& text) {
  const NaiveValue* other = naive_field(event, p.text);
  if (!other || !other->scalar()) return false;
  std::string a = p.cased ? text : lower(text);
  std::string b = p.cased ? other->text : lower(other->text);
  switch (p.affix) {
    case Affix::None:
      return a == b;
    case Affix::Contains:
      return a.find(b) != a.npos;
    case Affix::StartsWith:
      return a.starts_with(b);
    case Affix::EndsWith:
      return a.ends_with(b);
  }
  return false;
}

bool compares(const Predicate& p, const NaiveValue& value) {
  const std::optional<double> number = naive_number(value);
  if (!number) return false;
  switch (p.op) {
    case MatchOp::Number:
      return *number == p.number;
    case MatchOp::Less:
      return *number < p.number;
    case MatchOp::LessEqual:
      return *number <= p.number;
    case MatchOp::Greater:
      return *number > p.number;
    default:
      return *number >= p.number;
  }
}

bool regex_finds(const Predicate& p, const std::string& text) {
  RE2::Options options;
  options.set_case_sensitive(!p.regex_ignore_case);
  options.set_dot_nl(p.regex_dot_all);
  return RE2::PartialMatch(text, RE2((p.regex_multi_line ? "(?m)" : "") + p.text, options));
}

bool value_passes(const Predicate& p, const NaiveEvent& event, const NaiveValue& value) {
  switch (p.op) {
    case MatchOp::Null:
      return value.kind == Kind::Null;
    case MatchOp::Exists:
      return p.flag;
    case MatchOp::Bool:
      return (value.kind == Kind::Bool || value.kind == Kind::String) &&
             lower(value.text) == (p.flag ? "true" : "false");
    case MatchOp::Number:
    case MatchOp::Less:
    case MatchOp::LessEqual:
    case MatchOp::Greater:
    case MatchOp::GreaterEqual:
      return compares(p, value);
    case MatchOp::Before:
      return to_ms(event.time) < static_cast<int64_t>(p.number);
    default:
      break;
  }
  if (!value.scalar()) return false;
  if (p.op == MatchOp::Pattern) return naive_glob(value.text, p.pattern, p.cased);
  if (p.op == MatchOp::Regex) return regex_finds(p, value.text);
  if (p.op == MatchOp::Cidr) return in_v4_network(value.text, p.text);
  return field_reference(p, event, value.text);
}

// A keyword: anywhere inside any string of the event.
bool any_string(Predicate p, const NaiveEvent& event, const NaiveValue& value) {
  if (value.kind == Kind::String) {
    if (p.op == MatchOp::Pattern) {
      p.pattern.insert(p.pattern.begin(), {PatternPart::Kind::Many, {}});
      p.pattern.push_back({PatternPart::Kind::Many, {}});
    }
    return value_passes(p, event, value);
  }
  for (const NaiveValue& item : value.items) {
    if (any_string(p, event, item)) return true;
  }
  return std::any_of(value.members.begin(), value.members.end(),
                     [&](const auto& member) { return any_string(p, event, member.second); });
}

bool leaf_passes(const Predicate& p, const NaiveEvent& event) {
  if (p.op == MatchOp::Before) return value_passes(p, event, {});
  if (p.field.empty()) return any_string(p, event, event.record);
  const NaiveValue* value = naive_field(event, p.field);
  if (!value) return p.op == MatchOp::Null || (p.op == MatchOp::Exists && !p.flag);
  bool whole = p.op == MatchOp::Null || p.op == MatchOp::Exists;
  if (value->kind != Kind::Array || whole) return value_passes(p, event, *value);
  return std::any_of(value->items.begin(), value->items.end(), [&](const NaiveValue& item) {
    return item.kind != Kind::Array && item.kind != Kind::Object && value_passes(p, event, item);
  });
}

}  // namespace

const NaiveValue* naive_field(const NaiveEvent& event, const std::string& name) {
  const NaiveValue* at = &event.record;
  auto literal = at->members.find(name);
  if (literal != at->members.end()) return &literal->second;
  size_t first = 0;
  while (at->kind == Kind::Object) {
    size_t dot = name.find('.', first);
    auto member = at->members.find(name.substr(first, dot - first));
    if (member == at->members.end()) return nullptr;
    at = &member->second;
    if (dot == name.npos) return at;
    first = dot + 1;
  }
  return nullptr;
}

std::optional<double> naive_number(const NaiveValue& value) {
  if (value.kind != Kind::Number && value.kind != Kind::String) return std::nullopt;
  const std::string& text = value.text;
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != text.npos) return std::nullopt;
  if (text[0] == '+') return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size()) return std::nullopt;
  return number;
}

bool naive_glob(std::string_view text, const std::vector<PatternPart>& parts, bool cased) {
  if (cased) return glob_from(text, parts, 0);
  std::vector<PatternPart> lowered = parts;
  for (PatternPart& part : lowered) part.text = lower(part.text);
  return glob_from(lower(text), lowered, 0);
}

bool naive_match(const MatchTree& tree, const NaiveEvent& event) {
  auto passes = [&](const MatchTree& child) { return naive_match(child, event); };
  switch (tree.kind) {
    case MatchTree::Kind::And:
      return std::all_of(tree.children.begin(), tree.children.end(), passes);
    case MatchTree::Kind::Or:
      return std::any_of(tree.children.begin(), tree.children.end(), passes);
    case MatchTree::Kind::Not:
      return !naive_match(tree.children.front(), event);
    case MatchTree::Kind::Leaf:
      return leaf_passes(tree.leaf, event);
  }
  return false;
}

}  // namespace picket
