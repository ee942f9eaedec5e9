#include "rules/correlators/option_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/correlator.h"

namespace picket {
namespace {

constexpr Duration kLongest = std::chrono::hours(24 * 3653);  // ten years
constexpr int64_t kIntegerMax = 1'000'000'000;

const Node& options_of(const CorrelationSpec& spec) {
  static const Node kNothing;
  return spec.options != nullptr ? *spec.options : kNothing;
}

struct DurationUnit {
  int64_t ms;
  const char* name;
};
constexpr std::array kUnits = {
    DurationUnit{86'400'000, "d"}, DurationUnit{3'600'000, "h"}, DurationUnit{60'000, "min"},
    DurationUnit{1'000, "s"},      DurationUnit{1, "ms"},
};

}  // namespace

void adopt(Wiring wiring, CorrelationSpec& spec) {
  spec.rules = std::move(wiring.rules);
  spec.condition.fields = std::move(wiring.fields);
  spec.timespan = wiring.timespan;
}

OptionReader::OptionReader(const CorrelationSpec& spec)
    : spec_(spec),
      node_(options_of(spec)),
      reader_(node_, fmt::format("correlation '{}'", spec.type), diagnostics_) {
  reader_.optional("type");
}

uint64_t OptionReader::role(const std::string& rule, const Node& where) {
  std::vector<std::string>& rules = wiring_.rules;
  const auto known = std::find(rules.begin(), rules.end(), rule);
  const auto bit = static_cast<size_t>(known - rules.begin());
  if (bit >= kRolesMax) {
    diagnostics_.push_back(
        {where.where(), fmt::format("a correlation may name at most {} rules", kRolesMax)});
    return 0;
  }
  if (known == rules.end()) rules.push_back(rule);
  return uint64_t{1} << bit;
}

uint64_t OptionReader::roles(std::string_view key) {
  const bool elsewhere = key == "rules" && !spec_.rules.empty();
  const Node* node = elsewhere ? reader_.optional(key) : reader_.require(key);
  if (node == nullptr && !elsewhere) return 0;
  const std::vector<std::string> names = node != nullptr ? reader_.strings(key) : spec_.rules;
  if (names.empty() && node != nullptr && node->is_sequence() && node->items().empty()) {
    error(key, fmt::format("'{}' names no rules", key));
  }
  uint64_t mask = 0;
  for (const std::string& name : names) {
    const uint64_t bit = role(name, node != nullptr ? *node : node_);
    if (bit == 0) break;
    mask |= bit;
  }
  return mask;
}

void OptionReader::fields(std::string_view key) {
  const Node* node = reader_.require(key);
  if (node == nullptr) return;
  wiring_.fields = reader_.strings(key);
  if (node->is_sequence() && node->items().empty()) {
    error(key, fmt::format("'{}' names no fields", key));
  }
}

double OptionReader::number(std::string_view key, NumberRange range,
                            std::optional<double> fallback) {
  const Node* node = fallback ? reader_.optional(key) : reader_.require(key);
  // A number that cannot be read is reported as such, and must not be reported once more.
  const double harmless = fallback.value_or((range.min + range.max) / 2);
  if (node == nullptr) return harmless;
  const double value = reader_.number(key, harmless);
  if (range.contains(value)) return value;
  error(key, range.ends ? fmt::format("'{}' must be from {} to {}", key, range.min, range.max)
                        : fmt::format("'{}' must be greater than {} and less than {}", key,
                                      range.min, range.max));
  return harmless;
}

int64_t OptionReader::integer(std::string_view key, int64_t min, std::optional<int64_t> fallback) {
  if (!fallback && reader_.require(key) == nullptr) return min;
  return reader_.integer(key, fallback.value_or(min), min, kIntegerMax);
}

Duration OptionReader::duration(std::string_view key, std::optional<Duration> fallback) {
  const Duration harmless = fallback.value_or(Duration(1));
  const Node* node = fallback ? reader_.optional(key) : reader_.require(key);
  if (node == nullptr) return harmless;
  const Duration value = reader_.duration(key, harmless);
  if (value > Duration(0) && value <= kLongest) return value;
  error(key, fmt::format("'{}' must be longer than nothing and at most ten years", key));
  return harmless;
}

Duration OptionReader::duration_or_none(std::string_view key, Duration fallback) {
  if (reader_.optional(key) == nullptr) return fallback;
  const Duration value = reader_.duration(key, fallback);
  if (value >= Duration(0) && value <= kLongest) return value;
  error(key, fmt::format("'{}' must be at most ten years", key));
  return fallback;
}

Duration OptionReader::required_timespan() {
  if (spec_.timespan <= Duration(0)) {
    diagnostics_.push_back({spec_.head.where,
                            fmt::format("a correlation of type '{}' needs 'timespan'", spec_.type),
                            "it stands in the 'correlation' part of the document"});
  }
  wiring_.timespan = std::max(spec_.timespan, Duration(1));
  return wiring_.timespan;
}

Duration OptionReader::timespan_or(Duration fallback) {
  wiring_.timespan = spec_.timespan > Duration(0) ? spec_.timespan : fallback;
  return wiring_.timespan;
}

void OptionReader::timespan_is(Duration timespan, std::string_view key) {
  wiring_.timespan = timespan;
  // Equal when the spec has been prepared already.
  if (spec_.timespan != Duration(0) && spec_.timespan != timespan) {
    error(key,
          fmt::format("a correlation of type '{}' takes its time from '{}', not from "
                      "'timespan'",
                      spec_.type, key),
          "remove 'timespan'");
  }
}

void OptionReader::error(std::string_view key, std::string message, std::string hint) {
  const Node* value = node_.find(key);
  diagnostics_.push_back(
      {(value != nullptr ? *value : node_).where(), std::move(message), std::move(hint)});
}

bool OptionReader::close() {
  reader_.finish();
  const bool complete = diagnostics_.empty();
  for (const std::string& rule : spec_.rules) {
    if (complete &&
        std::find(wiring_.rules.begin(), wiring_.rules.end(), rule) == wiring_.rules.end()) {
      diagnostics_.push_back({spec_.head.where,
                              fmt::format("'rules' names '{}', which no option uses", rule),
                              fmt::format("the options of '{}' name its rules", spec_.type)});
    }
  }
  if (!spec_.condition.bounds.empty() || !spec_.condition.expression.empty()) {
    diagnostics_.push_back(
        {spec_.head.where,
         fmt::format("a correlation of type '{}' has no 'condition' of its own", spec_.type),
         "its condition stands in 'picket: {correlation: ...}'"});
  }
  for (Diagnostic& diagnostic : diagnostics_) {
    if (diagnostic.where.line == 0) diagnostic.where = spec_.head.where;
  }
  return diagnostics_.empty();
}

std::string duration_text(Duration duration) {
  for (const DurationUnit& unit : kUnits) {
    if (duration.count() % unit.ms == 0 && duration.count() != 0) {
      return fmt::format("{} {}", duration.count() / unit.ms, unit.name);
    }
  }
  return "0 s";
}

std::string time_left_text(Duration left) {
  constexpr int64_t kDigits = 10;  // as many of a unit and its parts are not worth telling
  const int64_t ms = std::max<int64_t>(left.count(), 0);
  for (const DurationUnit& unit : kUnits) {
    if (ms >= kDigits * unit.ms) return duration_text(Duration(ms / unit.ms * unit.ms));
  }
  return duration_text(Duration(ms));
}

int64_t bounded_ms(Timestamp time) { return std::clamp(to_ms(time), -kTimeLimitMs, kTimeLimitMs); }

}  // namespace picket
