// Refusal: the answer to "why was this request refused?".
//
// The classifier is the ordered list of detection rules with a `classify` block: the first that
// matches names the refusal, so each refusal has exactly one code, cause, mistake and scenario.
//
// Thread rule: plain values; views live as long as the event and the rule set.
#pragma once

#include <string_view>

#include "rules/event.h"
#include "rules/rule_spec.h"

namespace picket {

struct Refusal {
  std::string_view code;  // the rule's, else the event's error.type, else empty
  const Classification* classification = nullptr;
  RuleId rule = 0;
};

// Puts the refusal's names into the event's picket.* fields; without one those fields are absent.
void set_refusal_fields(Event& event, const Refusal* refusal);

}  // namespace picket
