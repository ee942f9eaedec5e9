// A library to preload (LD_PRELOAD) that ends a program with SIGKILL in the midst of a write.
//   PICKET_TORN_WRITE=SUFFIX:COUNT:PERMILLE   in the COUNT-th write of at least two bytes to a file
//                                             whose path ends with SUFFIX, once that share of it,
//                                             but at least a byte and never all, is written
//   PICKET_TORN_NOTE=FILE                     gets a line then: what was cut, and where
// It stands in front of every write to files that picket and SQLite make. What the kernel has not
// taken is not there, and what it has taken stays: as when a process is killed, not as when power
// fails. Used by tests/e2e/crash_test.sh.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace {

struct Aim {
  std::string suffix = {};
  uint64_t count = 0;  // 0: never
  uint64_t permille = 0;
};

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Aim parse_aim() {
  const char* const wish = std::getenv("PICKET_TORN_WRITE");
  const std::string_view text = wish == nullptr ? "" : wish;
  const size_t first = text.find(':');
  const size_t second = text.find(':', first + 1);
  if (first == text.npos || second == text.npos) return {};
  return {std::string(text.substr(0, first)), number(text.substr(first + 1, second - first - 1)),
          number(text.substr(second + 1))};
}

std::string path_of(int fd) {
  char link[32];
  std::array<char, 4096> path;
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path.data(), path.size());
  return length < 0 ? std::string() : std::string(path.data(), static_cast<size_t>(length));
}

// Where a write goes; negative: to the end, or wherever the descriptor stands.
using Place = off_t;

ssize_t write_part(int fd, std::string_view bytes, Place at) {
  if (at < 0) return syscall(SYS_write, fd, bytes.data(), bytes.size());
  return syscall(SYS_pwrite64, fd, bytes.data(), bytes.size(), at);
}

void note(const std::string& path, size_t cut, size_t length) {
  const char* const name = std::getenv("PICKET_TORN_NOTE");
  const int fd = name == nullptr ? -1 : open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string line = path.substr(path.rfind('/') + 1) + " " + std::to_string(cut) + " of " +
                           std::to_string(length) + "\n";
  write_part(fd, line, -1);
  close(fd);
}

// Ends the process if this is the write that was asked for.
void tear(int fd, std::span<const iovec> parts, Place at) {
  static const Aim kAim = parse_aim();
  static std::atomic<uint64_t> passed{0};
  size_t length = 0;
  for (const iovec& part : parts) length += part.iov_len;
  if (kAim.count == 0 || length < 2) return;
  const std::string path = path_of(fd);
  if (!path.ends_with(kAim.suffix) || ++passed != kAim.count) return;
  const size_t cut = std::clamp<size_t>(length * kAim.permille / 1000, 1, length - 1);
  size_t left = cut;
  for (const iovec& part : parts) {
    const size_t size = std::min(part.iov_len, left);
    write_part(fd, {static_cast<const char*>(part.iov_base), size}, at);
    if (at >= 0) at += static_cast<Place>(size);
    left -= size;
  }
  note(path, cut, length);
  kill(getpid(), SIGKILL);
  // The signal comes at once, but perhaps to another thread.
  for (;;) pause();
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  const iovec part{const_cast<void*>(bytes), size};
  tear(fd, {&part, 1}, -1);
  return syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  const iovec part{const_cast<void*>(bytes), size};
  tear(fd, {&part, 1}, at);
  return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  return pwrite64(fd, bytes, size, at);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  tear(fd, {parts, static_cast<size_t>(count)}, -1);
  return syscall(SYS_writev, fd, parts, count);
}

}  // extern "C"
