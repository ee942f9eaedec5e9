#include "tests/support/refusal_names.h"

#include <gtest/gtest.h>

namespace picket {

void RefusalNames::on_event(Event& event, const Refusal* refusal, const std::vector<RuleId>&) {
  const size_t line = event.line + 1;
  ++events;
  by_line[line] = "- - - -";
  if (!refusal) return;
  const Classification& c = *refusal->classification;
  by_line[line] = std::string(refusal->code.empty() ? "-" : refusal->code) + " " + c.cause + " " +
                  std::to_string(c.mistake) + " " + c.scenario;
  named[line] = &c;
  unknown += c.cause == "unknown";
  ++refusals;
}

RefusalNames names_of(const std::shared_ptr<const RuleSet>& rules, const std::string& text,
                      int schema) {
  RefusalNames names;
  Processor processor(rules, &names);
  LineBatch batch;
  batch.bytes = PaddedBytes(text);
  HitBatch out;
  processor.process(std::move(batch), {.fixed_schema = schema}, out);
  for (const DeadLetter& dead : out.dead) {
    names.by_line[dead.line + 1] = "dead:" + std::string(to_text(dead.reason)) + " - - -";
  }
  EXPECT_TRUE(out.stats.balanced());
  return names;
}

}  // namespace picket
