// Plan: a configuration that was read, checked and compiled: all that a Generation is built from.
//
// A plan is made while an older one runs, so making it must not touch what that one uses: inputs
// and outputs are built and thrown away (check.h). What only a running daemon may take, such as
// ports, is taken later.
//
// Thread rule: immutable once made; load_plan() on one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

namespace picket {

class RuleSet;

// What the command line may say beside the configuration file.
struct RunOptions {
  std::string config = {};  // path; empty: the embedded default
  std::optional<uint32_t> workers = {};
  std::optional<uint64_t> batch_bytes = {};
};

struct Plan {
  Settings settings = {};
  // In the order of the settings: all that an input or an output is made from, as text: its section
  // of the configuration, and the content of the small files that are named there, such as keys and
  // tokens. A part that is still the same in the next plan goes on working through a reload. What
  // does not concern an input itself, its schema and lateness, is left out.
  std::vector<std::string> input_identities = {};
  std::vector<std::string> output_identities = {};
  std::shared_ptr<const RuleSet> rules = {};
  Diagnostics warnings = {};
};

// Errors: everything that is wrong with configuration, rules, schemas and the files they name.
Result<std::shared_ptr<const Plan>> load_plan(const RunOptions& options);

// What differs between two plans and cannot change while the process lives.
Diagnostics fixed_differences(const Plan& now, const Plan& next);

// Where the state of such a plan is kept.
std::string state_path(const StateSettings& state);

}  // namespace picket
