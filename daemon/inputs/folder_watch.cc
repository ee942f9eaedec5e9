// FolderWatch: inotify calls.
//
// Tested by tests/daemon/inputs/folder_watch_test.cc and file_tail_live_test.cc.
#include "daemon/inputs/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "daemon/inputs/file_names.h"

namespace picket {
namespace {

constexpr uint32_t kNameEvents =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kEvents = kNameEvents | IN_MODIFY | IN_ONLYDIR;

}  // namespace

FolderWatch::FolderWatch(boost::asio::any_io_executor executor, AddWatch add)
    : descriptor_(std::move(executor)), add_(add ? std::move(add) : ::inotify_add_watch) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return;
  boost::system::error_code error;
  descriptor_.assign(fd, error);
  if (error) ::close(fd);
}

bool FolderWatch::watch(const std::set<std::string>& folders) {
  unwatched_ = available() ? 0 : folders.size();
  if (!available()) return false;
  std::erase_if(folders_, [&](const auto& entry) {
    if (folders.contains(entry.second)) return false;
    ::inotify_rm_watch(descriptor_.native_handle(), entry.first);
    watched_.erase(entry.second);
    return true;
  });
  for (const std::string& folder : folders) {
    if (watched_.contains(folder)) continue;
    const int watch = add_(descriptor_.native_handle(), folder.c_str(), kEvents);
    if (watch < 0 && errno != ENOENT && errno != ENOTDIR) ++unwatched_;
    if (watch < 0) continue;
    // Two names of one folder share a watch; the other name then counts as not watched.
    if (folders_.try_emplace(watch, folder).second) watched_.insert(folder);
  }
  return watched_.size() == folders.size();
}

FolderWatch::Changes FolderWatch::take() {
  Changes changes;
  if (!available()) return changes;
  alignas(inotify_event) std::array<char, 16 << 10> bytes;
  for (;;) {
    const ssize_t got = ::read(descriptor_.native_handle(), bytes.data(), bytes.size());
    if (got <= 0) return changes;
    for (size_t at = 0; at < static_cast<size_t>(got);) {
      inotify_event event;
      std::memcpy(&event, bytes.data() + at, sizeof(event));
      const char* name = event.len > 0 ? bytes.data() + at + sizeof(event) : "";
      note(event.wd, name, event.mask, changes);
      at += sizeof(event) + event.len;
    }
  }
}

boost::asio::awaitable<void> FolderWatch::wait() {
  const auto [error] =
      co_await descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                      boost::asio::as_tuple(boost::asio::use_awaitable));
  // A descriptor that cannot be waited for would turn the caller's loop into a spin.
  if (error && error != boost::asio::error::operation_aborted) {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }
}

void FolderWatch::note(int watch, const char* name, uint32_t mask, Changes& changes) {
  // A full kernel queue has lost events: look at everything.
  if ((mask & IN_Q_OVERFLOW) != 0) changes.names = true;
  const auto found = folders_.find(watch);
  if (found == folders_.end()) return;
  if ((mask & kNameEvents) != 0) changes.names = true;
  if ((mask & IN_MODIFY) != 0) {
    std::string path = path_in(found->second, name);
    if (changes.written.empty() || changes.written.back() != path)
      changes.written.push_back(std::move(path));
  }
  if ((mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(descriptor_.native_handle(), watch);
  if ((mask & IN_IGNORED) != 0) {
    changes.names = true;
    watched_.erase(found->second);
    folders_.erase(found);
  }
}

}  // namespace picket
