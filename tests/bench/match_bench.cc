// What the whole public SigmaHQ collection costs per event, beside the two limits of parsing.
//
// `dom` is simdjson's DOM over the same events, `scan` its first pass alone, line by line; `decode`
// is our decoder for the fields that the rules need, without a rule, and `match` everything:
// decode, all rules, hits. Two logs: the recorded Windows events as they are, and generated process
// starts of about 1 KB each with programs and command lines as varied as on an office network.
//
// Rules and recordings are not part of the repository; without them (PICKET_DATA, by default
// ../shared/data beside the sources) nothing is measured. One thread. After the lanes, medians of
// ratios of alternating turns are printed, because rates of a shared machine drift.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <random>

#include "rules/processor.h"
#include "tests/support/public_data.h"
#include "tests/support/source_dir.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatchBytes = 1 << 20;
constexpr size_t kGenerated = 20'000;
constexpr int kTurns = 9;

std::shared_ptr<const RuleSet> load_rules() {
  auto file = parse_yaml(sigma_rules_text(), "rules.yml");
  auto schema_file =
      parse_yaml(output_of(fmt::format("cat '{}/config/schemas/windows.event.yaml'", source_dir())),
                 "windows.event.yaml");
  if (!file || !schema_file) return nullptr;
  auto schema = parse_schema(*schema_file);
  RuleDocuments documents;
  read_rules(*std::move(file), {}, documents);
  auto rules = RuleSet::make(std::move(documents), {*std::move(schema)});
  return rules ? *rules : nullptr;
}

struct Log {
  PaddedBytes bytes;
  mutable std::vector<LineBatch> batches;
  size_t events = 0;
};

Log make_log(const std::string& text) {
  Log log;
  log.bytes = PaddedBytes(text);
  log.events = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  for (std::string_view rest = log.bytes.view(); !rest.empty();) {
    size_t size = std::min(rest.size(), kBatchBytes);
    if (size < rest.size()) size = rest.rfind('\n', size - 1) + 1;
    log.batches.emplace_back().bytes = PaddedBytes(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return log;
}

std::string recorded() {
  std::string text;
  for (const auto& entry : fs::directory_iterator(data_folder() / "windows")) {
    if (entry.path().extension() != ".zip") continue;
    text += output_of(fmt::format("unzip -p '{}'", entry.path().string()));
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  return text;
}

// A process start as Sysmon reports it.
std::string generated() {
  std::mt19937 random(20261125);
  auto pick = [&random](const auto& list) { return list[random() % std::size(list)]; };
  static constexpr const char* kPrograms[] = {
      R"(C:\\Windows\\System32\\svchost.exe)",
      R"(C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe)",
      R"(C:\\Windows\\System32\\conhost.exe)",
      R"(C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE)",
      R"(C:\\Windows\\System32\\taskhostw.exe)",
      R"(C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe)",
      R"(C:\\Windows\\System32\\cmd.exe)",
      R"(C:\\ProgramData\\Agent\\bin\\inventory.exe)",
      R"(C:\\Windows\\System32\\backgroundTaskHost.exe)",
      R"(C:\\Users\\anna\\AppData\\Local\\Programs\\Editor\\editor.exe)"};
  static constexpr const char* kArguments[] = {
      "-k netsvcs -p -s Schedule",
      "--type=renderer --lang=de --device-scale-factor=1",
      "0x4",
      "/recycle",
      "-File C:\\\\Scripts\\\\report.ps1 -Verbose",
      "/c dir C:\\\\Temp",
      "--collect --once --quiet",
      "-ServerName:App.AppXmtcan0h2tfbfy7k9kn8hbxb6dmzz1zh0.mca"};
  std::string text;
  for (size_t i = 0; i < kGenerated; ++i) {
    const std::string program = pick(kPrograms);
    const std::string parent = pick(kPrograms);
    text += fmt::format(R"({{"@timestamp":"2026-03-02T08:{:02}:{:02}.{:03}Z","EventID":1,)"
                        R"("Channel":"Microsoft-Windows-Sysmon/Operational",)"
                        R"("Provider_Name":"Microsoft-Windows-Sysmon",)"
                        R"("Computer":"ws{:04}.corp.example","UtcTime":"2026-03-02 08:00:00.000",)"
                        R"("ProcessGuid":"{{{:08x}-6f3d-65e2-{:04x}-000000000400}}",)"
                        R"("ProcessId":{},"Image":"{}","FileVersion":"10.0.{}.1",)"
                        R"("Description":"Host Process","Product":"Operating System",)"
                        R"("Company":"Example Corporation","OriginalFileName":"{}",)"
                        R"("CommandLine":"\"{}\" {} --session {:016x} --profile user{}",)"
                        R"("CurrentDirectory":"C:\\Windows\\system32\\","User":"CORP\\user{}",)"
                        R"("LogonGuid":"{{{:08x}-6f3d-65e2-0000-{:012x}}}","LogonId":"0x{:x}",)"
                        R"("TerminalSessionId":1,"IntegrityLevel":"Medium",)"
                        R"("Hashes":"MD5={:016x}{:016x},SHA256={:016x}{:016x}{:016x}{:016x}",)"
                        R"("ParentProcessGuid":"{{{:08x}-6f3d-65e2-0001-000000000400}}",)"
                        R"("ParentProcessId":{},"ParentImage":"{}","ParentCommandLine":"{} {}",)"
                        R"("ParentUser":"CORP\\user{}"}})",
                        random() % 60, random() % 60, random() % 1000, random() % 4000, random(),
                        random() % 65536, random() % 30000, program, random() % 30000,
                        program.substr(program.rfind('\\') + 1), program, pick(kArguments),
                        random(), random() % 500, random() % 500, random(), random(), random(),
                        random(), random(), random(), random(), random(), random(), random(),
                        random() % 30000, parent, parent, pick(kArguments), random() % 500);
    text += '\n';
  }
  return text;
}

struct Logs {
  std::shared_ptr<const RuleSet> rules;
  Log recorded;
  Log generated;
};

const Logs* logs() {
  static const std::unique_ptr<const Logs> made = [] {
    auto logs = std::make_unique<Logs>();
    if (!fs::exists(data_folder() / "sigmahq/rules.tar.gz")) return std::unique_ptr<Logs>();
    logs->rules = load_rules();
    logs->recorded = make_log(recorded());
    logs->generated = make_log(generated());
    return logs;
  }();
  return made && made->rules && made->recorded.events > 0 ? made.get() : nullptr;
}

template <class Each>
void each_line(const Log& log, const Each& each) {
  const char* at = log.bytes.data();
  const char* end = at + log.bytes.size();
  while (at < end) {
    const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
    const char* stop = newline ? static_cast<const char*>(newline) : end;
    each(std::string_view(at, static_cast<size_t>(stop - at)),
         static_cast<size_t>(end + PaddedBytes::kPadding - at));
    at = stop + 1;
  }
}

uint64_t run_dom(const Log& log) {
  static simdjson::dom::parser parser;
#ifdef SIMDJSON_THREADS_ENABLED
  parser.threaded = false;
#endif
  simdjson::dom::document_stream stream;
  constexpr size_t kWindow = simdjson::dom::DEFAULT_BATCH_SIZE;
  if (parser.parse_many(log.bytes.data(), log.bytes.size(), kWindow).get(stream)) return 0;
  uint64_t events = 0;
  for (auto event : stream) events += event.error() == simdjson::SUCCESS;
  return events;
}

uint64_t run_scan(const Log& log) {
  static simdjson::ondemand::parser parser;
  uint64_t events = 0;
  each_line(log, [&](std::string_view line, size_t readable) {
    simdjson::ondemand::document document;
    events += !parser.iterate(line.data(), line.size(), readable).get(document);
  });
  return events;
}

class CountingSink final : public EventSink {
 public:
  void on_event(Event&) override { ++events; }
  uint64_t events = 0;
};

uint64_t run_decode(const Log& log) {
  static Decoder decoder(logs()->rules->plans(), logs()->rules->fields().size());
  CountingSink sink;
  DecodeStats stats;
  LineContext context{.future_limit = Timestamp::max()};
  each_line(log, [&](std::string_view line, size_t readable) {
    context.line = line;
    context.readable = readable;
    decoder.decode(context, stats, sink);
  });
  return sink.events;
}

uint64_t run_match(const Log& log) {
  static Processor processor(logs()->rules);
  static HitBatch hits;
  uint64_t events = 0;
  for (LineBatch& batch : log.batches) {
    processor.process(std::move(batch), {}, hits);
    events += hits.stats.events;
    batch = std::move(hits.source);
  }
  return events;
}

using Run = uint64_t (*)(const Log&);

void lane(benchmark::State& state, Run run, Log Logs::*log) {
  if (!logs()) return state.SkipWithError("no rules or no recordings; see PICKET_DATA");
  const Log& events = logs()->*log;
  for (auto _ : state) {
    if (run(events) != events.events) state.SkipWithError("events were lost");
  }
  const auto rounds = static_cast<int64_t>(state.iterations());
  state.SetBytesProcessed(rounds * static_cast<int64_t>(events.bytes.size()));
  state.SetItemsProcessed(rounds * static_cast<int64_t>(events.events));
}

BENCHMARK_CAPTURE(lane, recorded_dom, run_dom, &Logs::recorded)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, recorded_scan, run_scan, &Logs::recorded)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, recorded_decode, run_decode, &Logs::recorded)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, recorded_match, run_match, &Logs::recorded)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, generated_dom, run_dom, &Logs::generated)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, generated_scan, run_scan, &Logs::generated)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, generated_decode, run_decode, &Logs::generated)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, generated_match, run_match, &Logs::generated)
    ->Unit(benchmark::kMillisecond);

// Processor time: what others run on this core in between does not count.
double seconds(Run run, const Log& log) {
  const std::clock_t start = std::clock();
  benchmark::DoNotOptimize(run(log));
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void print_ratios(const char* name, const Log& log) {
  std::vector<double> dom, scan, match, to_dom, to_scan;
  for (int turn = 0; turn < kTurns; ++turn) {
    dom.push_back(seconds(run_dom, log));
    scan.push_back(seconds(run_scan, log));
    match.push_back(seconds(run_match, log));
    to_dom.push_back(dom.back() / match.back());
    to_scan.push_back(scan.back() / match.back());
  }
  auto median = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  const auto events = static_cast<double>(log.events);
  std::printf("%s: %zu bytes per event; ns per event: dom %.0f, scan %.0f, match %.0f; ", name,
              log.bytes.size() / log.events, median(dom) * 1e9 / events,
              median(scan) * 1e9 / events, median(match) * 1e9 / events);
  std::printf("%.0f events/s; match/dom %.2f, match/scan %.2f\n", events / median(match),
              median(to_dom), median(to_scan));
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  const bool chosen = argc > 1;  // only some lanes are wanted
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  const picket::Logs* logs = chosen ? nullptr : picket::logs();
  if (logs != nullptr) {
    picket::print_ratios("recorded", logs->recorded);
    picket::print_ratios("generated", logs->generated);
  }
  return 0;
}
