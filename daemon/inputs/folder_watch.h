// FolderWatch: inotify on folders, as hints for the `file` input.
//
// Hints only: everything it reports is found by polling too, later. So nothing here can fail in a
// way that matters: without inotify (no descriptors or watches left, a network file system) it
// reports that a folder is not watched, and the caller polls more.
//
// Folders are watched, not files: one watch covers any number of files, and the folder also tells
// of new names, renames and permissions.
//
// Thread rule: the input thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace picket {

class FolderWatch {
 public:
  // What happened since the last take().
  struct Changes {
    bool names = false;                     // a name came, went or changed: scan
    std::vector<std::string> written = {};  // paths that may have grown
  };

  // inotify_add_watch(2), or what a test has in its place.
  using AddWatch = std::function<int(int descriptor, const char* path, uint32_t events)>;

  explicit FolderWatch(boost::asio::any_io_executor executor, AddWatch add = nullptr);

  // Watches these folders and no others. False when one of them is not watched.
  bool watch(const std::set<std::string>& folders);
  // How many of them exist and are not watched: the system has no watches or descriptors left.
  size_t unwatched() const { return unwatched_; }
  // Never blocks.
  Changes take();
  bool available() const { return descriptor_.is_open(); }
  // Until take() has something to give, or the wait is cancelled. REQUIRES: available().
  boost::asio::awaitable<void> wait();

 private:
  void note(int watch, const char* name, uint32_t mask, Changes& changes);

  boost::asio::posix::stream_descriptor descriptor_;
  std::map<int, std::string> folders_;  // by watch
  std::set<std::string> watched_;
  const AddWatch add_;
  size_t unwatched_ = 0;
};

}  // namespace picket
