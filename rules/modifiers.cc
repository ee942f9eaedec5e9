// The table of modifiers and the checks on their combination.
//
// Tested by tests/rules/modifiers_test.cc.
#include "rules/modifiers.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace picket {
namespace {

// Two modifiers of one group exclude each other, but for Transform and Flag.
enum class Group : uint8_t { Op, Affix, Transform, Utf16, Date, Flag };

struct ModifierName {
  std::string_view name;
  Group group;
  void (*apply)(Modifiers&);
};

template <MatchOp kOp>
void set_op(Modifiers& m) {
  m.op = kOp;
}
template <Affix kAffix>
void set_affix(Modifiers& m) {
  m.affix = kAffix;
}
template <DatePart kPart>
void set_date(Modifiers& m) {
  m.date_part = kPart;
}
template <bool Modifiers::*kFlag>
void set_flag(Modifiers& m) {
  m.*kFlag = true;
}
template <TextTransform kTransform>
void add_transform(Modifiers& m) {
  m.transforms.push_back(kTransform);
}

constexpr std::array kModifiers = {
    ModifierName{"contains", Group::Affix, set_affix<Affix::Contains>},
    ModifierName{"startswith", Group::Affix, set_affix<Affix::StartsWith>},
    ModifierName{"endswith", Group::Affix, set_affix<Affix::EndsWith>},
    ModifierName{"all", Group::Flag, set_flag<&Modifiers::all>},
    ModifierName{"cased", Group::Flag, set_flag<&Modifiers::cased>},
    ModifierName{"neq", Group::Flag, set_flag<&Modifiers::negated>},
    ModifierName{"expand", Group::Flag, set_flag<&Modifiers::expand>},
    ModifierName{"re", Group::Op, set_op<MatchOp::Regex>},
    ModifierName{"i", Group::Flag, set_flag<&Modifiers::ignore_case>},
    ModifierName{"ignorecase", Group::Flag, set_flag<&Modifiers::ignore_case>},
    ModifierName{"m", Group::Flag, set_flag<&Modifiers::multi_line>},
    ModifierName{"multiline", Group::Flag, set_flag<&Modifiers::multi_line>},
    ModifierName{"s", Group::Flag, set_flag<&Modifiers::dot_all>},
    ModifierName{"dotall", Group::Flag, set_flag<&Modifiers::dot_all>},
    ModifierName{"exists", Group::Op, set_op<MatchOp::Exists>},
    ModifierName{"cidr", Group::Op, set_op<MatchOp::Cidr>},
    ModifierName{"fieldref", Group::Op, set_op<MatchOp::FieldRef>},
    ModifierName{"lt", Group::Op, set_op<MatchOp::Less>},
    ModifierName{"lte", Group::Op, set_op<MatchOp::LessEqual>},
    ModifierName{"gt", Group::Op, set_op<MatchOp::Greater>},
    ModifierName{"gte", Group::Op, set_op<MatchOp::GreaterEqual>},
    ModifierName{"windash", Group::Transform, add_transform<TextTransform::Windash>},
    ModifierName{"base64", Group::Transform, add_transform<TextTransform::Base64>},
    ModifierName{"base64offset", Group::Transform, add_transform<TextTransform::Base64Offset>},
    ModifierName{"utf16le", Group::Utf16, add_transform<TextTransform::Utf16Le>},
    ModifierName{"wide", Group::Utf16, add_transform<TextTransform::Utf16Le>},
    ModifierName{"utf16be", Group::Utf16, add_transform<TextTransform::Utf16Be>},
    ModifierName{"utf16", Group::Utf16, add_transform<TextTransform::Utf16>},
    ModifierName{"minute", Group::Date, set_date<DatePart::Minute>},
    ModifierName{"hour", Group::Date, set_date<DatePart::Hour>},
    ModifierName{"day", Group::Date, set_date<DatePart::Day>},
    ModifierName{"week", Group::Date, set_date<DatePart::Week>},
    ModifierName{"month", Group::Date, set_date<DatePart::Month>},
    ModifierName{"year", Group::Date, set_date<DatePart::Year>},
};

std::vector<std::string> modifier_names() {
  std::vector<std::string> names;
  for (const ModifierName& known : kModifiers) names.emplace_back(known.name);
  return names;
}

bool is_comparison(MatchOp op) {
  return op == MatchOp::Less || op == MatchOp::LessEqual || op == MatchOp::Greater ||
         op == MatchOp::GreaterEqual;
}

// Why the combination makes no sense, or nothing when it does.
std::string_view conflict(const Modifiers& m) {
  const bool regex_flag = m.ignore_case || m.multi_line || m.dot_all;
  if (regex_flag && m.op != MatchOp::Regex) return "i, m and s belong behind 're'";
  if (m.cased && m.ignore_case) return "'cased' and 'i' contradict each other";
  if (m.op == MatchOp::FieldRef) {
    if (!m.transforms.empty() || m.expand) return "'fieldref' names a field, which has no text yet";
  } else if (m.op != MatchOp::Pattern) {
    if (m.affix != Affix::None) return "contains, startswith and endswith need a text to look for";
    if (!m.transforms.empty()) return "encodings and 'windash' apply to texts only";
  }
  const bool text_op = m.op == MatchOp::Pattern || m.op == MatchOp::Regex;
  if (m.cased && !text_op && m.op != MatchOp::FieldRef) return "'cased' applies to texts only";
  if (m.op == MatchOp::Exists && (m.all || m.negated || m.expand)) {
    return "'exists' stands alone; write true or false as its value";
  }
  if (m.expand && is_comparison(m.op)) return "'expand' applies to texts only";
  if (m.date_part != DatePart::None) {
    if (m.op != MatchOp::Pattern && !is_comparison(m.op)) {
      return "parts of a time can only be compared with numbers";
    }
    if (m.wants_text() || m.expand) return "parts of a time are numbers, not texts";
  }
  return {};
}

struct Seen {
  std::vector<std::string_view> names;
  std::string_view op, affix, utf16, date;
  std::string_view base64;  // the first one

  // The earlier modifier that `added` excludes, or nothing.
  std::string_view rival(const ModifierName& added) {
    if (std::find(names.begin(), names.end(), added.name) != names.end()) return added.name;
    names.push_back(added.name);
    std::string_view* slot = added.group == Group::Op      ? &op
                             : added.group == Group::Affix ? &affix
                             : added.group == Group::Utf16 ? &utf16
                             : added.group == Group::Date  ? &date
                                                           : nullptr;
    if (slot == nullptr) return {};
    const std::string_view before = *slot;
    *slot = added.name;
    return before;
  }
};

// Texts are changed in the order in which that is written, so some orders make no sense.
bool fits_behind(const ModifierName& added, Seen& seen, const Node& at, ReadContext& context) {
  const std::string_view name = added.name;
  const bool transforms = added.group == Group::Transform || added.group == Group::Utf16;
  if (!transforms) return true;
  std::string_view before;
  std::string_view why;
  if (name == "windash") {
    before = seen.base64.empty() ? seen.utf16 : seen.base64;
    why = "would vary the characters of a code";
  } else if (!seen.affix.empty()) {
    before = seen.affix;
    why = "would encode its wildcards";
  } else if (added.group == Group::Utf16) {
    before = seen.base64;
    why = "would encode a code";
  }
  if (!before.empty()) {
    context.error(at, fmt::format("'{}' behind '{}' {}", name, before, why),
                  fmt::format("write |{}|{}", name, before));
    return false;
  }
  if (name.starts_with("base64") && seen.base64.empty()) seen.base64 = name;
  return true;
}

// What is allowed and will hardly find anything.
void warn_of_odd_encodings(const Modifiers& modifiers, const Seen& seen, const Node& at,
                           ReadContext& context) {
  if (!seen.utf16.empty() && seen.base64.empty()) {
    context.warn(at, fmt::format("'{}' alone looks for bytes that no text holds", seen.utf16),
                 fmt::format("write |{}|base64offset|contains", seen.utf16));
  }
  const auto& transforms = modifiers.transforms;
  const bool offset = std::find(transforms.begin(), transforms.end(),
                                TextTransform::Base64Offset) != transforms.end();
  if (offset && modifiers.affix != Affix::Contains) {
    context.warn(at, "'base64offset' makes parts of a code, which no whole value equals",
                 "add |contains");
  }
}

bool apply_modifier(std::string_view name, Modifiers& modifiers, Seen& seen, const Node& at,
                    ReadContext& context) {
  const auto known = std::find_if(kModifiers.begin(), kModifiers.end(),
                                  [&](const ModifierName& m) { return m.name == name; });
  if (known == kModifiers.end()) {
    context.error(at, fmt::format("unknown modifier '{}'", name),
                  did_you_mean(name, modifier_names()));
    return false;
  }
  const std::string_view rival = seen.rival(*known);
  if (rival == name) {
    context.error(at, fmt::format("modifier '{}' is given twice", name));
    return false;
  }
  if (!rival.empty()) {
    context.error(at, fmt::format("modifiers '{}' and '{}' cannot be combined", rival, name));
    return false;
  }
  if (!fits_behind(*known, seen, at, context)) return false;
  known->apply(modifiers);
  return true;
}

}  // namespace

std::optional<Modifiers> parse_modifiers(std::string_view names, const Node& at,
                                         ReadContext& context) {
  Modifiers modifiers;
  Seen seen;
  bool more = true;
  while (more) {
    const size_t bar = names.find('|');
    more = bar != std::string_view::npos;
    if (!apply_modifier(names.substr(0, bar), modifiers, seen, at, context)) return std::nullopt;
    if (more) names.remove_prefix(bar + 1);
  }
  if (const std::string_view reason = conflict(modifiers); !reason.empty()) {
    context.error(at, std::string(reason));
    return std::nullopt;
  }
  warn_of_odd_encodings(modifiers, seen, at, context);
  return modifiers;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const auto near = nearest(word, known);
  return near ? fmt::format("did you mean '{}'?", *near) : std::string();
}

}  // namespace picket
