// Selections and their values (see read_match.h).
//
// Tested by tests/rules/read_match_test.cc.
#include "rules/read_match.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "rules/backtrack_regex.h"
#include "rules/modifiers.h"
#include "rules/predicate.h"

namespace picket {
namespace {

// Few values can stand for very many tests: lists of placeholders whose values have dashes to vary.
constexpr size_t kTestsMax = 200'000;
constexpr size_t kBytesMax = 64 << 20;

// A bare scalar as a number. Only the common decimal forms count: "007" and "0x1f" are compared as
// the texts that a log would hold.
std::optional<double> as_number(const Node& node) {
  const std::string& text = node.text();
  if (node.quoted() || text.empty()) return std::nullopt;
  const size_t first = text.front() == '-' ? 1 : 0;
  const size_t digits = text.find_first_not_of("0123456789", first);
  const bool whole = digits == std::string::npos;
  const size_t integer_size = (whole ? text.size() : digits) - first;
  if (integer_size == 0 || (integer_size > 1 && text[first] == '0')) return std::nullopt;
  if (!whole && text[digits] != '.') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.back() == '.') {
    return std::nullopt;
  }
  return value;
}

// The same for equality, which whole numbers beyond what a double keeps exactly would pass with
// their neighbours: they are texts.
std::optional<double> as_exact_number(const Node& node) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  const auto number = as_number(node);
  const bool whole = number && node.text().find('.') == std::string::npos;
  if (whole && std::abs(*number) >= kExactMax) return std::nullopt;
  return number;
}

std::optional<bool> as_bool(const Node& node) {
  if (node.quoted()) return std::nullopt;
  const std::string& text = node.text();
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

bool valid_cidr(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  unsigned char bytes[16];
  const bool v4 = inet_pton(AF_INET, address.c_str(), bytes) == 1;
  if (!v4 && inet_pton(AF_INET6, address.c_str(), bytes) != 1) return false;
  if (slash == std::string::npos) return true;
  int prefix = -1;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + slash + 1, last, prefix);
  return error == std::errc() && end == last && prefix >= 0 && prefix <= (v4 ? 32 : 128);
}

// What stands between two percent signs names a placeholder when it looks like a name; "5% to 10%"
// has none.
bool is_placeholder(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// Reads the values of one detection item: "field|modifiers: value(s)".
class ItemReader {
 public:
  ItemReader(const Node& key, std::string field, Modifiers modifiers, ReadContext& context)
      : key_(key), field_(std::move(field)), modifiers_(std::move(modifiers)), context_(context) {}

  MatchTree read(const Node& values) {
    std::vector<MatchTree> trees;
    if (values.is_sequence()) {
      for (const Node& value : values.items()) {
        if (full(value)) break;
        trees.push_back(read_value(value));
      }
      if (values.items().empty()) context_.error(values, "an empty list matches nothing");
    } else {
      trees.push_back(read_value(values));
    }
    MatchTree tree =
        combine(modifiers_.all ? MatchTree::Kind::And : MatchTree::Kind::Or, std::move(trees));
    return modifiers_.negated ? negate(std::move(tree)) : tree;
  }

 private:
  Predicate predicate(MatchOp op) const {
    Predicate p;
    p.field = field_;
    p.op = op;
    p.cased = modifiers_.cased;
    p.regex_ignore_case = modifiers_.ignore_case;
    p.regex_multi_line = modifiers_.multi_line;
    p.regex_dot_all = modifiers_.dot_all;
    p.date_part = modifiers_.date_part;
    return p;
  }

  // True when the rule makes more tests than it may; reported once.
  bool full(const Node& at) {
    const bool tests = context_.tests > kTestsMax;
    if (!tests && context_.bytes <= kBytesMax) return false;
    if (!context_.full) {
      context_.error(at, fmt::format("the values of this rule make more than {}",
                                     tests ? "200,000 tests" : "64 MiB of text"));
    }
    return context_.full = true;
  }

  MatchTree leaf(Predicate predicate) {
    ++context_.tests;
    context_.bytes += predicate.text.size();
    for (const PatternPart& part : predicate.pattern) context_.bytes += part.text.size();
    MatchTree tree;
    tree.kind = MatchTree::Kind::Leaf;
    tree.leaf = std::move(predicate);
    return tree;
  }

  MatchTree refuse(const Node& value, std::string message, std::string hint = {}) {
    context_.error(value, std::move(message), std::move(hint));
    return {};
  }

  MatchTree read_value(const Node& value) {
    if (value.is_null()) return read_null(value);
    if (!value.is_scalar()) {
      return refuse(value, fmt::format("a value of '{}' must be a text, a number, true, false or "
                                       "null",
                                       key_.text()));
    }
    switch (modifiers_.op) {
      case MatchOp::Exists:
        return read_exists(value);
      case MatchOp::Less:
      case MatchOp::LessEqual:
      case MatchOp::Greater:
      case MatchOp::GreaterEqual:
        return read_number(value, modifiers_.op);
      case MatchOp::FieldRef:
        return read_field_reference(value);
      default:
        break;
    }
    if (modifiers_.date_part != DatePart::None) return read_number(value, MatchOp::Number);
    return read_text(value);
  }

  MatchTree read_null(const Node& value) {
    const bool plain = modifiers_.op == MatchOp::Pattern && !modifiers_.wants_text() &&
                       modifiers_.date_part == DatePart::None && !modifiers_.expand;
    if (!plain)
      return refuse(value, fmt::format("null has no use for the modifiers of '{}'", key_.text()),
                    "write '' for an empty text");
    if (field_.empty()) return refuse(value, "a keyword cannot be null");
    return leaf(predicate(MatchOp::Null));
  }

  MatchTree read_exists(const Node& value) {
    const auto flag = as_bool(value);
    if (!flag) return refuse(value, "'exists' needs true or false");
    Predicate p = predicate(MatchOp::Exists);
    p.flag = *flag;
    return leaf(std::move(p));
  }

  MatchTree read_number(const Node& value, MatchOp op) {
    const auto number = as_number(value);
    if (!number) {
      return refuse(value, fmt::format("'{}' needs a number", key_.text()),
                    value.quoted() ? "remove the quotes" : "for example 10 or -2.5");
    }
    Predicate p = predicate(op);
    p.number = *number;
    return leaf(std::move(p));
  }

  MatchTree read_field_reference(const Node& value) {
    if (value.text().empty()) return refuse(value, "'fieldref' needs the name of a field");
    Predicate p = predicate(MatchOp::FieldRef);
    p.affix = modifiers_.affix;
    p.text = value.text();
    return leaf(std::move(p));
  }

  // Pattern, Regex and Cidr, and the bare values whose type decides.
  MatchTree read_text(const Node& value) {
    const bool typed = modifiers_.op == MatchOp::Pattern && !modifiers_.wants_text() &&
                       !modifiers_.expand && !field_.empty();
    if (typed) {
      if (const auto flag = as_bool(value)) {
        Predicate p = predicate(MatchOp::Bool);
        p.flag = *flag;
        return leaf(std::move(p));
      }
      if (as_exact_number(value)) return read_number(value, MatchOp::Number);
    }
    std::vector<MatchTree> alternatives;
    for (const std::string& text : expand(value)) {
      if (full(value)) break;
      if (modifiers_.op == MatchOp::Pattern) {
        add_patterns(value, text, alternatives);
      } else {
        alternatives.push_back(read_verbatim(value, text));
      }
    }
    return combine(MatchTree::Kind::Or, std::move(alternatives));
  }

  MatchTree read_verbatim(const Node& value, const std::string& text) {
    if (modifiers_.op == MatchOp::Cidr && !valid_cidr(text)) {
      return refuse(value, fmt::format("'{}' is not an address range", text),
                    "write for example 192.0.2.0/24 or 2001:db8::/32");
    }
    Predicate p = predicate(modifiers_.op);
    p.text = text;
    if (p.op == MatchOp::Regex) check_regex(p, value);
    return leaf(std::move(p));
  }

  // Expressions are compiled with the rule, but only here their places are known. PCRE2 is asked
  // first, because it answers ten times as fast and takes nearly all that RE2 takes.
  void check_regex(const Predicate& p, const Node& value) {
    if (BacktrackRegex::make(p.text, {})) return;
    FieldTable fields;
    auto compiled = compile_predicate(p, fields, value.where());
    if (!compiled) append(context_.diagnostics, std::move(compiled).error());
  }

  void add_patterns(const Node& value, const std::string& text, std::vector<MatchTree>& out) {
    std::vector<Pattern> patterns = {parse_pattern(text)};
    for (const TextTransform transform : modifiers_.transforms) {
      std::vector<Pattern> next;
      for (const Pattern& pattern : patterns) {
        for (Pattern& made : transform_pattern(pattern, transform, value, context_)) {
          next.push_back(std::move(made));
        }
      }
      patterns = std::move(next);
    }
    for (Pattern& pattern : patterns) {
      Predicate p = predicate(MatchOp::Pattern);
      p.pattern = fold_affix(std::move(pattern));
      out.push_back(leaf(std::move(p)));
    }
  }

  // A keyword without an affix of its own is looked for anywhere in a value.
  Pattern fold_affix(Pattern pattern) const {
    const Affix affix =
        field_.empty() && modifiers_.affix == Affix::None ? Affix::Contains : modifiers_.affix;
    Pattern out;
    if (affix == Affix::Contains || affix == Affix::EndsWith) append_many(out);
    for (PatternPart& part : pattern) {
      if (part.kind == PatternPart::Kind::Many) {
        append_many(out);
      } else {
        out.push_back(std::move(part));
      }
    }
    if (affix == Affix::Contains || affix == Affix::StartsWith) append_many(out);
    return out;
  }

  // The texts that `value` stands for once each %name% is replaced by its configured values.
  std::vector<std::string> expand(const Node& value) {
    std::vector<std::string> out = {""};
    const auto put = [&out](std::string_view text) {
      for (std::string& prefix : out) prefix += text;
    };
    std::string_view rest = value.text();
    size_t from = 0;
    while (modifiers_.expand) {
      const size_t open = rest.find('%', from);
      const size_t close = open == std::string_view::npos ? open : rest.find('%', open + 1);
      if (close == std::string_view::npos) break;
      const std::string_view name = rest.substr(open + 1, close - open - 1);
      from = close;  // it may open the next one
      if (!is_placeholder(name)) continue;
      put(rest.substr(0, open));
      const std::vector<std::string>* values = placeholder(value, name);
      if (values == nullptr) return {};
      std::vector<std::string> grown;
      size_t bytes = 0;
      for (const std::string& prefix : out) {
        for (const std::string& text : *values) {
          bytes += prefix.size() + text.size() + rest.size();
          if (grown.size() == kVariantsMax || bytes > kVariantBytesMax) {
            context_.error(value, "the placeholders make too many values");
            return {};
          }
          grown.push_back(prefix + text);
        }
      }
      out = std::move(grown);
      rest.remove_prefix(close + 1);
      from = 0;
    }
    put(rest);
    return out;
  }

  const std::vector<std::string>* placeholder(const Node& value, std::string_view name) {
    std::vector<std::string> known;
    for (const auto& [known_name, values] : context_.placeholders) {
      if (known_name == name && !values.empty()) return &values;
      known.push_back(known_name);
    }
    context_.error(value, fmt::format("no values are configured for placeholder '{}'", name),
                   did_you_mean(name, known));
    return nullptr;
  }

  const Node& key_;
  const std::string field_;
  const Modifiers modifiers_;
  ReadContext& context_;
};

MatchTree read_item(const Node::Entry& entry, ReadContext& context) {
  const std::string_view key = entry.key.text();
  const size_t bar = key.find('|');
  std::string field(key.substr(0, bar));
  Modifiers modifiers;
  if (bar != std::string_view::npos) {
    const auto parsed = parse_modifiers(key.substr(bar + 1), entry.key, context);
    if (!parsed) return {};
    modifiers = *parsed;
  }
  if (field.ends_with(' ')) {
    context.error(entry.key, fmt::format("the field name '{}' ends with a blank", field));
    return {};
  }
  const bool text_op = modifiers.op == MatchOp::Pattern || modifiers.op == MatchOp::Regex;
  if (field.empty() && (!text_op || modifiers.date_part != DatePart::None)) {
    context.error(entry.key, "this modifier needs a field name in front of it");
    return {};
  }
  return ItemReader(entry.key, std::move(field), std::move(modifiers), context).read(entry.value);
}

MatchTree read_map(const Node& node, ReadContext& context) {
  std::vector<MatchTree> trees;
  for (const Node::Entry& entry : node.entries()) trees.push_back(read_item(entry, context));
  if (trees.empty()) context.error(node, "an empty selection would match everything");
  return combine(MatchTree::Kind::And, std::move(trees));
}

}  // namespace

MatchTree combine(MatchTree::Kind kind, std::vector<MatchTree> children) {
  if (children.size() == 1) return std::move(children.front());
  MatchTree tree;
  tree.kind = kind;
  tree.children = std::move(children);
  return tree;
}

MatchTree negate(MatchTree child) {
  MatchTree tree;
  tree.kind = MatchTree::Kind::Not;
  tree.children.push_back(std::move(child));
  return tree;
}

MatchTree read_selection(const Node& node, ReadContext& context) {
  if (node.is_map()) return read_map(node, context);
  if (node.is_scalar()) return ItemReader(node, "", {}, context).read(node);
  if (node.is_null() || node.items().empty()) {
    context.error(node, "an empty selection would match everything");
    return {};
  }
  std::vector<MatchTree> trees;
  for (const Node& item : node.items()) {
    if (item.is_sequence()) {
      context.error(item, "a list within a list is not Sigma",
                    "write its items into the outer list");
      continue;
    }
    trees.push_back(read_selection(item, context));
  }
  return combine(MatchTree::Kind::Or, std::move(trees));
}

}  // namespace picket
