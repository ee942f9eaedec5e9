// What it costs to load the whole public SigmaHQ collection: reading the YAML, reading the rules,
// compiling them for the schema of Windows events. Median processor time, and the resident memory
// that one loaded set adds.
//
// The rules are not part of the repository; without them (PICKET_DATA) nothing is measured.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <fstream>

#include "rules/rule_set.h"
#include "tests/support/public_data.h"
#include "tests/support/source_dir.h"

namespace picket {
namespace {

const std::string& rules_text() {
  static const std::string text = sigma_rules_text();
  return text;
}

Schema windows_schema() {
  std::ifstream file(source_dir() + "/config/schemas/windows.event.yaml");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return *parse_schema(*parse_yaml(text, "windows.event.yaml"));
}

std::shared_ptr<const RuleSet> load() {
  RuleDocuments documents;
  read_rules(*parse_yaml(rules_text(), "rules.yml"), {}, documents);
  return *RuleSet::make(std::move(documents), {windows_schema()});
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

void parse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(parse_yaml(rules_text(), "rules.yml"));
}

void read(benchmark::State& state) {
  for (auto _ : state) {
    RuleDocuments documents;
    read_rules(*parse_yaml(rules_text(), "rules.yml"), {}, documents);
    benchmark::DoNotOptimize(documents);
  }
}

void all(benchmark::State& state) {
  size_t rules = 0;
  for (auto _ : state) rules = load()->rules().size();
  state.counters["rules"] = static_cast<double>(rules);
}

BENCHMARK(parse)->Unit(benchmark::kMillisecond);
BENCHMARK(read)->Unit(benchmark::kMillisecond);
BENCHMARK(all)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (picket::rules_text().empty()) {
    std::printf("no rules to load; see PICKET_DATA\n");
    return 0;
  }
  const size_t before = picket::resident_bytes();
  const auto rules = picket::load();
  std::printf("%zu rules, %.1f MB resident more\n", rules->rules().size(),
              static_cast<double>(picket::resident_bytes() - before) / 1e6);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
