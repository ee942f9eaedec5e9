#include "daemon/inputs/secret_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "daemon/inputs/file_names.h"

namespace picket {
namespace {

constexpr size_t kSecretBytesMax = 4096;

std::string place_of_secret(const std::string& name) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || name.empty() || name.find('/') != name.npos) return name;
  return path_in(folder, name);
}

}  // namespace

std::string read_secret(const Node& at, Diagnostics& diagnostics) {
  const std::string path = place_of_secret(read_string(at, diagnostics).value_or(""));
  std::ifstream file(path, std::ios::binary);
  std::string secret(kSecretBytesMax + 1, '\0');
  file.read(secret.data(), static_cast<std::streamsize>(secret.size()));
  secret.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || (!file.is_open() && !path.empty())) {
    diagnostics.push_back({at.where(), fmt::format("'{}' cannot be read", path)});
    return {};
  }
  constexpr std::string_view kSpace = " \t\r\n";
  secret.erase(0, secret.find_first_not_of(kSpace));
  secret.resize(secret.find_last_not_of(kSpace) + 1);
  const bool plain = std::ranges::none_of(secret, [](char c) { return c >= 0 && c < ' '; });
  if (secret.empty() || secret.size() > kSecretBytesMax || !plain) {
    diagnostics.push_back(
        {at.where(), "the secret must be of 1 to 4096 bytes without control characters"});
  }
  return secret;
}

}  // namespace picket
