#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/outputs/output.h"

namespace picket {
namespace {

const SystemClock kClock;

class FileOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "picket-file-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ / "alerts.ndjson";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Result<std::unique_ptr<Output>> make(const std::string& path) {
    PICKET_TRY(YamlFile file, parse_yaml("type: file\npath: \"" + path + "\"\n", "picket.yaml"));
    for (const OutputKind& kind : output_kinds()) {
      if (kind.type == "file") return kind.make(file.documents[0], {.clock = kClock});
    }
    return fail({}, "no such kind");
  }
  static std::string read(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

AlertEvent event(AlertChange change, const std::string& id) { return {change, {.id = id}}; }
std::string line(const std::string& id) { return to_json({.id = id}) + "\n"; }

TEST_F(FileOutputTest, AppendsOneLinePerChangeWorthKeeping) {
  {
    auto output = make(path_);
    ASSERT_TRUE(output.has_value());
    EXPECT_FALSE(
        (*output)->deliver({event(AlertChange::Opened, "a"), event(AlertChange::Updated, "b"),
                            event(AlertChange::Escalated, "c")},
                           {}));
  }
  auto output = make(path_);
  ASSERT_TRUE(output.has_value());
  EXPECT_FALSE((*output)->deliver({event(AlertChange::Resolved, "d")}, {}));
  EXPECT_EQ(read(path_), line("a") + line("c") + line("d"));
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(FileOutputTest, FollowsARotation) {
  auto output = make(path_);
  ASSERT_TRUE(output.has_value());
  EXPECT_FALSE((*output)->deliver({event(AlertChange::Opened, "a")}, {}));
  std::filesystem::rename(path_, folder_ / "old");
  EXPECT_FALSE((*output)->deliver({event(AlertChange::Opened, "b")}, {}));
  EXPECT_FALSE((*output)->tick({}));
  EXPECT_FALSE((*output)->deliver({event(AlertChange::Opened, "c")}, {}));
  EXPECT_EQ(read(folder_ / "old"), line("a") + line("b"));
  EXPECT_EQ(read(path_), line("c"));
}

TEST_F(FileOutputTest, WhatWasDeliveredBeforeARestartStandsThereOnce) {
  const std::vector<AlertEvent> events = {
      event(AlertChange::Opened, "a"), event(AlertChange::Escalated, "b"),
      event(AlertChange::Updated, "u"), event(AlertChange::Resolved, "c")};
  const std::string all = line("x") + line("a") + line("b") + line("c");
  for (size_t size = 0; size <= all.size(); ++size) {
    const bool own = size >= line("x").size();  // else a line is cut that is not to be written
    std::ofstream(path_) << (own ? all.substr(0, size) : line("x"));
    auto output = make(path_);
    ASSERT_TRUE(output.has_value());
    EXPECT_FALSE((*output)->redeliver(events, {}));
    EXPECT_TRUE((*output)->settled());
    EXPECT_FALSE((*output)->deliver({event(AlertChange::Opened, "d")}, {}));
    ASSERT_EQ(read(path_), all + line("d")) << size;
  }
}

// An alert may fire again with the same text, and what was lost earlier is written first.
TEST_F(FileOutputTest, ATornLineSpoilsNoOther) {
  const std::string half = line("a").substr(0, line("a").size() / 2);
  const AlertEvent a = event(AlertChange::Opened, "a");
  const AlertEvent b = event(AlertChange::Opened, "b");
  struct Case {
    std::string before;
    std::vector<AlertEvent> events;
    std::string after;
  };
  const Case cases[] = {
      {line("a") + half, {a}, line("a") + line("a")},
      {line("a") + half, {a, b}, line("a") + line("a") + line("b")},
      {line("a") + half, {b, a}, line("a") + line("b") + line("a")},
      {half, {b, a}, line("b") + line("a")},
      {line("a") + line("b") + half, {a, b, a}, line("a") + line("b") + line("a")},
  };
  for (const Case& test : cases) {
    std::ofstream(path_) << test.before;
    auto output = make(path_);
    ASSERT_TRUE(output.has_value());
    EXPECT_FALSE((*output)->redeliver(test.events, {}));
    EXPECT_EQ(read(path_), test.after);
  }
}

TEST_F(FileOutputTest, WhatAnotherFileOfThatNameHoldsIsNotInTheWay) {
  std::ofstream(path_) << "no line of ours, and without an end";
  auto output = make(path_);
  ASSERT_TRUE(output.has_value());
  EXPECT_FALSE((*output)->redeliver({event(AlertChange::Opened, "a")}, {}));
  EXPECT_TRUE(read(path_).ends_with(line("a")));
}

TEST_F(FileOutputTest, ReportsAFolderThatIsGoneAndRecovers) {
  auto output = make(path_);
  ASSERT_TRUE(output.has_value());
  std::filesystem::remove_all(folder_);
  EXPECT_TRUE((*output)->tick({}));
  EXPECT_NE((*output)->last_error(), "");
  std::filesystem::create_directory(folder_);
  EXPECT_FALSE((*output)->tick({}));
  EXPECT_EQ((*output)->last_error(), "");
  EXPECT_FALSE((*output)->deliver({event(AlertChange::Opened, "a")}, {}));
  EXPECT_EQ(read(path_), line("a"));
}

TEST_F(FileOutputTest, ReportsAFullDisk) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full to write to";
  auto output = make("/dev/full");
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ((*output)->deliver({event(AlertChange::Opened, "a")}, {}),
            std::error_code(ENOSPC, std::system_category()));
  EXPECT_NE((*output)->last_error().find("/dev/full"), std::string::npos);
  EXPECT_TRUE((*output)->tick({}));  // still trying
  EXPECT_FALSE((*output)->settled());
}

TEST_F(FileOutputTest, RefusesWhatCannotBeAppendedTo) {
  EXPECT_FALSE(make(folder_).has_value());
  EXPECT_FALSE(make(folder_ / "missing" / "file").has_value());
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  const auto fifo = make(folder_ / "fifo");
  ASSERT_FALSE(fifo.has_value());
  EXPECT_EQ(fifo.error()[0].where.line, 2U);
}

}  // namespace
}  // namespace picket
