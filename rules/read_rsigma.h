// Attributes of the engine rsigma, which rules written for it carry: `rsigma.suppress` and so on,
// at the top of a document or under `custom_attributes`.
//
// Those that mean the same here are taken over. Of any other the reader says so, because a rule
// that silently behaves differently is worse than one that cannot be loaded.
//
// Thread rule: pure function over an immutable Node.
// Tested by tests/rules/read_rsigma_test.cc.
#pragma once

#include <optional>

#include "rules/read_context.h"
#include "rules/types.h"

namespace picket {

struct RsigmaAttributes {
  std::optional<Duration> cooldown = {};  // suppress
  std::optional<int> evidence = {};       // max_correlation_events, correlation_event_mode: none
};

RsigmaAttributes read_rsigma(const Node& root, ReadContext& context);

}  // namespace picket
