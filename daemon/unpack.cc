// Unpacker: the two formats, and the loop that both share.
//
// Tested by tests/daemon/log_file_test.cc and tests/daemon/inputs/ingest_body_test.cc.
#include "daemon/unpack.h"

#include <zlib.h>
#include <zstd.h>

namespace picket {
namespace {

// The largest window that `zstd` itself makes without --ultra or --long is 128 MiB (2^27).
constexpr int kZstdWindowLogMax = 27;

bool is_gzip(std::string_view first) { return first.starts_with("\x1f\x8b"); }

// A frame, or a skippable one: parallel compressors begin their files with those.
bool is_zstd(std::string_view first) {
  if (first.size() < Unpacker::kMagicBytes) return false;
  if (first.starts_with("\x28\xb5\x2f\xfd")) return true;
  const bool skippable = (static_cast<unsigned char>(first[0]) & 0xf0U) == 0x50U;
  return skippable && first.substr(1).starts_with("\x2a\x4d\x18");
}

class Gunzip final : public Unpacker {
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

class Unzstd final : public Unpacker {
 public:
  explicit Unzstd(int window_log_max) : context_(ZSTD_createDCtx()) {
    if (context_) ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, window_log_max);
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

}  // namespace

StoredBytes::StoredBytes() : buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {}

void StoredBytes::refill() {
  if (first_ == last_) first_ = last_ = 0;
  last_ += read({buffer_.get() + last_, kBufferBytes - last_});
}

size_t StoredBytes::read(std::span<char> out) {
  const DiskResult<size_t> got = fetch(out);
  error_ = got ? std::error_code() : got.error();
  const size_t count = got.value_or(0);
  ended_ = count == 0;
  consumed_ += count;
  return count;
}

std::unique_ptr<Unpacker> Unpacker::for_log(std::string_view first) {
  if (is_gzip(first)) return for_gzip();
  if (is_zstd(first)) return for_zstd(kZstdWindowLogMax);
  return nullptr;
}

std::unique_ptr<Unpacker> Unpacker::for_gzip() { return std::make_unique<Gunzip>(); }

std::unique_ptr<Unpacker> Unpacker::for_zstd(int window_log_max) {
  return std::make_unique<Unzstd>(window_log_max);
}

size_t Unpacker::unpack(StoredBytes& stored, std::span<char> out) {
  std::span<char> room = out;
  while (room.size() == out.size() && problem_.empty()) {
    if (stored.held().empty() && !stored.ended()) stored.refill();
    std::span<const char> in = stored.held();
    const size_t offered = in.size();
    if (const char* problem = step(in, room)) problem_ = problem;
    stored.take(offered - in.size());
    const bool stuck = in.size() == offered && room.size() == out.size();
    if (stuck && stored.ended()) break;  // all was offered and nothing came of it
  }
  return out.size() - room.size();
}

}  // namespace picket
