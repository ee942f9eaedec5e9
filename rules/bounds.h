// Bounds: the comparisons of a correlation's condition (gt, gte, lt, lte, eq, neq), which must all
// hold.
//
// A condition that zero satisfies is about something that did not happen: it is judged at the end
// of a window instead of at an event (docs/rules.md, "Windows").
//
// Thread rule: plain value. Tested by sliding_window_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "rules/rule_spec.h"
#include "rules/window.h"

namespace picket {

class Bounds {
 public:
  static constexpr uint64_t kCountMax = 10'000;
  enum class Of : uint8_t { Counts, Numbers };  // whole numbers from 0 on, or any

  // Errors: no bounds, bounds on counts above kCountMax, bounds that nothing satisfies.
  static Result<Bounds> read(const CorrelationSpec& spec, Of of);

  bool holds(double value) const;
  // The counts from here on all satisfy the bounds alike: to count further is not needed. Covers
  // the escalations of the rule too.
  uint64_t count_enough() const { return enough_; }
  bool holds_for_many() const;
  double progress(double value) const;
  // The least value that can hold, for people: "5".
  double goal() const { return goal_; }
  // For people: "3 of 5 events; 2 more within 40 s". `part` is what the window has.
  std::string missing(const WindowPart& part, std::string_view what, Duration left) const;
  // ">= 2, <= 4"
  std::string text() const;

 private:
  std::vector<std::pair<Comparison, double>> bounds_;
  uint64_t enough_ = 1;
  double goal_ = 1;
};

}  // namespace picket
