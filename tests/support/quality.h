// Quality: how well rules judge the callers of a Scenario, compared with the truth.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule_set.h"
#include "tests/support/scenario.h"

namespace picket {

// Sums over one or more scenarios.
struct Quality {
  uint64_t honest = 0;
  uint64_t hostile = 0;
  uint64_t found = 0;         // hostile ones with an alert that calls them so
  uint64_t false_alarms = 0;  // honest ones with such an alert
  uint64_t refusals = 0;
  uint64_t wrong_causes = 0;  // refusals with another cause than the truth, or none
  // How many refusals a hostile caller had got when it was called so.
  std::vector<uint64_t> fast_delays = {};
  std::vector<uint64_t> slow_delays = {};
  std::map<std::string_view, std::vector<uint64_t>> delays = {};  // by kind
  std::string complaints = {};                                    // one line per mistake

  double right_causes() const;
  uint64_t median_fast_delay() const;
  // What 99 of 100 patient callers do not exceed; with few of them, what none does.
  uint64_t long_slow_delay() const;
};

void measure(const std::shared_ptr<const RuleSet>& rules, const Scenario& scenario,
             Quality& quality);

std::string summary(const Quality& quality);

}  // namespace picket
