// Any bytes as a rule file: read, compiled, and every problem rendered.
//
// Reading the same text twice must give the same rules: nothing may depend on addresses.
#include "rules/modifiers.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto rules = fuzz_rules(text);
  if (!rules) return 0;
  const auto again = fuzz_rules(text);
  fuzz_expect(again && again->fingerprint() == rules->fingerprint(), "two readings differ");
  return 0;
}
