// The journald input on real journal files, which systemd-journal-remote makes out of its export
// format. Without that program these tests are skipped.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <systemd/sd-id128.h>

#include <cstdlib>
#include <fstream>

#include "tests/daemon/inputs/input_harness.h"

namespace picket {
namespace {

using ::testing::HasSubstr;
using Lines = std::vector<std::string>;

constexpr const char* kWriter = "/lib/systemd/systemd-journal-remote";

class JournaldTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kWriter)) GTEST_SKIP() << "needs " << kWriter;
    std::filesystem::create_directories(folder_);
  }

  // An entry a second after the one before. Values with line breaks go in the binary form.
  void add(std::string_view message,
           const std::vector<std::pair<std::string, std::string>>& more = {}) {
    ++seconds_;
    export_ += fmt::format(
        "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n"
        "_BOOT_ID=00112233445566778899aabbccddeeff\n",
        (1'700'000'000 + seconds_) * 1'000'000, seconds_ * 1'000'000);
    const uint64_t size = message.size();
    export_ += "MESSAGE\n";
    export_.append(reinterpret_cast<const char*>(&size), sizeof size);  // little endian
    export_ += fmt::format("{}\n", message);
    for (const auto& [name, value] : more) export_ += fmt::format("{}={}\n", name, value);
    export_ += "\n";
  }
  // Appends what was added to a journal.
  void write(const std::string& name = "a") {
    const std::string path = input_.state_folder + "/in.export";
    std::ofstream(path, std::ios::binary) << std::exchange(export_, {});
    const std::string command = fmt::format(
        "{} -o {}/{}.journal --split-mode=none {} >/dev/null 2>&1", kWriter, folder_, name, path);
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  void start(std::string_view more = ", start: beginning") {
    input_.start("journald",
                 fmt::format("{{type: journald, name: j, directory: '{}'{}}}", folder_, more));
  }
  Lines lines() const { return input_.sink.lines(); }

  InputHarness input_;
  const std::string folder_ = input_.state_folder + "/journal";
  int64_t seconds_ = 0;
  std::string export_;
};

TEST_F(JournaldTest, EntriesAreReadAndFollowed) {
  add("1");
  add("2");
  write();
  start();
  ASSERT_TRUE(input_.run_until_lines(2));
  add("3");
  write();
  ASSERT_TRUE(input_.run_until_lines(3));
  add("4");
  write("b");  // a second file, as after a rotation
  ASSERT_TRUE(input_.run_until_lines(4));
  EXPECT_EQ(lines(), (Lines{"1", "2", "3", "4"}));
  EXPECT_EQ(input_.sink.problems, Lines{});
  EXPECT_EQ(to_ms(input_.sink.batches.back().arrival), 1'700'000'004'000);
}

TEST_F(JournaldTest, ARestartGoesOnBehindTheLastEntry) {
  for (const char* text : {"1", "2", "3"}) add(text);
  write();
  start();
  ASSERT_TRUE(input_.run_until_lines(3));
  input_.stop();
  add("4");
  write();
  start();
  ASSERT_TRUE(input_.run_until_lines(4));
  input_.stop();
  start(", start: end");  // the saved position counts
  add("5");
  write();
  ASSERT_TRUE(input_.run_until_lines(5));
  EXPECT_EQ(lines(), (Lines{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(input_.input->stats().gaps, 0u);
}

TEST_F(JournaldTest, EveryBatchSaysWhereToGoOn) {
  for (int i = 0; i < 6; ++i) {
    seconds_ += 5;  // apart, so each is a batch of its own
    add(std::to_string(i));
  }
  write();
  start();
  ASSERT_TRUE(input_.run_until_lines(6));
  input_.stop();
  ASSERT_EQ(input_.sink.batches.size(), 6u);
  while (input_.sink.batches.size() > 3) input_.sink.batches.pop_back();  // a crash
  start();
  ASSERT_TRUE(input_.run_until_lines(6));
  EXPECT_EQ(lines(), (Lines{"0", "1", "2", "3", "4", "5"}));
}

TEST_F(JournaldTest, AtItsEndOnlyWhatIsNewIsRead) {
  add("old");
  write();
  start("");
  seconds_ = 2'000'000'000;  // later than now
  add("new");
  write("b");
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_EQ(lines(), Lines{"new"});
  input_.stop();
  EXPECT_EQ(input_.sink.checkpoints().at("cursor").substr(0, 4), "1 s=");
}

TEST_F(JournaldTest, ARestartBeforeTheFirstEntryGoesOnFromTheFirstStart) {
  start("");
  input_.stop();
  EXPECT_EQ(input_.sink.checkpoints().at("cursor").substr(0, 3), "1 @");
}

TEST_F(JournaldTest, UnitsAndMatchesSelect) {
  add("1", {{"_SYSTEMD_UNIT", "a.service"}, {"PRIORITY", "3"}});
  add("2", {{"_SYSTEMD_UNIT", "b.service"}, {"PRIORITY", "3"}});
  add("3", {{"_SYSTEMD_UNIT", "c.service"}, {"PRIORITY", "3"}});
  add("4", {{"_SYSTEMD_UNIT", "a.service"}, {"PRIORITY", "7"}});
  add("5", {{"_SYSTEMD_UNIT", "a.service"}, {"PRIORITY", "4"}});
  write();
  start(", start: beginning, units: [a, b.service], matches: {PRIORITY: ['3', '4']}");
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(lines(), (Lines{"1", "2", "5"}));
  input_.stop();
  // Other matches are no gap, and what was passed over before the position stays so.
  add("6", {{"_SYSTEMD_UNIT", "c.service"}});
  write();
  start(", units: c");
  ASSERT_TRUE(input_.run_until_lines(4));
  EXPECT_EQ(lines(), (Lines{"1", "2", "5", "6"}));
  EXPECT_EQ(input_.input->stats().gaps, 0u);
}

TEST_F(JournaldTest, AnEntryIsOneLine) {
  add("{\n  \"a\": 1\r\n}");
  add("refused\nforged line");
  write();
  start();
  ASSERT_TRUE(input_.run_until_lines(2));
  EXPECT_EQ(lines(), (Lines{"{   \"a\": 1  }", "refused forged line"}));
}

TEST_F(JournaldTest, ALargeMessageIsWholeAndATooLargeOneHarmsNoNeighbour) {
  const std::string large(1 << 20, 'x');  // packed by the journal, and over its usual threshold
  const std::string too_large(17 << 20, 'y');
  add(large);
  add(too_large);
  add("3");
  write();
  start();
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(lines().at(0), large);
  EXPECT_THAT(lines().at(1), HasSubstr("<oversize 1"));
  EXPECT_EQ(lines().at(2), "3");
  EXPECT_EQ(input_.sink.problems, Lines{});
}

TEST_F(JournaldTest, ItsOwnEntriesArePassedOverButNotWhoCallsItselfPicket) {
  sd_id128_t boot;
  char text[SD_ID128_STRING_MAX];
  ASSERT_GE(sd_id128_get_boot(&boot), 0);
  const std::string exe = std::filesystem::read_symlink("/proc/self/exe");
  const std::string pid = std::to_string(::getpid());
  add("an alert", {{"_EXE", exe}});
  add("1", {{"SYSLOG_IDENTIFIER", "picket"}});
  add("2", {{"_PID", pid}});  // of another boot or machine
  write();
  // Of this boot, by a process that is this one.
  ++seconds_;
  export_ = fmt::format(
      "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID={}\nMESSAGE=mine\n_PID={}\n\n",
      (1'700'000'000 + seconds_) * 1'000'000, sd_id128_to_string(boot, text), pid);
  write("b");
  add("3");
  write("c");
  start();
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(lines(), (Lines{"1", "2", "3"}));
}

TEST_F(JournaldTest, AVacuumedPositionIsAGapAndNothingIsReadTwice) {
  add("1");
  add("2");
  write("a");
  start();
  ASSERT_TRUE(input_.run_until_lines(2));
  input_.stop();
  add("3");
  write("b");
  std::filesystem::remove(folder_ + "/a.journal");
  start();
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(lines(), (Lines{"1", "2", "3"}));
  EXPECT_EQ(input_.input->stats().gaps, 1u);
}

TEST_F(JournaldTest, BadOptionsAreReportedInFull) {
  const auto made = input_.make(
      "journald", "{type: journald, name: j, matches: {message: x}, start: soon, unit: a}");
  ASSERT_FALSE(made);
  std::string all;
  for (const Diagnostic& problem : made.error()) all += render(problem) + "\n";
  for (const char* part :
       {"test.yaml:1:37: error: 'message' is not a journal field", "soon", "unit"}) {
    EXPECT_THAT(all, HasSubstr(part));
  }
  const auto absent = input_.make("journald", "{type: journald, name: j, directory: /nonexistent}");
  ASSERT_TRUE(absent);
  EXPECT_THAT((*absent)->prepare().at(0).message, HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace picket
