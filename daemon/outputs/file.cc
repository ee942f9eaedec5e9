// Output of type `file`: one JSON line per alert that opened, escalated or resolved.
//
// Lines are appended whole and synced. What is delivered again after a restart is looked for at the
// end of the file first, so that every line stands there once; only a rotation in between hides
// one. When the disk is full, what could not be written is kept (up to 1 MiB)
// and tried again at each tick; a line that was cut short is completed, or written again in full if
// the file was rotated away meanwhile. Rotation is noticed by inode at each tick, so a rotating
// tool needs no signal. Tested by tests/daemon/outputs/file_test.cc.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include "daemon/failpoint.h"
#include "daemon/outputs/output.h"

namespace picket {
namespace {

constexpr size_t kPendingBytesMax = 1 << 20;
constexpr mode_t kFileMode = 0640;
// How much of a file is looked at for what may stand there already, beside what others wrote since.
constexpr size_t kLookBehind = 4 << 20;

struct Options {
  std::string path = {};  // "-": standard output
};

Result<Options> parse(const Node& node) {
  Diagnostics diagnostics;
  MapReader map(node, "output", diagnostics);
  map.string("type", "");
  map.string("name", "");
  Options options;
  options.path = map.required_string("path");
  map.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

std::error_code last_errno() { return {errno, std::system_category()}; }

// A descriptor that closes itself. Standard output is borrowed, not closed.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// Opens for appending and creates with kFileMode whatever the umask is. O_NONBLOCK keeps a FIFO
// without a reader from blocking start-up; only regular files and character devices are accepted.
std::error_code open_append(const std::string& path, Descriptor& out) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = open(path.c_str(), kFlags | O_CREAT | O_EXCL, kFileMode);
  if (fd >= 0) {
    fchmod(fd, kFileMode);
  } else if (errno == EEXIST) {
    fd = open(path.c_str(), kFlags);
  }
  if (fd < 0) return last_errno();
  Descriptor descriptor(fd);
  struct stat info {};
  if (fstat(fd, &info) != 0) return last_errno();
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) {
    return std::make_error_code(std::errc::invalid_argument);
  }
  out = std::move(descriptor);
  return {};
}

class FileOutput final : public Output {
 public:
  FileOutput(Options options, Descriptor file)
      : options_(std::move(options)), file_(std::move(file)) {}

  std::error_code deliver(const std::vector<AlertEvent>& events, Timestamp) override {
    bool overflow = false;
    for (const AlertEvent& event : events) {
      if (event.change == AlertChange::Updated) continue;
      std::string line = to_json(event.alert);
      line += '\n';
      // The bound is for what an earlier failure left behind, not for a single large alert.
      overflow =
          !pending_.empty() && pending_.size() + line.size() > kPendingBytesMax && write_pending();
      if (!overflow) pending_ += line;
    }
    failpoint(Failpoint::AlertFileWrite);
    std::error_code error = write_pending();
    failpoint(Failpoint::AlertFileWritten);
    if (overflow && !error) error = std::make_error_code(std::errc::no_buffer_space);
    if (!error) fdatasync(file_.get());  // fails where there is nothing to sync, such as a terminal
    failpoint(Failpoint::AlertFileSynced);
    return error;
  }

  std::error_code redeliver(const std::vector<AlertEvent>& events, Timestamp now) override {
    std::vector<AlertEvent> missing;
    std::string lines;
    for (const AlertEvent& event : events) lines += to_json(event.alert) + '\n';
    const std::string end = end_of_file(lines.size() + kLookBehind);
    std::set<std::string_view> written;
    std::string_view rest = end;
    for (size_t at = rest.find('\n'); at != rest.npos; at = rest.find('\n')) {
      written.insert(rest.substr(0, at));
      rest.remove_prefix(at + 1);
    }
    const AlertEvent* const torn = torn_event(events, written, rest);
    for (const AlertEvent& event : events) {
      if (event.change == AlertChange::Updated) continue;
      if (&event == torn) {
        // It is completed, or taken back if another comes first.
        if (missing.empty()) {
          written_ = rest.size();
        } else {
          take_back(rest.size());
        }
      } else if (written.contains(to_json(event.alert))) {
        continue;
      }
      missing.push_back(event);
    }
    return deliver(missing, now);
  }

  bool settled() const override { return pending_.empty(); }

  std::error_code tick(Timestamp) override {
    if (const std::error_code error = follow_rotation()) return report(error);
    return write_pending();
  }

  void finish(Timestamp) override {
    write_pending();
    if (file_.get() >= 0) fdatasync(file_.get());
  }

  std::string last_error() const override { return last_error_; }

 private:
  // At most the last `bytes`, from the beginning of a line on; nothing when it cannot be read.
  std::string end_of_file(size_t bytes) const {
    const Descriptor in(open(options_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat info {};
    if (in.get() < 0 || fstat(in.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
    const auto size = static_cast<size_t>(info.st_size);
    const size_t first = size - std::min(size, bytes);
    std::string text(size - first, '\0');
    size_t got = 0;
    while (got < text.size()) {
      const ssize_t n =
          pread(in.get(), text.data() + got, text.size() - got, static_cast<off_t>(first + got));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      got += static_cast<size_t>(n);
    }
    text.resize(got);
    if (first > 0) text.erase(0, text.find('\n') + 1);
    return text;
  }

  // The event whose line was cut short when the process ended: one whose line is not there yet, or
  // else one whose line is, since an alert that fires again can look the same. Null: none of them.
  static const AlertEvent* torn_event(const std::vector<AlertEvent>& events,
                                      const std::set<std::string_view>& written,
                                      std::string_view rest) {
    const AlertEvent* repeated = nullptr;
    for (const AlertEvent& event : events) {
      const std::string line = to_json(event.alert);
      if (rest.empty() || event.change == AlertChange::Updated || !line.starts_with(rest)) continue;
      if (!written.contains(line)) return &event;
      if (repeated == nullptr) repeated = &event;
    }
    return repeated;
  }

  // Cuts off the end of the file. If that fails the next line is spoilt, which is less than lost.
  void take_back(size_t bytes) {
    struct stat info {};
    if (fstat(file_.get(), &info) != 0 ||
        ftruncate(file_.get(), info.st_size - static_cast<off_t>(bytes)) != 0) {
      report(last_errno());
    }
  }

  std::error_code report(std::error_code error) {
    last_error_ = error ? fmt::format("{}: {}", options_.path, error.message()) : std::string();
    return error;
  }

  std::error_code follow_rotation() {
    if (options_.path == "-") return {};
    struct stat now {};
    struct stat ours {};
    const bool there = stat(options_.path.c_str(), &now) == 0;
    if (there && fstat(file_.get(), &ours) == 0 && now.st_ino == ours.st_ino &&
        now.st_dev == ours.st_dev) {
      return {};
    }
    if (const std::error_code error = open_append(options_.path, file_)) return error;
    written_ = 0;
    return {};
  }

  // Forgets the lines that are complete in the file.
  void drop_written() {
    const size_t end = written_ == 0 ? std::string::npos : pending_.rfind('\n', written_ - 1);
    if (end == std::string::npos) return;
    pending_.erase(0, end + 1);
    written_ -= end + 1;
  }

  std::error_code write_pending() {
    while (written_ < pending_.size()) {
      const ssize_t n = write(file_.get(), pending_.data() + written_, pending_.size() - written_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const std::error_code error = last_errno();
        drop_written();
        return report(error);
      }
      written_ += static_cast<size_t>(n);
    }
    pending_.clear();
    written_ = 0;
    return report({});
  }

  const Options options_;
  Descriptor file_;
  std::string pending_;  // whole lines, the first `written_` bytes of which are in the file
  size_t written_ = 0;
  std::string last_error_;
};

}  // namespace

Result<std::unique_ptr<Output>> make_file_output(const Node& node, OutputContext) {
  PICKET_TRY(Options options, parse(node));
  Descriptor file(STDOUT_FILENO);
  if (options.path != "-") {
    file = Descriptor();
    if (const std::error_code error = open_append(options.path, file)) {
      const Node* const path = node.find("path");
      return fail(path ? path->where() : node.where(),
                  fmt::format("cannot append to '{}': {}", options.path, error.message()),
                  "a regular file in a folder that the service may write to, or '-'");
    }
  }
  return std::make_unique<FileOutput>(std::move(options), std::move(file));
}

}  // namespace picket
