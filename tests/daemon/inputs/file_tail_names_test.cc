// Hazard: what else a folder of logs may hold, on a real file system: links of every kind, a FIFO,
// a socket, a device, a folder. None of them is read and none of them holds up the file beside
// them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/daemon/inputs/input_harness.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

class FileTailNames : public testing::Test {
 protected:
  FileTailNames() {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "logs");
    std::ofstream(folder_ / "secret") << "secret\n";
  }
  ~FileTailNames() override {
    input_.stop();
    fs::remove_all(folder_);
  }

  void make_socket(const fs::path& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.string().size(), sizeof(address.sun_path));
    path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("picket_names_" + std::to_string(getpid()));
  InputHarness input_;
};

TEST_F(FileTailNames, OnlyTheRegularFileIsRead) {
  const fs::path logs = folder_ / "logs";
  fs::create_symlink(folder_ / "secret", logs / "absolute.log");
  fs::create_symlink("../secret", logs / "relative.log");
  fs::create_symlink("nowhere", logs / "dangling.log");
  fs::create_symlink("loop.log", logs / "loop.log");
  fs::create_directory_symlink(folder_, logs / "parent.log");
  fs::create_directory(logs / "folder.log");
  ASSERT_EQ(::mkfifo((logs / "fifo.log").c_str(), 0600), 0);
  make_socket(logs / "socket.log");
  // Only root may make one; an endless device would never let go of the input.
  const bool device = ::mknod((logs / "zero.log").c_str(), S_IFCHR | 0600, ::makedev(1, 5)) == 0;
  std::ofstream(logs / "good.log") << "good\n";
  input_.start(
      "file", "type: file\nname: test\nstart: beginning\npaths: ['" + logs.string() + "/*.log']\n");
  ASSERT_TRUE(input_.run_until_lines(1));
  std::ofstream(logs / "good.log", std::ios::app) << "and more\n";
  ASSERT_TRUE(input_.run_until_lines(2));
  EXPECT_EQ(input_.sink.lines(), (std::vector<std::string>{"good", "and more"}));
  EXPECT_EQ(input_.input->stats().files_open, 1u);
  // Links, FIFO, socket and device are told of. A folder that a wildcard meets is no mistake.
  EXPECT_GE(input_.input->stats().read_errors, device ? 7u : 6u);
}

}  // namespace
}  // namespace picket
