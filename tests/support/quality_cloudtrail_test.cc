// The shipped AWS rules on a public recording of an attack simulation: 55 delivered files, in which
// one person runs the techniques of a red team tool, one after the other, with the rights of an
// administrator. What was refused, and is more than waiting for a new role, is found; nobody else
// is accused.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule_set.h"
#include "tests/support/engine_run.h"
#include "tests/support/public_data.h"

namespace picket {
namespace {

std::string recording() {
  const std::filesystem::path folder = data_folder() / "cloudtrail/CloudTrail";
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(folder)) return {};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string lines;
  for (const auto& file : files) lines += read_text_file(file.string()) + "\n";
  return lines;
}

// Rule and the role or user's name, in order.
std::vector<std::string> found(const std::vector<AlertEvent>& events) {
  std::vector<std::string> out;
  for (const AlertEvent& event : events) {
    if (event.change != AlertChange::Opened) continue;
    for (const auto& [label, value] : event.alert.labels) {
      if (label != "principal_arn") continue;
      const size_t kind = value.find(":assumed-role/");
      const size_t name = kind == std::string::npos ? 0 : kind + 14;
      out.push_back(event.alert.rule.name + " " + value.substr(name, value.find('/', name) - name));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(QualityCloudtrail, RefusalsOfTheAttackAreFoundAndNothingElse) {
  const std::string lines = recording();
  if (lines.empty()) GTEST_SKIP() << "no recording in " << data_folder();
  EngineRun::Options options;
  options.lateness = std::nullopt;  // that of the schema
  const std::vector<Schema> schemas = shipped_schemas();
  const auto at = std::find_if(schemas.begin(), schemas.end(), [](const Schema& schema) {
    return schema.name == "aws.cloudtrail";
  });
  ASSERT_NE(at, schemas.end());
  options.schema = static_cast<int>(at - schemas.begin());
  EngineRun run(shipped_rules(), options);
  run.lines(lines);
  run.finish();
  EXPECT_EQ(found(run.events),
            (std::vector<std::string>{
                "aws_denied_target_sweep stratus-red-team-ec2-get-password-data-role",
                "aws_denied_target_sweep stratus-red-team-get-usr-data-role",
                "aws_login_secret_sweep stratus-red-team-ec2-get-password-data-role",
                "aws_login_secret_sweep stratus-red-team-get-usr-data-role",
                "aws_oversight_denied stratus-red-team-leave-org-role",
            }));
}

}  // namespace
}  // namespace picket
