// `picket replay`: the daemon's pipeline over log files, with a report.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <thread>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/loader.h"
#include "daemon/replay.h"
#include "daemon/replay_report.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

struct Options {
  std::string config;
  std::vector<std::string> rules;
  std::vector<std::string> schemas;
  std::string schema;
  std::string alerts = "-";
  std::string report;
  ReplayOptions replay;
};

// Draws the share that is done on a terminal, not more than a few times a second.
class ProgressBar {
 public:
  void draw(uint64_t done, uint64_t total) {
    auto now = std::chrono::steady_clock::now();
    if (total == 0 || now - drawn_ < std::chrono::milliseconds(150)) return;
    drawn_ = now;
    constexpr uint64_t kWidth = 40;
    uint64_t filled = std::min(kWidth, done * kWidth / total);
    fmt::print(stderr, "\r[{:=<{}}{: <{}}] {:3} %", "", filled, "", kWidth - filled,
               std::min<uint64_t>(100, done * 100 / total));
    std::fflush(stderr);
    shown_ = true;
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r{: <60}\r", "");
  }

 private:
  std::chrono::steady_clock::time_point drawn_{};
  bool shown_ = false;
};

Result<std::shared_ptr<const RuleSet>> prepare(Options& options) {
  LoadRequest request;
  if (!options.config.empty()) {
    PICKET_TRY(ParsedSettings parsed, load_settings(options.config));
    if (has_errors(parsed.diagnostics)) return std::unexpected(std::move(parsed.diagnostics));
    request = load_request(parsed.settings);
    options.replay.memory_max = parsed.settings.state.memory_max;
    options.replay.max_future_skew = parsed.settings.max_future_skew;
  }
  if (!options.rules.empty()) request.rules = options.rules;
  request.schemas.insert(request.schemas.end(), options.schemas.begin(), options.schemas.end());
  add_schema(options.schema, request);
  PICKET_TRY(std::shared_ptr<const RuleSet> rules, load_rules(request));
  PICKET_TRY(options.replay.fixed_schema, resolve_schema(*rules, options.schema));
  return rules;
}

int run(Options& options) {
  Result<std::shared_ptr<const RuleSet>> rules = prepare(options);
  if (!rules) {
    print_diagnostics(rules.error());
    return ExitCode::kConfig;
  }
  print_diagnostics((*rules)->rejected());
  std::FILE* alerts = options.alerts == "-" ? stdout : std::fopen(options.alerts.c_str(), "w");
  if (!alerts) {
    fmt::print(stderr, "{}: cannot be written\n", options.alerts);
    return ExitCode::kFailure;
  }
  options.replay.on_alert = [alerts](const AlertEvent& event) {
    std::string line = to_json(event.alert) + "\n";
    std::fwrite(line.data(), 1, line.size(), alerts);
  };
  ProgressBar bar;
  if (isatty(STDERR_FILENO)) {
    options.replay.on_progress = [&bar](uint64_t done, uint64_t total) { bar.draw(done, total); };
  }
  ReplayResult result = replay(*rules, options.replay);
  bar.clear();
  bool failed = std::fflush(alerts) != 0;
  if (alerts != stdout) failed = std::fclose(alerts) != 0 || failed;
  print_diagnostics(result.problems);
  size_t logs = options.replay.logs.size() - result.problems.size();
  fmt::print(stderr, "{}", summary_text(result, logs));
  if (!options.report.empty()) {
    std::ofstream report(options.report);
    report << report_html(result, logs);
    failed = failed || !report.flush();
  }
  return failed || has_errors(result.problems) ? ExitCode::kFailure : ExitCode::kFine;
}

}  // namespace

std::function<int()> declare_replay(OptionSet set) {
  auto options = std::make_shared<Options>();
  unsigned cores = std::thread::hardware_concurrency();
  options->replay.workers = cores > 2 ? cores - 1 : 1;
  set.text("--config", options->config, "take rules, schemas and bounds from this file");
  set.texts("--rules", options->rules, "rule file or folder, instead of those that ship");
  set.texts("--schemas", options->schemas, "schema file or folder, beside those that ship");
  set.text("--schema", options->schema, "schema name or file; else each line's own is recognised");
  set.text("--alerts", options->alerts, "where alerts go as NDJSON; - is standard output");
  set.text("--report", options->report, "also write the report as one HTML file");
  set.flag("--dead-letter", options->replay.dead_letters,
           "the logs are dead-letter files: replay the lines that they hold");
  set.speed(options->replay.workers, options->replay.batch_bytes);
  set.size("--max-line", options->replay.max_line, "longer lines become dead letters (16MiB)");
  set.logs(options->replay.logs);
  return [options] { return run(*options); };
}

}  // namespace picket
