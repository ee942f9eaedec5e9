#include "rules/classifier.h"

#include <array>

#include "rules/field_table.h"

namespace picket {

void set_refusal_fields(Event& event, const Refusal* refusal) {
  static constexpr std::array<std::string_view, 8> kMistakes = {"",  "1", "2", "3",
                                                                "4", "5", "6", "7"};
  if (!refusal) {
    for (FieldId field : {BuiltinField::kCode, BuiltinField::kCause, BuiltinField::kMistake,
                          BuiltinField::kScenario}) {
      event.set(field, {});
    }
    return;
  }
  const Classification& named = *refusal->classification;
  auto set = [&event](FieldId field, std::string_view text) {
    event.set(field, text.empty() ? Value{} : string_value(text));
  };
  set(BuiltinField::kCode, refusal->code);
  set(BuiltinField::kCause, named.cause);
  set(BuiltinField::kMistake, kMistakes[static_cast<size_t>(named.mistake) % kMistakes.size()]);
  set(BuiltinField::kScenario, named.scenario);
}

}  // namespace picket
