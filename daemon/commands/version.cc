// `picket version`: what this binary is, for bug reports.
#include <fmt/format.h>

#include "daemon/build_info.h"
#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"

namespace picket {

std::function<int()> declare_version(OptionSet) {
  return [] {
    const BuildInfo build = build_info();
    fmt::print("picket {}\ncommit: {}\nsimd: {}\nlibraries: {}\n", build.version, build.commit,
               build.simd, library_versions());
    return ExitCode::kFine;
  };
}

}  // namespace picket
