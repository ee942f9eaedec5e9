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
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
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

// A name in a folder that was opened, or a whole path.
class Place {
 public:
  Place(int folder, std::string name, bool follow)
      : folder_(folder), name_(std::move(name)), follow_(follow) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  Place(Place&& from) noexcept
      : folder_(std::exchange(from.folder_, AT_FDCWD)),
        name_(std::move(from.name_)),
        follow_(from.follow_) {}
  Place& operator=(Place&&) = delete;
  ~Place() {
    if (folder_ != AT_FDCWD) ::close(folder_);
  }

  DiskResult<FileInfo> stat() const {
    return file_info(folder_, name_.c_str(), AT_NO_AUTOMOUNT | (follow_ ? 0 : AT_SYMLINK_NOFOLLOW));
  }
  // As openat(2).
  int open(int flags) const {
    return ::openat(folder_, name_.c_str(), flags | O_CLOEXEC | (follow_ ? 0 : O_NOFOLLOW));
  }

 private:
  int folder_;
  std::string name_;
  bool follow_;
};

// Walks from the trusted folder down to the one that holds the file, one component at a time: a
// folder that is a link is met as such, and cannot be swapped for one after it was looked at.
// RESOLVE_NO_SYMLINKS of openat2(2) does the same in one call, but not on every kernel and not in
// every sandbox; the usual path, whose folder is all trusted, costs no call here either.
DiskResult<Place> reach(const std::string& path, LinkRule links) {
  size_t at = links.trusted;
  while (at < path.size() && path[at] == '/') ++at;
  size_t end = path.find('/', at);
  if (links.symlinks == Symlinks::Follow || end == std::string::npos)
    return Place(AT_FDCWD, path, links.symlinks == Symlinks::Follow);
  constexpr int kFolder = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const std::string first = at == 0 ? "." : path.substr(0, at);
  int folder = ::open(first.c_str(), kFolder);
  if (folder < 0) return std::unexpected(last_errno());
  for (; end != std::string::npos; end = path.find('/', at)) {
    const Place next(folder, path.substr(at, end - at), false);
    const auto info = next.stat();  // an error in any case: it is no regular file
    folder = next.open(O_PATH | O_DIRECTORY);
    if (folder < 0) return std::unexpected(info ? last_errno() : info.error());
    at = path.find_first_not_of('/', end);
    if (at == std::string::npos) at = path.size();
  }
  return Place(folder, path.substr(at), false);
}

class RealFile final : public DiskFile {
 public:
  explicit RealFile(int fd) : fd_(fd) {}
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile() override { ::close(fd_); }

  DiskResult<FileInfo> info() const override { return file_info(fd_, "", AT_EMPTY_PATH); }

  DiskResult<size_t> read_at(uint64_t offset, char* into, size_t length) const override {
    return read(offset, {}, {into, length});
  }

  DiskResult<std::optional<size_t>> read_behind(uint64_t offset, std::string_view before,
                                                std::span<char> into) const override {
    std::string now(before.size(), '\0');
    const auto got = read(offset - now.size(), now, into);
    if (!got) return std::unexpected(got.error());
    if (*got < now.size() || now != before) return std::nullopt;
    return *got - now.size();
  }

 private:
  // Fills one part after the other.
  DiskResult<size_t> read(uint64_t offset, std::span<char> first, std::span<char> second) const {
    const size_t length = first.size() + second.size();
    size_t done = 0;
    while (done < length) {
      const size_t in_first = std::min(done, first.size());
      const auto left = first.subspan(in_first);
      const auto rest = second.subspan(done - in_first);
      const std::array<iovec, 2> parts = {{{left.data(), left.size()}, {rest.data(), rest.size()}}};
      const ssize_t got =
          ::preadv(fd_, parts.data(), int{parts.size()}, static_cast<off_t>(offset + done));
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

  int fd_;
};

// How many parts one writev() takes; the kernel's own limit is 1,024.
constexpr size_t kPartsAtOnce = 256;

class RealAppendFile final : public AppendFile {
 public:
  explicit RealAppendFile(int fd) : fd_(fd) {}
  RealAppendFile(const RealAppendFile&) = delete;
  RealAppendFile& operator=(const RealAppendFile&) = delete;
  ~RealAppendFile() override { ::close(fd_); }

  std::error_code append(std::span<const std::string_view> parts) override {
    size_t done = 0;  // bytes of parts.front() that are written
    while (!parts.empty()) {
      std::array<iovec, kPartsAtOnce> vectors;
      const size_t count = std::min(parts.size(), vectors.size());
      for (size_t i = 0; i < count; ++i) {
        const std::string_view part = parts[i].substr(i == 0 ? done : 0);
        vectors[i] = {const_cast<char*>(part.data()), part.size()};
      }
      const ssize_t wrote = ::writev(fd_, vectors.data(), static_cast<int>(count));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return last_errno();
      done += static_cast<size_t>(wrote);
      while (!parts.empty() && done >= parts.front().size()) {
        done -= parts.front().size();
        parts = parts.subspan(1);
      }
    }
    return {};
  }

  std::error_code sync() override {
    return ::fdatasync(fd_) == 0 ? std::error_code() : last_errno();
  }

  std::error_code truncate(uint64_t size) override {
    return ::ftruncate(fd_, static_cast<off_t>(size)) == 0 ? std::error_code() : last_errno();
  }

 private:
  int fd_;
};

}  // namespace

DiskResult<std::unique_ptr<DiskFile>> RealDisk::open(const std::string& path,
                                                     LinkRule links) const {
  const auto place = reach(path, links);
  if (!place) return std::unexpected(place.error());
  if (auto named = place->stat(); !named) return std::unexpected(named.error());
  const int fd = place->open(O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::unexpected(last_errno());
  auto file = std::make_unique<RealFile>(fd);
  if (auto opened = file->info(); !opened) return std::unexpected(opened.error());
  return file;
}

DiskResult<FileInfo> RealDisk::stat(const std::string& path, LinkRule links) const {
  const auto place = reach(path, links);
  if (!place) return std::unexpected(place.error());
  return place->stat();
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

DiskResult<std::unique_ptr<AppendFile>> RealDisk::create(const std::string& path) {
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return std::unexpected(last_errno());
  return std::make_unique<RealAppendFile>(fd);
}

std::error_code RealDisk::remove(const std::string& path) {
  return ::unlink(path.c_str()) == 0 ? std::error_code() : last_errno();
}

std::error_code RealDisk::make_folders(const std::string& path) {
  const std::filesystem::path whole(path);
  std::filesystem::path folder;
  std::error_code refused;
  for (const auto& part : whole) {
    folder /= part;
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) refused = last_errno();
  }
  // What could not be made may have been there.
  std::error_code error;
  if (std::filesystem::is_directory(whole, error)) return {};
  return refused ? refused : std::make_error_code(std::errc::not_a_directory);
}

std::error_code RealDisk::sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return last_errno();
  const std::error_code error = ::fsync(fd) == 0 ? std::error_code() : last_errno();
  ::close(fd);
  return error;
}

}  // namespace picket
