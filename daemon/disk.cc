// RealDisk: the file system through system calls.
//
// open() asks what the name is before it opens it, because opening alone may act (a tape rewinds, a
// watchdog arms itself), and asks again on the descriptor, because the name may have changed hands
// in between. O_NONBLOCK covers the remaining moment: a FIFO that slipped in opens at once.
//
// Tested by tests/daemon/disk_test.cc.
#include "daemon/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace picket {
namespace {

std::error_code last_errno() { return {errno, std::system_category()}; }

std::error_code not_regular(mode_t mode) {
  if (S_ISDIR(mode)) return {EISDIR, std::system_category()};
  if (S_ISLNK(mode)) return {ELOOP, std::system_category()};
  return {EOPNOTSUPP, std::system_category()};
}

int64_t nanoseconds(const statx_timestamp& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// statx of a name, or of a descriptor when `path` is empty and AT_EMPTY_PATH is set.
DiskResult<FileInfo> file_info(int fd, const char* path, int flags) {
  struct statx raw = {};
  if (::statx(fd, path, flags | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0)
    return std::unexpected(last_errno());
  if (!S_ISREG(raw.stx_mode)) return std::unexpected(not_regular(raw.stx_mode));
  FileInfo info;
  info.identity.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  info.identity.inode = raw.stx_ino;
  if ((raw.stx_mask & STATX_BTIME) != 0) info.identity.birth_ns = nanoseconds(raw.stx_btime);
  info.modified_ns = nanoseconds(raw.stx_mtime);
  info.size = raw.stx_size;
  info.links = raw.stx_nlink;
  return info;
}

class RealFile final : public DiskFile {
 public:
  explicit RealFile(int fd) : fd_(fd) {}
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile() override { ::close(fd_); }

  DiskResult<FileInfo> info() const override { return file_info(fd_, "", AT_EMPTY_PATH); }

  DiskResult<size_t> read_at(uint64_t offset, char* into, size_t length) const override {
    size_t done = 0;
    while (done < length) {
      const ssize_t got =
          ::pread(fd_, into + done, length - done, static_cast<off_t>(offset + done));
      if (got == 0) break;
      if (got > 0) {
        done += static_cast<size_t>(got);
      } else if (errno != EINTR) {
        if (done > 0) break;  // the next call will meet the error again
        return std::unexpected(last_errno());
      }
    }
    return done;
  }

 private:
  int fd_;
};

}  // namespace

DiskResult<std::unique_ptr<DiskFile>> RealDisk::open(const std::string& path,
                                                     Symlinks symlinks) const {
  if (auto named = stat(path, symlinks); !named) return std::unexpected(named.error());
  const int no_follow = symlinks == Symlinks::Refuse ? O_NOFOLLOW : 0;
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | no_follow);
  if (fd < 0) return std::unexpected(last_errno());
  auto file = std::make_unique<RealFile>(fd);
  if (auto opened = file->info(); !opened) return std::unexpected(opened.error());
  return file;
}

DiskResult<FileInfo> RealDisk::stat(const std::string& path, Symlinks symlinks) const {
  const int no_follow = symlinks == Symlinks::Refuse ? AT_SYMLINK_NOFOLLOW : 0;
  return file_info(AT_FDCWD, path.c_str(), no_follow | AT_NO_AUTOMOUNT);
}

DiskResult<std::vector<std::string>> RealDisk::list(const std::string& folder) const {
  DIR* handle = ::opendir(folder.c_str());
  if (handle == nullptr) return std::unexpected(last_errno());
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(handle)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  ::closedir(handle);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> RealDisk::glob(const std::string& pattern) const {
  glob_t found = {};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace picket
