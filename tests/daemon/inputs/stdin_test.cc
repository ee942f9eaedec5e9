#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/daemon/inputs/input_harness.h"

namespace picket {
namespace {

// Puts another descriptor in the place of standard input for one test.
class StdinTest : public testing::Test {
 protected:
  void SetUp() override { saved_ = ::dup(STDIN_FILENO); }
  void TearDown() override {
    input_.stop();
    close_writer();
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }

  void use(int fd) {
    ::dup2(fd, STDIN_FILENO);
    ::close(fd);
  }
  void use_pipe() {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    use(ends[0]);
    writer_ = ends[1];
  }
  void write(std::string_view text) {
    ASSERT_EQ(::write(writer_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close_writer() {
    if (writer_ >= 0) ::close(writer_);
    writer_ = -1;
  }
  bool run_to_end() {
    return input_.run_until([&] { return input_.ended; });
  }

  InputHarness input_;
  int saved_ = -1;
  int writer_ = -1;
};

using Lines = std::vector<std::string>;
constexpr const char* kYaml = "{type: stdin, name: piped, schema: s, lateness: 0, max_line: 1MiB}";

TEST_F(StdinTest, PipeIsReadWhileItIsWritten) {
  use_pipe();
  input_.start("stdin", kYaml);
  write("1\n2");
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_EQ(input_.sink.lines(), (Lines{"1"}));
  write("2\nlast");
  close_writer();
  ASSERT_TRUE(run_to_end());
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "22", "last"}));
  ASSERT_FALSE(input_.sink.batches.empty());
  EXPECT_EQ(input_.sink.batches.back().kind, BatchKind::EndOfStream);
  EXPECT_TRUE(input_.sink.checkpoints().empty());
  EXPECT_EQ(input_.sink.problems, Lines{});
  EXPECT_EQ(input_.sink.streams.at(0).file, "-");
  EXPECT_EQ(::fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(StdinTest, RegularFileIsRead) {
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("picket_stdin_" + std::to_string(::getpid()));
  std::ofstream(path) << "\xEF\xBB\xBF"
                      << "1\n2\n";
  use(::open(path.c_str(), O_RDONLY));
  std::filesystem::remove(path);
  input_.start("stdin", kYaml);
  ASSERT_TRUE(run_to_end());
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "2"}));
  ASSERT_FALSE(input_.sink.batches.empty());
  EXPECT_EQ(input_.sink.batches.back().kind, BatchKind::EndOfStream);
  EXPECT_EQ(input_.input->stats().bytes_read, 7u);
}

TEST_F(StdinTest, NothingAtAllEndsAtOnce) {
  use(::open("/dev/null", O_RDONLY));
  input_.start("stdin", kYaml);
  ASSERT_TRUE(run_to_end());
  ASSERT_EQ(input_.sink.batches.size(), 1u);
  EXPECT_EQ(input_.sink.batches[0].kind, BatchKind::EndOfStream);
}

TEST_F(StdinTest, CancelledWhileItWaits) {
  use_pipe();
  input_.start("stdin", kYaml);
  write("1\n");
  ASSERT_TRUE(input_.run_until_lines(1));
  input_.stop();
  EXPECT_EQ(input_.sink.lines(), (Lines{"1"}));
}

TEST_F(StdinTest, UnknownKeyIsRefused) {
  EXPECT_FALSE(input_.make("stdin", "{type: stdin, name: a, path: x}"));
}

}  // namespace
}  // namespace picket
