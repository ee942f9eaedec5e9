// Legacy: what a generation leaves to the next one, so that a reload touches only what changed.
//
// Inputs and outputs that are the same in both go on working meanwhile: outputs deliver what they
// hold, inputs wait at their gates once they have something to push.
//
// Thread rule: plain data of the owner of the generations.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/dead_letter.h"
#include "daemon/inputs/input_runner.h"
#include "daemon/keeper.h"
#include "daemon/outputs/delivery.h"
#include "daemon/pipeline.h"

namespace picket {

class RuleSet;

// An output with all that it was made from, see Plan.
struct KeptOutput {
  std::string identity = {};
  std::unique_ptr<Delivery> delivery = {};
};

struct Legacy {
  std::vector<std::unique_ptr<InputRunner>> inputs = {};
  std::vector<KeptOutput> outputs = {};
  // What those counted that ended, by name: their successors count on.
  std::map<std::string, InputStats> inputs_ended = {};
  std::map<std::string, OutputStats> outputs_ended = {};
  DeadLetterSettings dead_letter = {};
  std::unique_ptr<DeadLetterFile> dead_letters = {};
  KeeperLegacy keeper = {};
  // Of the pipeline; null rules: there was none, the process starts.
  std::shared_ptr<const RuleSet> rules = {};
  std::vector<PipelineStream> streams = {};
  std::vector<std::string> sources = {};  // names, for the streams
  std::vector<Alert> firing = {};
};

}  // namespace picket
