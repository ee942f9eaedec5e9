// CorrelationCase: one folder of tests/cases/correlation/ read into memory, and alerts in the form
// in which every engine under test can be compared with it.
//
// The format is described in tests/cases/correlation/README.md.
//
// Thread rule: plain values, pure functions apart from reading the folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rules/alert.h"
#include "rules/rule_set.h"
#include "tests/reference/naive_correlate.h"

namespace picket {

// A schema that maps nothing: time `timestamp`, every field by its own path.
extern const char kRawEventSchema[];

struct CorrelationCase {
  std::string why{};
  std::string rules{};               // YAML
  std::vector<std::string> lines{};  // NDJSON, each without its line feed
  Duration lateness{0};
  std::vector<NaiveAlert> alerts{};
};

// The folders, in order.
std::vector<std::filesystem::path> correlation_case_folders();
// Problems fail the test that calls it.
CorrelationCase read_correlation_case(const std::filesystem::path& folder);

// `rules` as specs; problems fail the test.
RuleDocuments read_rule_text(const std::string& rules);
// One event of the raw schema.
NaiveEvent raw_event(const std::string& line);

// What the reference engine says.
std::vector<NaiveAlert> reference_alerts(const std::string& rules,
                                         const std::vector<std::string>& lines, Duration lateness);
// What picket says, with `per_batch` lines at a time. Nothing, with a failure, when the rules do
// not compile.
std::vector<NaiveAlert> engine_alerts(std::shared_ptr<const RuleSet> rules,
                                      const std::vector<std::string>& lines, size_t per_batch,
                                      Duration lateness);

// One alert a line.
std::string to_text(const std::vector<NaiveAlert>& alerts);

}  // namespace picket
