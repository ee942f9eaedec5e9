// Public rules and logs that lie beside the source tree but are no part of it. Without them the
// tests that want them skip, and the benchmarks measure nothing.
#pragma once

#include <filesystem>
#include <string>

namespace picket {

// PICKET_DATA, by default ../shared/data beside the sources. It need not exist.
std::filesystem::path data_folder();

// What a shell command prints; empty when it fails.
std::string output_of(const std::string& command);

// All rules of the SigmaHQ collection as one YAML text, each a document. Empty when it is not
// there.
std::string sigma_rules_text();

}  // namespace picket
