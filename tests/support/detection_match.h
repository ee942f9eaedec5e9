// DetectionMatch: which detections of a rule set match each event, by the way that the daemon goes:
// Decoder and Processor, seen through an EventObserver.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/processor.h"

namespace picket {

class DetectionMatch final : private EventObserver {
 public:
  // REQUIRES: `rules` has exactly one schema.
  explicit DetectionMatch(std::shared_ptr<const RuleSet> rules);

  // For each event of `lines`, the indexes in rules->documents().detections, rising.
  std::vector<std::vector<uint32_t>> operator()(std::string_view lines);

 private:
  void on_event(Event& event, const Refusal* refusal,
                const std::vector<RuleId>& detections) override;

  std::vector<std::vector<uint32_t>> matched_;
  Processor processor_;
  HitBatch hits_;
};

}  // namespace picket
