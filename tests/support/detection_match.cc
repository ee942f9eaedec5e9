#include "tests/support/detection_match.h"

#include <algorithm>

namespace picket {

DetectionMatch::DetectionMatch(std::shared_ptr<const RuleSet> rules)
    : processor_(std::move(rules), this) {}

std::vector<std::vector<uint32_t>> DetectionMatch::operator()(std::string_view lines) {
  matched_.clear();
  LineBatch batch;
  batch.bytes = PaddedBytes(lines);
  processor_.process(std::move(batch), {.fixed_schema = 0}, hits_);
  return std::move(matched_);
}

void DetectionMatch::on_event(Event& /*event*/, const Refusal* /*refusal*/,
                              const std::vector<RuleId>& detections) {
  // Rules are listed in the order of the documents, detections first.
  matched_.emplace_back(detections.begin(), detections.end());
  std::sort(matched_.back().begin(), matched_.back().end());
}

}  // namespace picket
