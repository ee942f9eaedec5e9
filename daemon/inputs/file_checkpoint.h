// FileCheckpoint: how far a file was read, and proof that it is still the same file.
//
// Stored in the state file as one short line of text, so that a person can read it:
//   "1 follow|finish DEVICE INODE BIRTH OFFSET HEAD TAIL"
// with decimal numbers and the two hashes in hex. `finish` marks a file that was rotated away and
// is only read to its end. The leading 1 is the version: a reader that meets another one, or
// anything it cannot parse, treats the file as one without a checkpoint.
//
// Identity alone proves little: inode numbers are reused, not every file system records birth
// times, and a file may be cut and grow past the old offset. Hence the hashes of the first bytes
// and of those right before the offset.
//
// Thread rule: plain values and pure functions over a DiskFile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/disk.h"

namespace picket {

struct FileCheckpoint {
  bool finishing = false;
  FileIdentity identity = {};
  uint64_t offset = 0;  // always the start of a line
  uint64_t head = 0;    // hash of the first min(offset, kProofBytes) bytes
  uint64_t tail = 0;    // hash of the min(offset, kProofBytes) bytes before the offset
};

// Enough for a time stamp or a request id to be inside.
constexpr uint64_t kProofBytes = 256;

std::string encode_checkpoint(const FileCheckpoint& checkpoint);
std::optional<FileCheckpoint> decode_checkpoint(std::string_view text);

// Hashes of the content around `offset`. Error: the file could not be read.
DiskResult<uint64_t> head_hash(const DiskFile& file, uint64_t offset);
DiskResult<uint64_t> tail_hash(const DiskFile& file, uint64_t offset);

// Whether inode and birth time agree. The device number is left out: it may change when the machine
// is booted anew, and the hashes make up for it.
bool same_file(const FileCheckpoint& checkpoint, const FileIdentity& identity);

// Whether the content that was read up to the offset is (still) in `file`. An unreadable or shorter
// file does not match.
bool content_matches(const FileCheckpoint& checkpoint, const DiskFile& file);

}  // namespace picket
