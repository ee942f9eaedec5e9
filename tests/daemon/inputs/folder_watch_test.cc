// FolderWatch on real folders, with an inotify that runs out of watches.
#include "daemon/inputs/folder_watch.h"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <filesystem>
#include <string>

namespace picket {
namespace {

namespace fs = std::filesystem;

TEST(FolderWatch, FoldersWithoutWatchesAreCountedUntilTheyHaveSome) {
  const fs::path root =
      fs::path(testing::TempDir()) / ("picket_watch_" + std::to_string(::getpid()));
  for (const char* name : {"a", "b", "c"}) fs::create_directories(root / name);
  int left = 1;
  boost::asio::io_context loop;
  FolderWatch watch(loop.get_executor(), [&](int fd, const char* path, uint32_t events) {
    if (left-- > 0) return ::inotify_add_watch(fd, path, events);
    errno = ENOSPC;
    return -1;
  });
  ASSERT_TRUE(watch.available());
  const std::set<std::string> folders = {root / "a", root / "b", root / "c"};
  EXPECT_FALSE(watch.watch(folders));
  EXPECT_EQ(watch.unwatched(), 2u);
  left = 2;
  EXPECT_TRUE(watch.watch(folders));
  EXPECT_EQ(watch.unwatched(), 0u);
  fs::remove_all(root);
}

TEST(FolderWatch, AnAbsentFolderIsNotWatchedButNeedsNoWatchEither) {
  boost::asio::io_context loop;
  FolderWatch watch(loop.get_executor());
  EXPECT_FALSE(watch.watch({"/nowhere/at/all"}));
  EXPECT_EQ(watch.unwatched(), 0u);
}

}  // namespace
}  // namespace picket
