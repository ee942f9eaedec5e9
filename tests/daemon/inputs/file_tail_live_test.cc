// The `file` input as it runs: options, inotify, timer, cancellation, on a real folder.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/daemon/inputs/input_harness.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

class FileTailLive : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("picket_tail_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    tail_.stop();
    fs::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::app) << text;
  }
  std::string yaml(const std::string& more) const {
    return "{type: file, name: test, paths: ['" + path("*.log") + "'], start: beginning, " + more +
           "}";
  }
  std::vector<std::string> lines() const {
    auto lines = tail_.sink.lines();
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  fs::path folder_;
  InputHarness tail_;
};

// inotify alone must do: the poll would come too late for the deadline.
TEST_F(FileTailLive, InotifyTellsOfLinesAndNames) {
  write("a.log", "1\n");
  tail_.start("file", yaml("poll_interval: 10m"));
  ASSERT_TRUE(tail_.run_until_lines(1));
  write("a.log", "2\n");
  ASSERT_TRUE(tail_.run_until_lines(2));
  fs::rename(path("a.log"), path("a.log.1"));
  write("a.log", "3\n");
  ASSERT_TRUE(tail_.run_until_lines(3));
  write("b.log", "4\n");
  ASSERT_TRUE(tail_.run_until_lines(4));
  fs::remove(path("b.log"));
  write("b.log", "5\n");
  ASSERT_TRUE(tail_.run_until_lines(5));
  EXPECT_EQ(lines(), (std::vector<std::string>{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(tail_.input->stats().bytes_read, 10u);
}

TEST_F(FileTailLive, PollFindsWhatInotifyDoesNotTell) {
  write("a.log", "1\n");
  // The folder of the link is watched, that of its target is not.
  fs::create_directories(folder_ / "elsewhere");
  write("elsewhere/b", "2\n");
  fs::create_symlink(path("elsewhere/b"), path("b.log"));
  tail_.start("file", yaml("follow_symlinks: true, poll_interval: 10ms"));
  ASSERT_TRUE(tail_.run_until_lines(2));
  write("elsewhere/b", "3\n");
  ASSERT_TRUE(tail_.run_until_lines(3));
}

TEST_F(FileTailLive, StopsWhenCancelledAndResumes) {
  write("a.log", "1\nhalf");
  tail_.start("file", yaml("poll_interval: 10m"));
  ASSERT_TRUE(tail_.run_until_lines(1));
  tail_.stop();
  write("a.log", " line\n");
  tail_.start("file", yaml("poll_interval: 10m"));
  ASSERT_TRUE(tail_.run_until_lines(2));
  EXPECT_EQ(lines(), (std::vector<std::string>{"1", "half line"}));
}

TEST_F(FileTailLive, EndsWhenTheSinkCloses) {
  write("a.log", "1\n");
  tail_.start("file", yaml("poll_interval: 10m"));
  ASSERT_TRUE(tail_.run_until_lines(1));
  tail_.sink.closed = true;
  write("a.log", "2\n");
  EXPECT_TRUE(tail_.run_until([&] { return tail_.ended; }));
}

TEST_F(FileTailLive, OptionsAreChecked) {
  const struct {
    const char* yaml;
    const char* part;
  } cases[] = {
      {"{type: file, name: a}", "paths"},
      {"{type: file, name: a, paths: []}", "paths"},
      {"{type: file, name: a, paths: ['']}", "paths"},
      {"{type: file, name: a, paths: [x], start: middle}", "start"},
      {"{type: file, name: a, paths: [x], poll_interval: 1ms}", "poll_interval"},
      {"{type: file, name: a, paths: [x], follow: true}", "follow"},
  };
  for (const auto& c : cases) {
    const auto made = tail_.make("file", c.yaml);
    ASSERT_FALSE(made) << c.yaml;
    EXPECT_NE(made.error().at(0).message.find(c.part), std::string::npos)
        << made.error().at(0).message;
  }
  EXPECT_TRUE(tail_.make("file",
                         "{type: file, name: a, schema: s, lateness: 1s, max_line: 1MiB, "
                         "paths: /x/*.log, start: end, poll_interval: 1s}"));
}

}  // namespace
}  // namespace picket
