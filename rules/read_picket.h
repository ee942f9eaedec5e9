// The `picket:` block of a rule: everything that is not Sigma.
//
// Unknown keys inside the block are errors, because nothing else would ever notice a typo there.
//
// Thread rule: pure functions; the returned block and `options` borrow from the Node.
#pragma once

#include "rules/read_context.h"
#include "rules/rule_spec.h"

namespace picket {

constexpr int kEvidenceMax = 1000;

enum class RuleKind : uint8_t { Detection, Correlation, Filter };

struct PicketReading {
  PicketBlock block = {};
  const Node* correlation = nullptr;  // the options of a correlation type of ours
};

PicketReading read_picket(const Node& node, RuleKind kind, ReadContext& context);

}  // namespace picket
