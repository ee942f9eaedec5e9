#include "tests/support/public_data.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/source_dir.h"

namespace picket {

std::filesystem::path data_folder() {
  const char* folder = std::getenv("PICKET_DATA");
  return folder ? std::filesystem::path(folder)
                : std::filesystem::path(source_dir()) / "../shared/data";
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return text;
  char buffer[1 << 16];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, size);
  return pclose(pipe) == 0 ? text : std::string();
}

std::string sigma_rules_text() {
  const std::filesystem::path archive = data_folder() / "sigmahq/rules.tar.gz";
  if (!std::filesystem::exists(archive)) return {};
  return output_of(fmt::format(
      "folder=$(mktemp -d) && tar -xzf '{}' -C $folder && find $folder -name '*.yml' | sort | "
      "xargs awk 'FNR == 1 {{ print \"---\" }} {{ print }}' && rm -r $folder",
      archive.string()));
}

}  // namespace picket
