// Any bytes as a configuration: read, every part looked at, every problem rendered.
//
// Reading the same text twice must find the same problems.
#include "config/settings.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

std::string problems_of(const std::string& text) {
  using namespace picket;
  Result<YamlFile> file = parse_yaml(text, "fuzz.yaml");
  if (!file) return render(file.error().front());
  const ParsedSettings parsed = parse_settings(*std::move(file));
  std::string all;
  for (const Diagnostic& problem : parsed.diagnostics) all += render(problem);
  for (const InputSettings& input : parsed.settings.inputs) {
    fuzz_expect(input.node != nullptr, "an input without a place");
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  picket::fuzz_expect(problems_of(text) == problems_of(text), "two readings differ");
  return 0;
}
