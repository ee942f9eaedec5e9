// `picket run`: the daemon.

#include <memory>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
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

std::function<int()> declare_run(OptionSet set) {
  auto options = std::make_shared<RunOptions>();
  set.text("--config", options->config,
           "configuration file; without one, every *.ndjson and *.jsonl file in the current folder "
           "is followed and alerts go to standard output");
  set.speed(options->workers, options->batch_bytes);
  return [options] { return run(*options); };
}

}  // namespace picket
