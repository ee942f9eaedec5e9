// UnpackedFile: a compressed file as the plain one that it was, for the `file` input.
//
// Offsets and sizes are those of the decompressed content, so checkpoints stay true when log
// rotation compresses a file. Reading goes forward; reading from an earlier place decompresses from
// the start again, except for the first Trail::kBytes and the last ones before the present place.
// To skip to an offset therefore takes as long as it took to read up to there.
//
// The size is not known before the end was met: until then info() tells of kUnknownAhead more
// bytes behind the furthest place that was read. Bounds: those of Unpacker. Thread rule: one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/disk.h"

namespace picket {

class UnpackedFile final : public DiskFile {
 public:
  static constexpr uint64_t kUnknownAhead = 1 << 20;

  // Error: `packed` cannot be read, or is neither gzip nor zstd (operation_not_supported).
  static DiskResult<std::unique_ptr<DiskFile>> make(std::unique_ptr<DiskFile> packed);
  ~UnpackedFile() override;

  DiskResult<FileInfo> info() const override;
  // As for any file; but also an error behind the last byte that can be had of a file that is
  // corrupt or cut off, until it has grown.
  DiskResult<size_t> read_at(uint64_t offset, char* into, size_t length) const override;
  // Decompression notices itself when the content is not the same any more.
  DiskResult<std::optional<size_t>> read_behind(uint64_t offset, std::string_view before,
                                                std::span<char> into) const override;

 private:
  class Progress;
  explicit UnpackedFile(std::unique_ptr<DiskFile> packed);

  std::unique_ptr<DiskFile> packed_;
  mutable std::unique_ptr<Progress> progress_;
  mutable uint64_t reached_ = 0;  // by any pass: there are at least so many bytes
};

}  // namespace picket
