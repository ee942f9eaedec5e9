// Every rule of the public SigmaHQ collection must be readable. The collection is not part of this
// repository: the test looks for its archive beside the source tree and is skipped without it.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rules/rule_spec.h"
#include "tests/support/source_dir.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

// A fresh folder that is gone at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "picket-rules-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Name and text of every rule file below `folder`.
std::vector<std::pair<std::string, std::string>> load(const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".yml") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files.emplace_back(fs::relative(entry.path(), folder).string(),
                       std::string(std::istreambuf_iterator<char>(in), {}));
  }
  return files;
}

TEST(SigmaCorpus, EveryRuleIsRead) {
  constexpr size_t kRules = 3141;
  const fs::path archive = fs::path(source_dir()) / "../shared/data/sigmahq/rules.tar.gz";
  if (!fs::exists(archive)) GTEST_SKIP() << "no rules at " << archive;
  const TemporaryFolder folder;
  const std::string command =
      fmt::format("tar -xzf '{}' -C '{}'", archive.string(), folder.path().string());
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto files = load(folder.path());
  ASSERT_EQ(files.size(), kRules);

  const auto start = std::chrono::steady_clock::now();
  std::vector<YamlFile> parsed;
  for (auto& [name, text] : files) {
    auto file = parse_yaml(std::move(text), name);
    ASSERT_TRUE(file) << render(file.error().front());
    parsed.push_back(*std::move(file));
  }
  const auto middle = std::chrono::steady_clock::now();
  RuleDocuments rules;
  for (YamlFile& file : parsed) read_rules(std::move(file), {}, rules);
  const auto end = std::chrono::steady_clock::now();

  for (const Diagnostic& d : rules.rejected) {
    EXPECT_NE(d.severity, Severity::Error) << render(d);
  }
  EXPECT_EQ(rules.detections.size(), kRules);
  using Ms = std::chrono::duration<double, std::milli>;
  std::printf("%zu rules: YAML %.0f ms, reading %.0f ms, %zu warnings\n", rules.detections.size(),
              Ms(middle - start).count(), Ms(end - middle).count(), rules.rejected.size());
}

}  // namespace
}  // namespace picket
