// LogFile: where bytes come from. Lines are the LineCutter's business.
#include "daemon/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "daemon/unpack.h"

namespace picket {
namespace {

std::string errno_text() { return std::error_code(errno, std::system_category()).message(); }

std::string read_error_text(std::error_code error) { return "cannot be read: " + error.message(); }

}  // namespace

// The bytes of the file. Owns the descriptor, except standard input's.
class LogFile::Stored final : public StoredBytes {
 public:
  Stored(int descriptor, uint64_t size) : descriptor_(descriptor), size_(size) {}
  ~Stored() override {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  uint64_t size() const { return size_; }

 private:
  DiskResult<size_t> fetch(std::span<char> out) override {
    for (;;) {
      const ssize_t got = ::read(descriptor_, out.data(), out.size());
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return std::unexpected(std::error_code(errno, std::system_category()));
    }
  }

  const int descriptor_;
  const uint64_t size_;
};

LogFile::LogFile(std::unique_ptr<Stored> stored, std::unique_ptr<Unpacker> unpacker,
                 CutterLimits limits)
    : stored_(std::move(stored)),
      unpacker_(std::move(unpacker)),
      cutter_(limits),
      read_bytes_(std::max<uint64_t>(limits.batch_bytes, 1)) {}
LogFile::~LogFile() = default;

Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& path, CutterLimits limits) {
  const bool standard_input = path == "-";
  const int descriptor =
      standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) {
    return errno == ENOENT ? fail({path, 0, 0}, "no such file")
                           : fail({path, 0, 0}, "cannot be opened: " + errno_text());
  }
  struct stat info {};
  const bool known = ::fstat(descriptor, &info) == 0;
  const bool regular = known && S_ISREG(info.st_mode);
  auto stored =
      std::make_unique<Stored>(descriptor, regular ? static_cast<uint64_t>(info.st_size) : 0);
  if (known && S_ISDIR(info.st_mode)) return fail({path, 0, 0}, "is a directory, not a log file");
  // A pipe may give its first bytes one by one.
  while (stored->held().size() < Unpacker::kMagicBytes && !stored->ended()) stored->refill();
  if (stored->error()) return fail({path, 0, 0}, read_error_text(stored->error()));
  const std::string_view first(stored->held().data(), stored->held().size());
  std::unique_ptr<Unpacker> unpacker = Unpacker::for_log(first);
  limits.utf16 = true;
  return std::unique_ptr<LogFile>(new LogFile(std::move(stored), std::move(unpacker), limits));
}

uint64_t LogFile::size() const { return stored_->size(); }
uint64_t LogFile::consumed() const { return stored_->consumed(); }

std::optional<LineBatch> LogFile::next() {
  for (;;) {
    if (std::optional<LineBatch> batch = cutter_.next()) return batch;
    if (ended_) return cutter_.finish();
    const size_t got = read(cutter_.space(read_bytes_));
    if (got == 0) {
      ended_ = true;
    } else {
      cutter_.commit(got);
    }
  }
}

size_t LogFile::read(std::span<char> out) {
  if (unpacker_) return unpack(out);
  const std::span<const char> held = stored_->held();
  if (!held.empty()) {
    const size_t count = std::min(held.size(), out.size());
    std::memcpy(out.data(), held.data(), count);
    stored_->take(count);
    return count;
  }
  if (stored_->ended()) return 0;
  if (out.size() < StoredBytes::kBufferBytes / 2) {  // small batches must not mean small reads
    stored_->refill();
    note_read_error();
    return stored_->held().empty() ? 0 : read(out);
  }
  const size_t got = stored_->read(out);
  note_read_error();
  return got;
}

size_t LogFile::unpack(std::span<char> out) {
  const size_t got = unpacker_->unpack(*stored_, out);
  if (!unpacker_->problem().empty()) {
    error_ = "is corrupt: " + unpacker_->problem();
  } else if (got == 0) {
    note_read_error();
    if (error_.empty() && !unpacker_->at_end()) error_ = "is cut off in its compressed data";
  }
  return got;
}

void LogFile::note_read_error() {
  if (stored_->error()) error_ = read_error_text(stored_->error());
}

}  // namespace picket
