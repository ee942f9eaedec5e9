// LogFile: where bytes come from. Lines are the LineCutter's business.
#include "daemon/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace picket {
namespace {

constexpr size_t kStoredBytes = 256 << 10;
constexpr size_t kMagicBytes = 4;
// The largest window that `zstd` itself makes without --ultra or --long is 128 MiB (2^27).
constexpr int kZstdWindowLogMax = 27;

std::string errno_text() { return std::error_code(errno, std::system_category()).message(); }

bool is_gzip(std::string_view first) { return first.starts_with("\x1f\x8b"); }

// A frame, or a skippable one: parallel compressors begin their files with those.
bool is_zstd(std::string_view first) {
  if (first.size() < kMagicBytes) return false;
  if (first.starts_with("\x28\xb5\x2f\xfd")) return true;
  const bool skippable = (static_cast<unsigned char>(first[0]) & 0xf0U) == 0x50U;
  return skippable && first.substr(1).starts_with("\x2a\x4d\x18");
}

}  // namespace

// The bytes of the file as they are stored. Owns the descriptor, except standard input's.
class LogFile::Stored {
 public:
  Stored(int descriptor, uint64_t size)
      : descriptor_(descriptor),
        size_(size),
        buffer_(std::make_unique_for_overwrite<char[]>(kStoredBytes)) {}
  ~Stored() {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;

  // What was read into the buffer and not taken yet.
  std::span<const char> held() const { return {buffer_.get() + first_, last_ - first_}; }
  void take(size_t count) { first_ += count; }

  // Reads once behind what is held. REQUIRES: there is room, or nothing is held.
  void refill() {
    if (first_ == last_) first_ = last_ = 0;
    last_ += read({buffer_.get() + last_, kStoredBytes - last_});
  }

  // Reads past the buffer. 0: the end, or an error. REQUIRES: nothing is held.
  size_t read(std::span<char> out) {
    for (;;) {
      const ssize_t got = ::read(descriptor_, out.data(), out.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error_ = "cannot be read: " + errno_text();
      if (got <= 0) ended_ = true;
      consumed_ += got > 0 ? static_cast<uint64_t>(got) : 0;
      return got > 0 ? static_cast<size_t>(got) : 0;
    }
  }

  bool ended() const { return ended_; }
  uint64_t size() const { return size_; }
  uint64_t consumed() const { return consumed_; }
  const std::string& error() const { return error_; }

 private:
  const int descriptor_;
  const uint64_t size_;
  std::unique_ptr<char[]> buffer_;
  size_t first_ = 0;
  size_t last_ = 0;
  uint64_t consumed_ = 0;
  bool ended_ = false;
  std::string error_;
};

// One compression format. Both libraries work the same way: give them bytes and room, and they
// move both forward.
class LogFile::Unpacker {
 public:
  virtual ~Unpacker() = default;
  // Moves `in` and `out` forward as far as it can. Returns what is wrong with the bytes, or null.
  virtual const char* step(std::span<const char>& in, std::span<char>& out) = 0;
  // True where a file may end: behind a whole member or frame, all of which was handed out.
  virtual bool at_end() const = 0;
};

class LogFile::Gunzip final : public LogFile::Unpacker {
 public:
  // 16 asks for a gzip header and its checksum, 15 for the largest window that deflate knows.
  Gunzip() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~Gunzip() override { inflateEnd(&stream_); }

  const char* step(std::span<const char>& in, std::span<char>& out) override {
    if (!ready_) return "not enough memory to decompress";
    if (between_) {
      // Tapes and block devices pad files with zeros, and gzip itself ignores them too.
      while (members_ > 0 && !in.empty() && in.front() == '\0') in = in.subspan(1);
      if (in.empty()) return nullptr;
      between_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    in = in.last(stream_.avail_in);
    out = out.last(stream_.avail_out);
    if (status == Z_STREAM_END) {
      between_ = true;
      ++members_;
      inflateReset(&stream_);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return stream_.msg ? stream_.msg : "broken gzip data";
    }
    return nullptr;
  }

  bool at_end() const override { return between_; }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
  bool between_ = true;  // before the first byte of a member
  uint64_t members_ = 0;
};

class LogFile::Unzstd final : public LogFile::Unpacker {
 public:
  Unzstd() : context_(ZSTD_createDCtx()) {
    if (context_) ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLogMax);
  }
  ~Unzstd() override { ZSTD_freeDCtx(context_); }
  Unzstd(const Unzstd&) = delete;
  Unzstd& operator=(const Unzstd&) = delete;

  const char* step(std::span<const char>& in, std::span<char>& out) override {
    if (!context_) return "not enough memory to decompress";
    if (between_ && in.empty()) return nullptr;
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t status = ZSTD_decompressStream(context_, &output, &input);
    in = in.subspan(input.pos);
    out = out.subspan(output.pos);
    if (ZSTD_isError(status)) return ZSTD_getErrorName(status);
    between_ = status == 0;
    return nullptr;
  }

  bool at_end() const override { return between_; }

 private:
  ZSTD_DCtx* context_;
  bool between_ = true;
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
  while (stored->held().size() < kMagicBytes && !stored->ended()) stored->refill();
  if (!stored->error().empty()) return fail({path, 0, 0}, stored->error());
  const std::string_view first(stored->held().data(), stored->held().size());
  std::unique_ptr<Unpacker> unpacker;
  if (is_gzip(first)) unpacker = std::make_unique<Gunzip>();
  if (is_zstd(first)) unpacker = std::make_unique<Unzstd>();
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
  if (out.size() < kStoredBytes / 2) {  // small batches must not mean small reads
    stored_->refill();
    error_ = stored_->error();
    return stored_->held().empty() ? 0 : read(out);
  }
  const size_t got = stored_->read(out);
  error_ = stored_->error();
  return got;
}

size_t LogFile::unpack(std::span<char> out) {
  std::span<char> room = out;
  while (room.size() == out.size()) {
    if (stored_->held().empty() && !stored_->ended()) stored_->refill();
    std::span<const char> in = stored_->held();
    const size_t offered = in.size();
    const char* problem = unpacker_->step(in, room);
    stored_->take(offered - in.size());
    if (problem) {
      error_ = std::string("is corrupt: ") + problem;
      break;
    }
    const bool stuck = in.size() == offered && room.size() == out.size();
    if (!stuck || !stored_->ended()) continue;
    // All was offered and nothing came of it: here the log ends.
    error_ = stored_->error();
    if (error_.empty() && !unpacker_->at_end()) error_ = "is cut off in its compressed data";
    break;
  }
  return out.size() - room.size();
}

}  // namespace picket
