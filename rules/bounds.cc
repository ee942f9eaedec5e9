#include "rules/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

bool compare(Comparison comparison, double value, double bound) {
  switch (comparison) {
    case Comparison::Greater:
      return value > bound;
    case Comparison::GreaterEqual:
      return value >= bound;
    case Comparison::Less:
      return value < bound;
    case Comparison::LessEqual:
      return value <= bound;
    case Comparison::Equal:
      return value == bound;
    case Comparison::NotEqual:
      return value != bound;
  }
  return false;
}

std::string_view symbol(Comparison comparison) {
  static constexpr std::string_view kSymbols[] = {">", ">=", "<", "<=", "=", "!="};
  return kSymbols[static_cast<size_t>(comparison)];
}

}  // namespace

Result<Bounds> Bounds::read(const CorrelationSpec& spec, Of of) {
  Bounds read;
  read.bounds_ = spec.condition.bounds;
  if (read.bounds_.empty()) {
    return fail(spec.head.where, "the condition needs a bound", "for example {gte: 5}");
  }
  // The answer changes at a bound or right beside it, so these are all values that matter.
  std::vector<double> tries = {0, 1e308, -1e308};
  double highest = 1;
  for (const auto& [comparison, bound] : read.bounds_) {
    highest = std::max(highest, std::floor(bound) + 1);
    for (double near : {std::floor(bound) - 1, std::floor(bound), std::ceil(bound),
                        std::floor(bound) + 1, std::ceil(bound) + 1}) {
      tries.push_back(near);
    }
    if (of == Of::Counts) continue;
    tries.insert(tries.end(), {bound, std::nextafter(bound, 1e308), std::nextafter(bound, -1e308)});
  }
  for (const Escalation& step : spec.head.picket.escalate) highest = std::max(highest, step.gte);
  if (of == Of::Counts && highest > static_cast<double>(kCountMax) + 1) {
    return fail(spec.head.where, fmt::format("the threshold is above {}", kCountMax),
                "count in a shorter timespan");
  }
  if (of == Of::Counts) std::erase_if(tries, [](double value) { return value < 0; });
  std::sort(tries.begin(), tries.end());
  auto least = std::find_if(tries.begin(), tries.end(), [&](double v) { return read.holds(v); });
  if (least == tries.end()) {
    return fail(spec.head.where, fmt::format("nothing can satisfy the condition {}", read.text()));
  }
  read.goal_ = *least;
  if (of == Of::Counts) read.enough_ = static_cast<uint64_t>(std::ceil(highest));
  return read;
}

bool Bounds::holds(double value) const {
  return std::all_of(bounds_.begin(), bounds_.end(),
                     [&](const auto& bound) { return compare(bound.first, value, bound.second); });
}

bool Bounds::holds_for_many() const { return holds(static_cast<double>(enough_)); }

double Bounds::progress(double value) const {
  if (holds(value)) return 1;
  return goal_ > 0 ? std::clamp(value / goal_, 0.0, 0.99) : 0;
}

std::string Bounds::missing(const WindowPart& part, std::string_view what, Duration left) const {
  const auto count = static_cast<double>(part.count);
  if (holds(count)) return fmt::format("{} {}; {} holds", count, what, text());
  const double more = std::ceil(goal_) - count;
  if (more > 0) {
    return fmt::format("{} of {} {}; {} more within {}", count, std::ceil(goal_), what, more,
                       time_left_text(left));
  }
  return fmt::format("{} {}; {} wanted, the oldest leaves in {}", count, what, text(),
                     time_left_text(left));
}

std::string Bounds::text() const {
  std::string text;
  for (const auto& [comparison, bound] : bounds_) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", symbol(comparison), bound);
  }
  return text;
}

}  // namespace picket
