// UnpackedFile: random access as far as a stream allows it.
//
// Tested by tests/daemon/inputs/file_tail_packed_test.cc.
#include "daemon/inputs/unpacked_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/inputs/trail.h"
#include "daemon/unpack.h"

namespace picket {
namespace {

constexpr size_t kSkipBytes = 64 << 10;

enum class PackedError { Corrupt = 1, CutOff };

class PackedErrorCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "compressed file"; }
  std::string message(int value) const override {
    return value == static_cast<int>(PackedError::Corrupt) ? "Compressed data is corrupt"
                                                           : "Compressed data is cut off";
  }
};

std::error_code packed_error(PackedError error) {
  static const PackedErrorCategory category;
  return {static_cast<int>(error), category};
}

class PackedBytes final : public StoredBytes {
 public:
  explicit PackedBytes(const DiskFile& file) : file_(file) {}

 private:
  DiskResult<size_t> fetch(std::span<char> out) override {
    return file_.read_at(consumed(), out.data(), out.size());
  }

  const DiskFile& file_;
};

std::unique_ptr<Unpacker> unpacker_of(const DiskFile& file) {
  std::array<char, Unpacker::kMagicBytes> first;
  const auto got = file.read_at(0, first.data(), first.size());
  return got ? Unpacker::for_log({first.data(), *got}) : nullptr;
}

}  // namespace

// One pass through the content, forward.
class UnpackedFile::Progress {
 public:
  // REQUIRES: `unpacker` is not null.
  Progress(const DiskFile& file, std::unique_ptr<Unpacker> unpacker)
      : stored_(file), unpacker_(std::move(unpacker)) {}

  uint64_t position() const { return position_; }
  uint64_t consumed() const { return stored_.consumed(); }
  bool ended() const { return ended_; }
  std::string_view head() const { return head_; }
  std::string_view trail() const { return trail_.view(); }

  // 0: nothing more at present; error() tells why.
  size_t read(std::span<char> out) {
    if (stored_.ended()) stored_.try_again();
    const size_t got = unpacker_->unpack(stored_, out);
    const std::string_view bytes(out.data(), got);
    if (head_.size() < Trail::kBytes) head_ += bytes.substr(0, Trail::kBytes - head_.size());
    trail_.append(bytes);
    position_ += got;
    ended_ = got == 0;
    return got;
  }

  std::error_code error() const {
    if (!unpacker_->problem().empty()) return packed_error(PackedError::Corrupt);
    if (stored_.error()) return stored_.error();
    return unpacker_->at_end() ? std::error_code() : packed_error(PackedError::CutOff);
  }

 private:
  PackedBytes stored_;
  std::unique_ptr<Unpacker> unpacker_;
  uint64_t position_ = 0;
  bool ended_ = false;
  std::string head_;
  Trail trail_;
};

DiskResult<std::unique_ptr<DiskFile>> UnpackedFile::make(std::unique_ptr<DiskFile> packed) {
  std::unique_ptr<UnpackedFile> file(new UnpackedFile(std::move(packed)));
  if (!file->progress_)
    return std::unexpected(std::make_error_code(std::errc::operation_not_supported));
  return file;
}

UnpackedFile::UnpackedFile(std::unique_ptr<DiskFile> packed) : packed_(std::move(packed)) {
  if (auto unpacker = unpacker_of(*packed_))
    progress_ = std::make_unique<Progress>(*packed_, std::move(unpacker));
}

UnpackedFile::~UnpackedFile() = default;

DiskResult<FileInfo> UnpackedFile::info() const {
  auto info = packed_->info();
  if (!info) return info;
  // Behind an error there is always one more byte: the one that cannot be had.
  const bool whole = progress_->ended() && !progress_->error();
  const bool more = !progress_->ended() || info->size > progress_->consumed();
  const uint64_t known = std::max(progress_->position(), reached_);
  info->size = known + (more ? kUnknownAhead : (whole ? 0 : 1));
  return info;
}

DiskResult<size_t> UnpackedFile::read_at(uint64_t offset, char* into, size_t length) const {
  const std::string_view head = progress_->head();
  if (offset + length <= head.size()) {
    std::memcpy(into, head.data() + offset, length);
    return length;
  }
  const std::string_view trail = progress_->trail();
  if (offset + length == progress_->position() && length <= trail.size()) {
    std::memcpy(into, trail.data() + trail.size() - length, length);
    return length;
  }
  if (offset < progress_->position()) {
    auto unpacker = unpacker_of(*packed_);
    if (!unpacker) return std::unexpected(packed_error(PackedError::Corrupt));
    reached_ = std::max(progress_->position(), reached_);
    progress_ = std::make_unique<Progress>(*packed_, std::move(unpacker));
  }
  std::vector<char> skipped(std::min<uint64_t>(offset - progress_->position(), kSkipBytes));
  while (progress_->position() < offset) {
    const size_t want = std::min<uint64_t>(offset - progress_->position(), skipped.size());
    if (progress_->read({skipped.data(), want}) == 0) break;
  }
  size_t done = 0;
  while (progress_->position() == offset + done && done < length) {
    const size_t got = progress_->read({into + done, length - done});
    if (got == 0) break;
    done += got;
  }
  if (done == 0 && length > 0 && progress_->error()) return std::unexpected(progress_->error());
  return done;
}

DiskResult<std::optional<size_t>> UnpackedFile::read_behind(uint64_t offset, std::string_view,
                                                            std::span<char> into) const {
  if (into.empty()) return size_t{0};
  return read_at(offset, into.data(), into.size());
}

}  // namespace picket
