// `picket version`: what this binary is, for bug reports.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "daemon/build_info.h"
#include "daemon/commands/command.h"

namespace picket {

std::function<int()> declare_version(CLI::App&) {
  return [] {
    const BuildInfo build = build_info();
    fmt::print("picket {}\ncommit: {}\nsimd: {}\nlibraries: {}\n", build.version, build.commit,
               build.simd, library_versions());
    return ExitCode::kFine;
  };
}

}  // namespace picket
