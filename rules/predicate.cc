#include "rules/predicate.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "rules/backtrack_regex.h"
#include "rules/decode.h"
#include "rules/text_match.h"

namespace picket {
namespace {

using Kind = CompiledPredicate::Kind;
using Part = PatternPart::Kind;

bool parse_address(std::string_view text, CidrRange& range) {
  char buffer[INET6_ADDRSTRLEN + 1];
  if (text.size() >= sizeof(buffer)) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  range.address.fill(0);
  range.v6 = text.find(':') != text.npos;
  return inet_pton(range.v6 ? AF_INET6 : AF_INET, buffer, range.address.data()) == 1;
}

bool parse_cidr(std::string_view text, CidrRange& range) {
  size_t slash = text.find('/');
  if (!parse_address(text.substr(0, slash), range)) return false;
  int most = range.v6 ? 128 : 32;
  range.bits = most;
  if (slash == text.npos) return true;
  std::string_view digits = text.substr(slash + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), range.bits);
  return error == std::errc{} && end == digits.data() + digits.size() && range.bits >= 0 &&
         range.bits <= most;
}

bool in_range(const CidrRange& range, std::string_view text) {
  CidrRange address;
  if (!parse_address(text, address) || address.v6 != range.v6) return false;
  auto whole = static_cast<size_t>(range.bits / 8);
  if (std::memcmp(address.address.data(), range.address.data(), whole) != 0) return false;
  int rest = range.bits % 8;
  if (rest == 0) return true;
  auto mask = static_cast<uint8_t>(0xFF << (8 - rest));
  return ((address.address[whole] ^ range.address[whole]) & mask) == 0;
}

double date_part(Timestamp time, DatePart part) {
  using namespace std::chrono;
  auto day = floor<days>(time);
  auto date = year_month_day(day);
  auto clock = hh_mm_ss(time - day);
  switch (part) {
    case DatePart::Minute:
      return static_cast<double>(clock.minutes().count());
    case DatePart::Hour:
      return static_cast<double>(clock.hours().count());
    case DatePart::Day:
      return static_cast<unsigned>(date.day());
    case DatePart::Month:
      return static_cast<unsigned>(date.month());
    case DatePart::Year:
      return static_cast<int>(date.year());
    case DatePart::Week:
      break;
    case DatePart::None:
      return 0;
  }
  // ISO 8601: the week that holds the Thursday of this week's days.
  auto thursday = day - (weekday(day) - Monday) + days(3);
  auto year = year_month_day(thursday).year();
  return static_cast<double>((thursday - sys_days(year / January / 1)).count() / 7 + 1);
}

std::optional<double> numeric(const CompiledPredicate& predicate, const Value& value) {
  if (predicate.date_part == DatePart::None) return number_of(value);
  std::optional<Timestamp> time = event_time(value, TimeUnit::Milliseconds);
  if (!time) return std::nullopt;
  return date_part(*time, predicate.date_part);
}

bool text_holds(const CompiledPredicate& p, std::string_view text) {
  size_t size = p.text.size();
  switch (p.kind) {
    case Kind::Exact:
      return p.cased ? text == p.text : equals_folded(text, p.text);
    case Kind::Prefix:
      if (text.size() < size) return false;
      text = text.substr(0, size);
      return p.cased ? text == p.text : equals_folded(text, p.text);
    case Kind::Suffix:
      if (text.size() < size) return false;
      text = text.substr(text.size() - size);
      return p.cased ? text == p.text : equals_folded(text, p.text);
    case Kind::Contains:
      return (p.cased ? text.find(p.text) : find_folded(text, p.text)) != text.npos;
    case Kind::Glob:
      return glob_match(text, p.parts, p.cased);
    case Kind::Cidr:
      return in_range(p.cidr, text);
    default:
      return false;
  }
}

bool compares(const CompiledPredicate& p, const Value& value) {
  std::optional<double> number = numeric(p, value);
  if (!number) return false;
  switch (p.kind) {
    case Kind::Number:
      return *number == p.number;
    case Kind::Less:
      return *number < p.number;
    case Kind::LessEqual:
      return *number <= p.number;
    case Kind::Greater:
      return *number > p.number;
    case Kind::GreaterEqual:
      return *number >= p.number;
    default:
      return false;
  }
}

bool refers(const CompiledPredicate& p, std::string_view text, std::string_view other) {
  CompiledPredicate test;
  test.cased = p.cased;
  test.text = p.cased ? std::string(other) : folded(other);
  test.kind = p.affix == Affix::Contains     ? Kind::Contains
              : p.affix == Affix::StartsWith ? Kind::Prefix
              : p.affix == Affix::EndsWith   ? Kind::Suffix
                                             : Kind::Exact;
  return text_holds(test, text);
}

bool regex_holds(const CompiledPredicate& p, Event& event, std::string_view text) {
  if (p.regex) return RE2::PartialMatch({text.data(), text.size()}, *p.regex);
  BacktrackRegex::Outcome outcome = p.backtrack->search(text);
  event.regex_limits += outcome == BacktrackRegex::Outcome::Limit;
  return outcome == BacktrackRegex::Outcome::Yes;
}

}  // namespace

bool value_holds(const CompiledPredicate& p, Event& event, const Value& value) {
  switch (p.kind) {
    case Kind::Null:
      return value.kind == ValueKind::Null || value.kind == ValueKind::Absent;
    case Kind::Exists:
      return (value.kind != ValueKind::Absent) == p.flag;
    case Kind::Bool:
      return (value.kind == ValueKind::Bool || value.kind == ValueKind::String) &&
             equals_folded(value.text(), p.flag ? "true" : "false");
    case Kind::Number:
    case Kind::Less:
    case Kind::LessEqual:
    case Kind::Greater:
    case Kind::GreaterEqual:
      return compares(p, value);
    case Kind::Regex:
      return value.is_scalar() && regex_holds(p, event, value.text());
    default:
      return value.is_scalar() && text_holds(p, value.text());
  }
}

namespace {

struct ElementTest {
  const CompiledPredicate& predicate;
  Event& event;
  const std::vector<std::string>* others = nullptr;  // FieldRef: values of the other field
};

bool test_element(void* state, const Value& element) {
  auto& test = *static_cast<ElementTest*>(state);
  return value_holds(test.predicate, test.event, element);
}

// Kind and text of a pattern, by its shape.
void shape_pattern(const Predicate& from, CompiledPredicate& to) {
  std::vector<PatternPart> parts;
  for (const PatternPart& part : from.pattern) {
    bool doubled = part.kind == Part::Many && !parts.empty() && parts.back().kind == Part::Many;
    if (doubled) continue;
    parts.push_back(part);
    if (!from.cased) parts.back().text = folded(part.text);
  }
  auto is = [&](size_t i, Part kind) { return i < parts.size() && parts[i].kind == kind; };
  size_t count = parts.size();
  to.kind = Kind::Glob;
  if (count == 0) {
    to.kind = Kind::Exact;
  } else if (count == 1 && is(0, Part::Text)) {
    to.kind = Kind::Exact;
    to.text = parts[0].text;
  } else if (count == 1 && is(0, Part::Many)) {
    to.kind = Kind::Contains;  // anything, also the empty text
  } else if (count == 2 && is(0, Part::Text) && is(1, Part::Many)) {
    to.kind = Kind::Prefix;
    to.text = parts[0].text;
  } else if (count == 2 && is(0, Part::Many) && is(1, Part::Text)) {
    to.kind = Kind::Suffix;
    to.text = parts[1].text;
  } else if (count == 3 && is(0, Part::Many) && is(1, Part::Text) && is(2, Part::Many)) {
    to.kind = Kind::Contains;
    to.text = parts[1].text;
  } else {
    to.parts = std::move(parts);
  }
}

// RE2 for all it can do; look-around and back-references go to PCRE2.
Result<void> compile_regex(const Predicate& from, const Location& where, CompiledPredicate& to) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!from.regex_ignore_case);
  options.set_dot_nl(from.regex_dot_all);
  options.set_max_mem(16 << 20);
  std::string text = from.regex_multi_line ? "(?m)" + from.text : from.text;
  auto regex = std::make_shared<const RE2>(text, options);
  if (regex->ok()) {
    to.regex = std::move(regex);
    return {};
  }
  auto backtrack = BacktrackRegex::make(
      from.text, {from.regex_ignore_case, from.regex_multi_line, from.regex_dot_all});
  if (!backtrack) {
    return fail(where, "regular expression '" + from.text + "' is malformed: " + regex->error(),
                backtrack.error());
  }
  to.backtrack = *std::move(backtrack);
  return {};
}

}  // namespace

namespace {

// A FieldId must hold them all, and each event has a slot for every one.
constexpr size_t kFieldsMax = 20'000;

Result<FieldId> intern(FieldTable& fields, const std::string& name, const Location& where) {
  if (name.empty()) return kKeywordField;
  if (fields.size() >= kFieldsMax && !fields.find(name)) {
    return fail(where, "all rules together test more than 20,000 different fields");
  }
  return fields.intern(name);
}

}  // namespace

Result<CompiledPredicate> compile_predicate(const Predicate& from, FieldTable& fields,
                                            const Location& where) {
  CompiledPredicate to;
  to.cased = from.cased;
  to.flag = from.flag;
  to.affix = from.affix;
  to.date_part = from.date_part;
  to.number = from.number;
  PICKET_TRY(to.field, intern(fields, from.field, where));
  switch (from.op) {
    case MatchOp::Pattern:
      shape_pattern(from, to);
      break;
    case MatchOp::Null:
      to.kind = Kind::Null;
      break;
    case MatchOp::Bool:
      to.kind = Kind::Bool;
      break;
    case MatchOp::Number:
      to.kind = Kind::Number;
      break;
    case MatchOp::Less:
      to.kind = Kind::Less;
      break;
    case MatchOp::LessEqual:
      to.kind = Kind::LessEqual;
      break;
    case MatchOp::Greater:
      to.kind = Kind::Greater;
      break;
    case MatchOp::GreaterEqual:
      to.kind = Kind::GreaterEqual;
      break;
    case MatchOp::Exists:
      to.kind = Kind::Exists;
      break;
    case MatchOp::Before:
      to.kind = Kind::Before;
      to.field = BuiltinField::kActor;  // never looked at
      break;
    case MatchOp::FieldRef: {
      to.kind = Kind::FieldRef;
      PICKET_TRY(to.other, intern(fields, from.text, where));
      break;
    }
    case MatchOp::Regex: {
      to.kind = Kind::Regex;
      Result<void> compiled = compile_regex(from, where, to);
      if (!compiled) return std::unexpected(std::move(compiled).error());
      break;
    }
    case MatchOp::Cidr:
      to.kind = Kind::Cidr;
      if (!parse_cidr(from.text, to.cidr)) {
        return fail(where, "'" + from.text + "' is not a network such as 10.0.0.0/8 or fd00::/8");
      }
      break;
  }
  return to;
}

namespace {

bool add_text(void* state, const Value& element) {
  if (element.is_scalar())
    static_cast<std::vector<std::string>*>(state)->emplace_back(element.text());
  return false;
}

bool refers_to_any(void* state, const Value& element) {
  const auto& test = *static_cast<const ElementTest*>(state);
  return element.is_scalar() &&
         std::any_of(test.others->begin(), test.others->end(), [&](const std::string& other) {
           return refers(test.predicate, element.text(), other);
         });
}

// The other field is read and copied first: only one list can be walked at a time.
bool field_ref_holds(const CompiledPredicate& predicate, Event& event) {
  std::vector<std::string> others;
  const Value other = event.get(predicate.other);
  if (other.kind == ValueKind::Array) {
    event.resolver().any_element(other, add_text, &others);
  } else {
    add_text(&others, other);
  }
  if (others.empty()) return false;
  ElementTest test{predicate, event, &others};
  const Value& value = event.get(predicate.field);
  if (value.kind != ValueKind::Array) return refers_to_any(&test, value);
  return event.resolver().any_element(value, refers_to_any, &test);
}

}  // namespace

bool holds(const CompiledPredicate& predicate, Event& event) {
  if (predicate.kind == Kind::Before) {
    return static_cast<double>(to_ms(event.time)) < predicate.number;
  }
  if (predicate.kind == Kind::FieldRef) return field_ref_holds(predicate, event);
  ElementTest test{predicate, event};
  if (predicate.field == kKeywordField) return event.resolver().any_string(test_element, &test);
  const Value& value = event.get(predicate.field);
  if (value.kind == ValueKind::Array && predicate.kind != Kind::Exists &&
      predicate.kind != Kind::Null) {
    return event.resolver().any_element(value, test_element, &test);
  }
  return value_holds(predicate, event, value);
}

}  // namespace picket
