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
  std::shared_ptr<const RuleSet> rules = {};
  Diagnostics warnings = {};
};

// Errors: everything that is wrong with configuration, rules, schemas and the files they name.
Result<std::shared_ptr<const Plan>> load_plan(const RunOptions& options);

// Where the state of such a plan is kept.
std::string state_path(const StateSettings& state);

}  // namespace picket
