// RealDisk against the real file system.
#include "daemon/disk.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace picket {
namespace {

namespace fs = std::filesystem;

class DiskTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("picket_disk_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::app) << text;
  }

  fs::path folder_;
  RealDisk disk_;
};

TEST_F(DiskTest, ReadsAtOffsetsUnderAnyName) {
  write("a", "0123456789");
  auto file = disk_.open(path("a"), {Symlinks::Refuse});
  ASSERT_TRUE(file);
  char bytes[20];
  EXPECT_EQ((*file)->read_at(3, bytes, 4), size_t{4});
  EXPECT_EQ(std::string(bytes, 4), "3456");
  EXPECT_EQ((*file)->read_at(8, bytes, 20), size_t{2});
  EXPECT_EQ((*file)->read_at(10, bytes, 20), size_t{0});
  const auto before = (*file)->info();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->size, 10u);
  fs::rename(path("a"), path("b"));
  EXPECT_EQ(disk_.stat(path("b"), {Symlinks::Refuse})->identity, before->identity);
  fs::remove(path("b"));
  EXPECT_EQ((*file)->info()->links, 0u);
  EXPECT_EQ((*file)->read_at(0, bytes, 1), size_t{1});
  write("a", "new");
  EXPECT_NE(disk_.stat(path("a"), {Symlinks::Refuse})->identity, before->identity);
}

TEST_F(DiskTest, ReadsOnlyBehindWhatWasThere) {
  write("a", "0123456789");
  auto file = disk_.open(path("a"), {Symlinks::Refuse});
  ASSERT_TRUE(file);
  char bytes[20];
  EXPECT_EQ(**(*file)->read_behind(3, "012", bytes), 7u);
  EXPECT_EQ(std::string(bytes, 7), "3456789");
  EXPECT_EQ(**(*file)->read_behind(10, "89", bytes), 0u);
  EXPECT_EQ(**(*file)->read_behind(3, "12", {}), 0u);
  EXPECT_FALSE(*(*file)->read_behind(3, "x2", bytes));
  EXPECT_FALSE(*(*file)->read_behind(11, "9x", bytes));
}

TEST_F(DiskTest, RefusesWhatIsNotARegularFileWithoutBlocking) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  fs::create_directory(path("folder"));
  write("file", "secret");
  fs::create_symlink(path("file"), path("link"));
  fs::create_symlink(path("nowhere"), path("dangling"));
  fs::create_symlink(path("loop"), path("loop"));
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string relative = "picket_disk_test_socket_" + std::to_string(::getpid());
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", relative.c_str());
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);

  struct Case {
    std::string path;
    Symlinks symlinks;
    std::errc error;
  };
  const Case cases[] = {
      {path("fifo"), Symlinks::Refuse, std::errc::operation_not_supported},
      {path("fifo"), Symlinks::Follow, std::errc::operation_not_supported},
      {path("folder"), Symlinks::Refuse, std::errc::is_a_directory},
      {path("link"), Symlinks::Refuse, std::errc::too_many_symbolic_link_levels},
      {path("dangling"), Symlinks::Refuse, std::errc::too_many_symbolic_link_levels},
      {path("dangling"), Symlinks::Follow, std::errc::no_such_file_or_directory},
      {path("loop"), Symlinks::Follow, std::errc::too_many_symbolic_link_levels},
      {path("absent"), Symlinks::Refuse, std::errc::no_such_file_or_directory},
      {relative, Symlinks::Refuse, std::errc::operation_not_supported},
      {"/dev/null", Symlinks::Refuse, std::errc::operation_not_supported},
  };
  for (const Case& c : cases) {
    const auto opened = disk_.open(c.path, {c.symlinks});
    ASSERT_FALSE(opened) << c.path;
    EXPECT_EQ(opened.error(), c.error) << c.path;
    const auto named = disk_.stat(c.path, {c.symlinks});
    ASSERT_FALSE(named) << c.path;
    EXPECT_EQ(named.error(), c.error) << c.path;
  }
  EXPECT_TRUE(disk_.open(path("link"), {Symlinks::Follow}));
  ::close(listener);
  fs::remove(relative);
}

TEST_F(DiskTest, LinkedFolderIsOnlyFollowedWhereItIsTrusted) {
  fs::create_directories(folder_ / "secret" / "deep");
  fs::create_directories(folder_ / "log" / "real");
  write("secret/deep/a", "secret");
  write("log/real/a", "1");
  fs::create_directory_symlink(path("secret"), path("log/link"));
  const size_t log = path("log").size();
  EXPECT_TRUE(disk_.open(path("log/real/a"), {Symlinks::Refuse, log}));
  EXPECT_TRUE(disk_.open(path("log//real//a"), {Symlinks::Refuse, log}));
  EXPECT_TRUE(disk_.open(path("log/link/deep/a"), {Symlinks::Follow, log}));
  EXPECT_TRUE(disk_.open(path("log/link/deep/a"), {Symlinks::Refuse, path("log/link").size()}));
  for (const size_t trusted : {size_t{0}, folder_.string().size(), log}) {
    const auto opened = disk_.open(path("log/link/deep/a"), {Symlinks::Refuse, trusted});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), std::errc::too_many_symbolic_link_levels);
    const auto named = disk_.stat(path("log/link/deep/a"), {Symlinks::Refuse, trusted});
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error(), std::errc::too_many_symbolic_link_levels);
  }
  EXPECT_EQ(disk_.stat(path("log/none/a"), {Symlinks::Refuse, log}).error(),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(disk_.stat(path("log/real/a/b"), {Symlinks::Refuse, log}).error(),
            std::errc::not_a_directory);
}

TEST_F(DiskTest, ListsAndGlobsInByteOrder) {
  for (const char* name : {"b.log", "a.log", "a.txt", ".hidden.log", "A.log"}) write(name, "");
  EXPECT_EQ(disk_.list(folder_),
            (std::vector<std::string>{".hidden.log", "A.log", "a.log", "a.txt", "b.log"}));
  EXPECT_EQ(disk_.glob(path("*.log")),
            (std::vector<std::string>{path("A.log"), path("a.log"), path("b.log")}));
  EXPECT_EQ(disk_.glob(path("a.txt")), (std::vector<std::string>{path("a.txt")}));
  EXPECT_TRUE(disk_.glob(path("none*")).empty());
  EXPECT_FALSE(disk_.list(path("none")));
}

}  // namespace
}  // namespace picket
