#include "daemon/log.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Log, WritesLevelAndText) {
  EXPECT_EQ(format_log_line(LogLevel::Warning, "disk full", false), "warning: disk full\n");
  EXPECT_EQ(format_log_line(LogLevel::Warning, "disk full", true), "<4>disk full\n");
  EXPECT_EQ(format_log_line(LogLevel::Error, "a\n\x1b[2J", true), "<3>a\\u000a\\u001b[2J\n");
  EXPECT_LT(format_log_line(LogLevel::Info, std::string(100'000, 'x'), true).size(), 9000U);
}

TEST(Log, WritesToStandardError) {
  ::testing::internal::CaptureStderr();
  log_info("loaded {} rules", 3);
  log_error("cannot read '{}'", "a\nb");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("loaded 3 rules\n"), std::string::npos);
  EXPECT_NE(text.find("cannot read 'a\\u000ab'\n"), std::string::npos);
}

}  // namespace
}  // namespace picket
