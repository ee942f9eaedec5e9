// Dead letters: the record, the bound, and the mode of the file.
#include "daemon/dead_letter.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace picket {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

class DeadLetterFileTest : public testing::Test {
 protected:
  DeadLetterFileTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~DeadLetterFileTest() override { fs::remove_all(folder_); }

  const std::string folder_ = testing::TempDir() + "picket_dead_letter_test";
  const std::string path_ = folder_ + "/dead.log";
};

DeadLetterRecord record(std::string_view line) {
  return {.time = timestamp_ms(1787322356101),
          .source = "api",
          .file = "/var/log/a.ndjson",
          .offset = 42,
          .reason = DecodeError::NotJson,
          .line = line};
}

TEST_F(DeadLetterFileTest, RecordHasTheDocumentedFields) {
  EXPECT_EQ(to_line(record("{oops\x1b[2J")),
            "{\"time\":\"2026-08-21T14:25:56.101Z\",\"source\":\"api\","
            "\"file\":\"/var/log/a.ndjson\",\"offset\":42,\"reason\":\"not_json\","
            "\"line\":\"{oops\\u001b[2J\"}\n");
}

TEST_F(DeadLetterFileTest, LinesThatAreNotTextKeepEveryByte) {
  DeadLetterRecord bad = record("\xff\xfe\x01");
  bad.reason = DecodeError::InvalidUtf8;
  EXPECT_NE(to_line(bad).find("\"line_base64\":\"//4B\""), std::string::npos) << to_line(bad);
}

TEST_F(DeadLetterFileTest, FileIsPrivateAndBothFilesStayBelowTheBound) {
  auto file = DeadLetterFile::open(path_, 20'000);
  ASSERT_TRUE(file.has_value());
  for (int i = 0; i < 1000; ++i) {
    (*file)->write(record("{some broken line"));
    (*file)->flush();
  }
  EXPECT_EQ((*file)->written(), 1000u);
  EXPECT_EQ((*file)->dropped(), 0u);
  EXPECT_LE(fs::file_size(path_) + fs::file_size(path_ + ".1"), 20'000u);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(DeadLetterFileTest, AppendsAfterARestart) {
  for (int i = 0; i < 2; ++i) {
    auto file = DeadLetterFile::open(path_, 1 << 20);
    ASSERT_TRUE(file.has_value());
    (*file)->write(record("x"));
  }
  std::string text = content(path_);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(DeadLetterFileTest, WithoutAPathRecordsAreCountedAsDropped) {
  auto file = DeadLetterFile::open("", 1 << 20);
  ASSERT_TRUE(file.has_value());
  (*file)->write(record("x"));
  EXPECT_EQ((*file)->dropped(), 1u);
}

TEST_F(DeadLetterFileTest, AFileThatCannotBeOpenedStopsStartUp) {
  EXPECT_FALSE(DeadLetterFile::open(folder_, 1 << 20).has_value());
}

}  // namespace
}  // namespace picket
