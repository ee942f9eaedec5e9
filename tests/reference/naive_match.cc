#include "tests/reference/naive_match.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>

namespace picket {
namespace {

using Kind = NaiveValue::Kind;
using Values = std::vector<const NaiveValue*>;

char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), fold);
  return text;
}

bool begins_with(std::string_view text, std::string_view part, bool cased) {
  if (text.size() < part.size()) return false;
  for (size_t i = 0; i < part.size(); ++i) {
    if (cased ? text[i] != part[i] : fold(text[i]) != fold(part[i])) return false;
  }
  return true;
}

size_t character_size(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  size_t size = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

// The rest of a pattern from `part` on, tried at every place where a star may end.
struct Glob {
  const std::vector<PatternPart>& parts;
  bool cased;

  bool from(std::string_view text, size_t part) const {
    if (part == parts.size()) return text.empty();
    switch (parts[part].kind) {
      case PatternPart::Kind::Many:
        if (part + 1 == parts.size()) return true;
        for (size_t skip = 0; skip <= text.size(); ++skip) {
          bool inside = skip < text.size() && (text[skip] & 0xC0) == 0x80;  // of a character
          if (!inside && from(text.substr(skip), part + 1)) return true;
        }
        return false;
      case PatternPart::Kind::One:
        return !text.empty() && from(text.substr(character_size(text)), part + 1);
      case PatternPart::Kind::Text:
        return begins_with(text, parts[part].text, cased) &&
               from(text.substr(parts[part].text.size()), part + 1);
    }
    return false;
  }
};

// The bits of an address, most significant first; empty when it is none.
std::vector<bool> address_bits(const std::string& text) {
  unsigned char bytes[16];
  size_t size = 0;
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) size = 4;
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) size = 16;
  std::vector<bool> bits;
  for (size_t i = 0; i < size * 8; ++i) bits.push_back(bytes[i / 8] >> (7 - i % 8) & 1);
  return bits;
}

bool in_network(const std::string& text, const std::string& network) {
  const size_t slash = network.find('/');
  const std::vector<bool> base = address_bits(network.substr(0, slash));
  const std::vector<bool> address = address_bits(text);
  if (address.size() != base.size() || base.empty()) return false;
  const size_t length =
      slash == network.npos ? base.size() : std::strtoul(network.c_str() + slash + 1, nullptr, 10);
  return std::equal(base.begin(), base.begin() + static_cast<ptrdiff_t>(length), address.begin());
}

// The day of the year, from 0, and the weekday, Monday being 0.
struct Calendar {
  int year, month, day, yearday, weekday, hour, minute;
};

Calendar calendar_of(Timestamp time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch() / std::chrono::seconds(1);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return {tm.tm_year + 1900,    tm.tm_mon + 1, tm.tm_mday, tm.tm_yday,
          (tm.tm_wday + 6) % 7, tm.tm_hour,    tm.tm_min};
}

int part_of(Timestamp time, DatePart part) {
  const Calendar at = calendar_of(time);
  switch (part) {
    case DatePart::Minute:
      return at.minute;
    case DatePart::Hour:
      return at.hour;
    case DatePart::Day:
      return at.day;
    case DatePart::Month:
      return at.month;
    case DatePart::Year:
      return at.year;
    default: {
      // ISO 8601: a week belongs to the year of its Thursday.
      const Calendar thursday = calendar_of(time + std::chrono::hours(24 * (3 - at.weekday)));
      return thursday.yearday / 7 + 1;
    }
  }
}

// The number that a comparison is about.
std::optional<double> operand(const Predicate& p, const NaiveValue& value) {
  if (p.date_part == DatePart::None) return naive_number(value);
  const std::optional<Timestamp> time =
      value.kind == Kind::String ? parse_rfc3339(value.text) : std::nullopt;
  if (!time) return std::nullopt;
  return part_of(*time, p.date_part);
}

bool compares(const Predicate& p, const NaiveValue& value) {
  const std::optional<double> number = operand(p, value);
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

// Everything below `value` along `names`, which are parts of a path.
void descend(const NaiveValue& value, const std::string& path, Values& out) {
  if (path.empty()) {
    out.push_back(&value);
    return;
  }
  for (const NaiveValue& item : value.items) descend(item, path, out);
  const size_t dot = path.find('.');
  const auto member = value.members.find(path.substr(0, dot));
  if (member == value.members.end()) return;
  descend(member->second, dot == path.npos ? "" : path.substr(dot + 1), out);
}

// The literal key, else the path.
Values below(const NaiveValue& value, const std::string& name) {
  const auto literal = value.members.find(name);
  if (literal != value.members.end()) return {&literal->second};
  Values out;
  descend(value, name, out);
  return out;
}

bool empty(const NaiveValue* value) {
  return value->kind == Kind::Null || (value->kind == Kind::String && value->text.empty());
}

void collect_texts(const NaiveValue& value, Values& out) {
  if (value.kind == Kind::String) out.push_back(&value);
  for (const NaiveValue& item : value.items) collect_texts(item, out);
  for (const auto& [key, member] : value.members) collect_texts(member, out);
}

// FieldRef: one text and one value of the other field.
bool agrees(const Predicate& p, const std::string& text, const NaiveValue& other) {
  if (!other.scalar()) return false;
  const std::string a = p.cased ? text : lower(text);
  const std::string b = p.cased ? other.text : lower(other.text);
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

}  // namespace

Values naive_fields(const NaiveValue& record, const std::string& name, const Schema* schema) {
  std::vector<Values> places;
  if (const SchemaField* mapped = schema ? schema->field(name) : nullptr) {
    for (const FieldRule& rule : mapped->alternatives) {
      places.push_back(below(record, rule.source.path));
    }
  } else {
    places.push_back(below(record, name));
    for (size_t i = 0; schema && i < schema->roots.size(); ++i) {
      Values& found = places.emplace_back();
      for (const NaiveValue* root : below(record, schema->roots[i])) {
        for (const NaiveValue* value : below(*root, name)) found.push_back(value);
      }
    }
  }
  for (const Values& found : places) {
    // What a path finds in several elements of a list is a list.
    const auto values = std::count_if(found.begin(), found.end(), [](const NaiveValue* value) {
      return value->kind != Kind::Null;
    });
    if (values > 1 || !std::all_of(found.begin(), found.end(), empty)) return found;
  }
  // The empty text in a field that a schema maps is no value.
  const bool mapped = schema && schema->field(name);
  for (const Values& found : places) {
    if (!found.empty() && !(mapped && found.front()->kind == Kind::String)) return found;
  }
  return {};
}

const NaiveValue* naive_field(const NaiveEvent& event, const std::string& name) {
  const Values found = naive_fields(event.record, name);
  return found.empty() ? nullptr : found.front();
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
  return Glob{parts, cased}.from(text, 0);
}

NaiveMatcher::NaiveMatcher(const NaiveEvent& event, NaiveContext& context)
    : event_(event), context_(context) {
  collect_texts(event.record, texts_);
}

bool NaiveMatcher::matches(const MatchTree& tree) {
  const auto holds = [&](const MatchTree& child) { return matches(child); };
  switch (tree.kind) {
    case MatchTree::Kind::And:
      return std::all_of(tree.children.begin(), tree.children.end(), holds);
    case MatchTree::Kind::Or:
      return std::any_of(tree.children.begin(), tree.children.end(), holds);
    case MatchTree::Kind::Not:
      return !matches(tree.children.front());
    case MatchTree::Kind::Leaf:
      return leaf(tree.leaf);
  }
  return false;
}

const Values& NaiveMatcher::fields(const std::string& name) {
  const auto known = fields_.find(name);
  if (known != fields_.end()) return known->second;
  return fields_[name] = naive_fields(event_.record, name, context_.schema);
}

bool NaiveMatcher::leaf(const Predicate& p) {
  if (p.op == MatchOp::Before) return to_ms(event_.time) < static_cast<int64_t>(p.number);
  if (p.field.empty()) return keyword(p);
  const Values& values = fields(p.field);
  if (values.empty()) return p.op == MatchOp::Null || (p.op == MatchOp::Exists && !p.flag);
  if (p.op == MatchOp::Null) {
    return std::all_of(values.begin(), values.end(),
                       [&](const NaiveValue* value) { return passes(p, *value); });
  }
  const bool whole = p.op == MatchOp::Exists;
  return std::any_of(values.begin(), values.end(), [&](const NaiveValue* value) {
    if (value->kind != Kind::Array || whole) return passes(p, *value);
    return std::any_of(value->items.begin(), value->items.end(),
                       [&](const NaiveValue& item) { return passes(p, item); });
  });
}

// Any string of the event.
bool NaiveMatcher::keyword(const Predicate& p) {
  return std::any_of(texts_.begin(), texts_.end(), [&](const auto* v) { return passes(p, *v); });
}

bool NaiveMatcher::regex_finds(const Predicate& p, const std::string& text) {
  const std::string flags = std::string(p.regex_ignore_case ? "i" : "") +
                            (p.regex_multi_line ? "m" : "") + (p.regex_dot_all ? "s" : "");
  const std::string whole = (flags.empty() ? "" : "(?" + flags + ")") + p.text;
  std::shared_ptr<const RE2>& regex = context_.regexes[whole];
  if (!regex) {
    RE2::Options options;
    options.set_log_errors(false);
    regex = std::make_shared<const RE2>(whole, options);
  }
  return regex->ok() && RE2::PartialMatch(text, *regex);
}

bool NaiveMatcher::passes(const Predicate& p, const NaiveValue& value) {
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
    default:
      break;
  }
  if (!value.scalar()) return false;
  if (p.op == MatchOp::Pattern) return naive_glob(value.text, p.pattern, p.cased);
  if (p.op == MatchOp::Regex) return regex_finds(p, value.text);
  if (p.op == MatchOp::Cidr) return in_network(value.text, p.text);
  return refers(p, value.text);
}

bool NaiveMatcher::refers(const Predicate& p, const std::string& text) {
  const Values& others = fields(p.text);
  if (others.empty()) return false;
  const NaiveValue& other = *others.front();
  if (other.kind != Kind::Array) return agrees(p, text, other);
  return std::any_of(other.items.begin(), other.items.end(),
                     [&](const NaiveValue& item) { return agrees(p, text, item); });
}

bool naive_match(const MatchTree& tree, const NaiveEvent& event) {
  NaiveContext context;
  return NaiveMatcher(event, context).matches(tree);
}

}  // namespace picket
