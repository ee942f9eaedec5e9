// What this binary is: version, commit, and the instruction set that its JSON parser runs on.
//
// Thread rule: any thread.
#pragma once

#include <string>

#include "daemon/published.h"

namespace picket {

// The commit is "unknown" in a binary that was not built inside a repository.
BuildInfo build_info();

// "boost 1.81, zlib 1.2.13, ...": those libraries that tell the version they run with, or that are
// headers only.
std::string library_versions();

}  // namespace picket
