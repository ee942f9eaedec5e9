// Tested by tests/rules/read_rules_test.cc.
#include "rules/read_correlation.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace picket {
namespace {

using std::chrono::hours;

constexpr Duration kTimespanMax = hours(24 * 3653);  // ten years
constexpr size_t kFieldsMax = 32;                    // of a group, and counted together

const std::vector<std::string>& sigma_types() {
  static const std::vector<std::string> kTypes = {"event_count",      "value_count", "temporal",
                                                  "temporal_ordered", "value_sum",   "value_avg",
                                                  "value_percentile", "value_median"};
  return kTypes;
}

struct TimespanUnit {
  char name;
  Duration length;
};
// Sigma leaves the length of a month and a year open: 30 and 365 days.
constexpr std::array kTimespanUnits = {
    TimespanUnit{'s', std::chrono::seconds(1)},
    TimespanUnit{'m', std::chrono::minutes(1)},
    TimespanUnit{'h', hours(1)},
    TimespanUnit{'d', hours(24)},
    TimespanUnit{'w', hours(24 * 7)},
    TimespanUnit{'M', hours(24 * 30)},
    TimespanUnit{'y', hours(24 * 365)},
};

Duration read_timespan(const Node& node, ReadContext& context) {
  const std::string_view text = node.is_scalar() ? std::string_view(node.text()) : "";
  const char* last = text.data() + (text.empty() ? 0 : text.size() - 1);
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), last, count);
  const auto unit = std::find_if(kTimespanUnits.begin(), kTimespanUnits.end(), [&](const auto& u) {
    return !text.empty() && u.name == text.back();
  });
  if (text.empty() || error != std::errc() || end != last || unit == kTimespanUnits.end()) {
    context.error(node, "a timespan is a whole number and one of s, m, h, d, w, M, y",
                  "for example 10m; M is a month, m a minute");
    return Duration(0);
  }
  if (count <= 0) {
    context.error(node, "a timespan must be longer than nothing");
    return Duration(0);
  }
  if (count > kTimespanMax / unit->length) {
    context.error(node, "a timespan may not exceed ten years");
    return Duration(0);
  }
  return count * unit->length;
}

void read_aliases(const Node& node, CorrelationSpec& spec, ReadContext& context) {
  if (!node.is_map()) return context.error(node, "'aliases' must be a map");
  for (const Node::Entry& alias : node.entries()) {
    FieldAlias out{alias.key.text(), {}};
    if (!alias.value.is_map()) {
      context.error(alias.value, fmt::format("alias '{}' must map rules to fields", out.alias));
      continue;
    }
    for (const Node::Entry& field : alias.value.entries()) {
      if (auto name = read_string(field.value, context.diagnostics)) {
        out.fields.emplace_back(field.key.text(), *std::move(name));
      }
    }
    spec.aliases.push_back(std::move(out));
  }
}

struct Bound {
  const char* name;
  Comparison comparison;
};
constexpr std::array kBounds = {
    Bound{"gt", Comparison::Greater}, Bound{"gte", Comparison::GreaterEqual},
    Bound{"lt", Comparison::Less},    Bound{"lte", Comparison::LessEqual},
    Bound{"eq", Comparison::Equal},   Bound{"neq", Comparison::NotEqual},
};

CorrelationCondition read_bounds(const Node& node, ReadContext& context) {
  constexpr double kPercentMax = 100;
  MapReader reader(node, "condition", context.diagnostics);
  CorrelationCondition condition;
  for (const Bound& bound : kBounds) {
    if (const Node* value = reader.optional(bound.name)) {
      const auto number = read_double(*value, context.diagnostics);
      condition.bounds.emplace_back(bound.comparison, number.value_or(0));
    }
  }
  condition.fields = reader.strings("field");
  if (const Node* percentile = reader.optional("percentile")) {
    condition.percentile = reader.number("percentile", 0);
    if (!(condition.percentile >= 0 && condition.percentile <= kPercentMax)) {
      context.error(*percentile, "'percentile' must be between 0 and 100");
    }
  }
  reader.finish();
  if (node.is_map() && condition.bounds.empty()) {
    context.error(node, "the condition has no bound",
                  "add one of gt, gte, lt, lte, eq, neq, for example {gte: 10}");
  }
  return condition;
}

// What Sigma demands of its own types; ours have their own rules.
void check_sigma_type(const Node& node, const CorrelationSpec& spec, ReadContext& context) {
  const std::vector<std::string>& types = sigma_types();
  if (std::find(types.begin(), types.end(), spec.type) == types.end()) {
    const Node* type = node.find("type");
    std::string hint = did_you_mean(spec.type, types);
    if (hint.empty()) hint = "types beyond Sigma belong under 'picket: {correlation: {type: ...}}'";
    return context.error(*type, fmt::format("unknown correlation type '{}'", spec.type),
                         std::move(hint));
  }
  const auto need = [&](bool there, const char* key) {
    if (!there)
      context.error(node, fmt::format("a correlation of type '{}' needs '{}'", spec.type, key));
  };
  const bool of_values = spec.type.starts_with("value_");
  const bool temporal = spec.type.starts_with("temporal");
  need(node.find("rules") != nullptr, "rules");
  need(node.find("timespan") != nullptr || node.find("timeframe") != nullptr, "timespan");
  const Node* condition = node.find("condition");
  if (!temporal) need(condition != nullptr, "condition");
  if (condition == nullptr || !condition->is_map()) return;
  if (of_values) need(!spec.condition.fields.empty(), "condition.field");
  if (spec.type == "value_percentile") {
    need(condition->find("percentile") != nullptr, "condition.percentile");
  }
}

void read_timing(MapReader& reader, CorrelationSpec& spec, ReadContext& context) {
  const Node* timespan = reader.optional("timespan");
  const Node* timeframe = reader.optional("timeframe");
  if (timespan != nullptr && timeframe != nullptr) {
    context.error(*timeframe, "'timespan' and 'timeframe' are the same thing; write one");
  }
  const Node* given = timespan != nullptr ? timespan : timeframe;
  if (given != nullptr) spec.timespan = read_timespan(*given, context);
}

void read_type(MapReader& reader, CorrelationSpec& spec, ReadContext& context) {
  const Node* own = spec.options != nullptr ? spec.options->find("type") : nullptr;
  if (spec.options != nullptr && own == nullptr) {
    context.error(*spec.options, "'picket.correlation' needs 'type'");
  }
  const Node* type = own != nullptr ? reader.optional("type") : reader.require("type");
  if (own != nullptr) type = own;
  if (type != nullptr) spec.type = read_string(*type, context.diagnostics).value_or("");
}

}  // namespace

void read_correlation(const Node& node, CorrelationSpec& spec, ReadContext& context) {
  MapReader reader(node, "correlation", context.diagnostics);
  read_type(reader, spec, context);
  spec.rules = reader.strings("rules");
  spec.group_by = reader.strings("group-by");
  const std::vector<std::string> group_by = reader.strings("group_by");
  spec.group_by.insert(spec.group_by.end(), group_by.begin(), group_by.end());
  read_timing(reader, spec, context);
  if (const Node* aliases = reader.optional("aliases")) read_aliases(*aliases, spec, context);
  if (const Node* condition = reader.optional("condition")) {
    if (condition->is_scalar()) {
      spec.condition.expression = condition->text();
    } else {
      spec.condition = read_bounds(*condition, context);
    }
  }
  spec.generate = reader.boolean("generate", spec.generate);
  if (std::max(spec.group_by.size(), spec.condition.fields.size()) > kFieldsMax) {
    context.error(node, fmt::format("a group or a value of more than {} fields", kFieldsMax));
  }
  reader.finish();
  if (spec.options == nullptr && !spec.type.empty() && node.is_map()) {
    check_sigma_type(node, spec, context);
  }
}

}  // namespace picket
