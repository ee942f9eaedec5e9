// RefusalNames: which names each line of a text gets from a rule set, for tests of what ships.
//
// Thread rule: one thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "rules/processor.h"

namespace picket {

class RefusalNames final : public EventObserver {
 public:
  void on_event(Event& event, const Refusal* refusal, const std::vector<RuleId>&) override;

  // "CODE CAUSE MISTAKE SCENARIO" by line number, "-" for what is not there; a line that became no
  // event has "dead:REASON" for its code.
  std::map<size_t, std::string> by_line;
  // Of the lines that are refusals; lives as long as the rule set.
  std::map<size_t, const Classification*> named;
  size_t events = 0;
  size_t refusals = 0;
  size_t unknown = 0;
};

// The lines of `text` as one batch. `schema`: a SchemaId, or -1 to recognise each line.
RefusalNames names_of(const std::shared_ptr<const RuleSet>& rules, const std::string& text,
                      int schema = -1);

}  // namespace picket
