// Dead letters: the record, the bound, and the mode of the file.
#include "daemon/dead_letter.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
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
  EXPECT_EQ((*file)->stats().written, 1000u);
  EXPECT_EQ((*file)->stats().dropped, 0u);
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

TEST_F(DeadLetterFileTest, ARecordThatACrashCutShortDoesNotSpoilTheNext) {
  const std::string whole = to_line(record("before"));
  const std::string torn = to_line(record(std::string(100'000, 'x')));
  for (const size_t length : {size_t{1}, size_t{9}, torn.size() / 2, torn.size() - 1}) {
    for (const std::string& before : {std::string(), whole}) {
      std::ofstream(path_) << before << torn.substr(0, length);
      auto file = DeadLetterFile::open(path_, 1 << 20);
      ASSERT_TRUE(file.has_value());
      (*file)->write(record("after"));
      (*file)->flush();
      EXPECT_TRUE(content(path_) == before + to_line(record("after"))) << length;
    }
  }
}

TEST_F(DeadLetterFileTest, WhatIsNoRecordOfItsOwnIsLeftAlone) {
  std::ofstream(path_) << "one line\nhalf a line";
  auto file = DeadLetterFile::open(path_, 1 << 20);
  ASSERT_TRUE(file.has_value());
  (*file)->write(record("x"));
  (*file)->flush();
  EXPECT_TRUE(content(path_).starts_with("one line\nhalf a line")) << content(path_);
}

TEST_F(DeadLetterFileTest, WithoutAPathRecordsAreCountedAsDropped) {
  auto file = DeadLetterFile::open("", 1 << 20);
  ASSERT_TRUE(file.has_value());
  (*file)->write(record("x"));
  EXPECT_EQ((*file)->stats().dropped, 1u);
}

TEST_F(DeadLetterFileTest, AFileThatCannotBeOpenedStopsStartUp) {
  EXPECT_FALSE(DeadLetterFile::open(folder_, 1 << 20).has_value());
}

// A disk that takes only so many bytes, as far as one process can tell. Restored at the end.
class FullDisk {
 public:
  explicit FullDisk(uint64_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(DeadLetterFileTest, AFullDiskTearsNoRecordAndLosesNoneThatFitsIntoMemory) {
  auto file = DeadLetterFile::open(path_, 1 << 20);
  ASSERT_TRUE(file.has_value());
  const size_t length = to_line(record("line 1")).size();
  {
    const FullDisk disk(2 * length + length / 2);
    for (int i = 1; i <= 5; ++i) (*file)->write(record("line " + std::to_string(i)));
    (*file)->flush();
    EXPECT_EQ((*file)->stats().last_error, "File too large");
    EXPECT_EQ((*file)->stats().written, 2u);
    EXPECT_EQ(content(path_).size(), 2 * length) << "the half record was taken back";
    (*file)->flush();
    EXPECT_EQ((*file)->stats().written, 2u);
  }
  (*file)->flush();
  EXPECT_EQ((*file)->stats().last_error, "");
  EXPECT_EQ((*file)->stats().written, 5u);
  EXPECT_EQ((*file)->stats().bytes, 5 * length);
  EXPECT_EQ((*file)->stats().dropped, 0u);
  std::string expected;
  for (int i = 1; i <= 5; ++i) expected += to_line(record("line " + std::to_string(i)));
  EXPECT_EQ(content(path_), expected);
}

TEST_F(DeadLetterFileTest, WhatWaitsForADiskIsBoundedAndTheRestIsCounted) {
  auto file = DeadLetterFile::open(path_, 16 << 20);
  ASSERT_TRUE(file.has_value());
  const std::string line(10'000, 'x');
  {
    const FullDisk disk(0);
    for (int i = 0; i < 300; ++i) (*file)->write(record(line));
  }
  const uint64_t dropped = (*file)->stats().dropped;
  EXPECT_GT(dropped, 150u);
  (*file)->flush();
  EXPECT_EQ((*file)->stats().written + dropped, 300u);
  EXPECT_LE(fs::file_size(path_), 1u << 20);
}

TEST_F(DeadLetterFileTest, ARecordThatIsLargerThanTheFileMayBeIsDropped) {
  auto file = DeadLetterFile::open(path_, 1000);
  ASSERT_TRUE(file.has_value());
  (*file)->write(record(std::string(600, 'x')));
  (*file)->write(record("short"));
  (*file)->flush();
  EXPECT_EQ((*file)->stats().dropped, 1u);
  EXPECT_EQ(content(path_), to_line(record("short")));
}

TEST_F(DeadLetterFileTest, AFolderThatIsGoneAndComesBackHoldsNothingUp) {
  auto file = DeadLetterFile::open(path_, 1 << 20);
  ASSERT_TRUE(file.has_value());
  fs::remove_all(folder_);
  (*file)->write(record("x"));
  (*file)->flush();
  EXPECT_EQ((*file)->stats().last_error, "No such file or directory");
  fs::create_directories(folder_);
  (*file)->flush();
  EXPECT_EQ(content(path_), to_line(record("x")));
  EXPECT_EQ((*file)->stats().last_error, "");
}

TEST_F(DeadLetterFileTest, AnotherProgramMayRotateTheFile) {
  auto file = DeadLetterFile::open(path_, 1 << 20);
  ASSERT_TRUE(file.has_value());
  (*file)->write(record("before"));
  (*file)->flush();
  fs::rename(path_, path_ + ".old");
  (*file)->write(record("after"));
  (*file)->flush();
  EXPECT_EQ(content(path_ + ".old"), to_line(record("before")));
  EXPECT_EQ(content(path_), to_line(record("after")));
}

TEST_F(DeadLetterFileTest, AFileThatOthersCouldReadIsPrivateAfterwards) {
  std::ofstream(path_) << "";
  fs::permissions(path_, fs::perms(0644));
  ASSERT_TRUE(DeadLetterFile::open(path_, 1 << 20).has_value());
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0600));
}

TEST_F(DeadLetterFileTest, OnlyARegularFileWillDo) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(DeadLetterFile::open(path_, 1 << 20).has_value()) << "and it must not hang";
  fs::remove(path_);
  fs::create_symlink(folder_ + "/elsewhere", path_);
  EXPECT_FALSE(DeadLetterFile::open(path_, 1 << 20).has_value());
  EXPECT_FALSE(DeadLetterFile::open("/dev/null", 1 << 20).has_value());
}

}  // namespace
}  // namespace picket
