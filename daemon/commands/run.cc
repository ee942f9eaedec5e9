// `picket run`: the daemon.
#include <CLI/CLI.hpp>

#include <memory>

#include "daemon/commands/command.h"
#include "daemon/loader.h"
#include "daemon/runtime.h"

namespace picket {
namespace {

int run(const RunOptions& options) {
  Result<std::unique_ptr<Runtime>> runtime = Runtime::make(options);
  if (!runtime) {
    print_diagnostics(runtime.error());
    return ExitCode::kConfig;
  }
  return (*runtime)->run();
}

}  // namespace

std::function<int()> declare_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  app.add_option("--config", options->config,
                 "configuration file; without one, every *.ndjson and *.jsonl file in the current "
                 "folder is followed and alerts go to standard output");
  app.add_option("--workers", options->workers, "decode threads; changes only the speed")
      ->check(CLI::Range(1, 64));
  app.add_option("--batch-bytes", options->batch_bytes, "bytes per batch; changes only the speed")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 30));
  return [options] { return run(*options); };
}

}  // namespace picket
