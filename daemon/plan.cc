#include "daemon/plan.h"

#include <cstdlib>
#include <utility>

#include "daemon/check.h"
#include "daemon/loader.h"
#include "rules/rule_set.h"

namespace picket {

Result<std::shared_ptr<const Plan>> load_plan(const RunOptions& options) {
  PICKET_TRY(ParsedSettings parsed, load_settings(options.config));
  auto plan = std::make_shared<Plan>();
  plan->settings = std::move(parsed.settings);
  PipelineSettings& pipeline = plan->settings.pipeline;
  pipeline.workers = options.workers.value_or(pipeline.workers);
  pipeline.batch_bytes = options.batch_bytes.value_or(pipeline.batch_bytes);
  Diagnostics diagnostics = std::move(parsed.diagnostics);
  append(diagnostics, check_parts(plan->settings));
  Result<std::shared_ptr<const RuleSet>> rules = load_rules(load_request(plan->settings));
  if (rules) {
    plan->rules = *std::move(rules);
    append(diagnostics, plan->rules->rejected());
    append(diagnostics, check_schema_names(plan->settings, *plan->rules));
  } else {
    append(diagnostics, std::move(rules).error());
  }
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  plan->warnings = std::move(diagnostics);
  return plan;
}

std::string state_path(const StateSettings& state) {
  if (!state.path.empty()) return state.path;
  const char* folder = std::getenv("STATE_DIRECTORY");
  return folder && *folder ? std::string(folder) + "/picket.db" : "picket.db";
}

}  // namespace picket
