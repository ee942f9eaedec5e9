// FileCheckpoint: how far a file was read, and proof that it is still the same file.
//
// Stored in the state file as one short line of text, so that a person can read it:
//   "3 follow|finish DEVICE INODE BIRTH OFFSET HEAD TAIL MODIFIED STREAM"
// with decimal numbers and the hashes in hex. `finish` marks a file that was rotated away and is
// only read to its end. The leading 3 is the version; 1 lacks MODIFIED, 1 and 2 lack STREAM, and
// both are still read. A reader that meets another one, or anything it cannot parse, says so and
// begins with the file at its start, whatever `start` says: what came since may not have been
// counted.
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
#include "daemon/inputs/trail.h"

namespace picket {

struct FileCheckpoint {
  bool finishing = false;
  FileIdentity identity = {};
  uint64_t offset = 0;  // always the start of a line
  uint64_t head = 0;    // hash of the first min(offset, Trail::kBytes) bytes
  uint64_t tail = 0;    // hash of the min(offset, Trail::kBytes) bytes before the offset
  // FileInfo::modified_ns before the last read; 0: not known.
  int64_t modified_ns = 0;
  // StreamInfo::identity of what was read, wherever the rest of it is found; 0: not known.
  uint64_t stream = 0;
};

// The bytes that the two hashes are about.
struct ContentProof {
  std::string head = {};
  Trail trail = {};
  bool operator==(const ContentProof&) const = default;
};

std::string encode_checkpoint(const FileCheckpoint& checkpoint);
std::optional<FileCheckpoint> decode_checkpoint(std::string_view text);

// The key of a file without a name: one that rotation, which does not count from 0, cannot have
// made of `origin`.
std::string nameless_key(std::string_view origin, const FileIdentity& identity);
bool is_nameless(std::string_view key);

uint64_t content_hash(std::string_view bytes);

// What proves the content of `file` up to `offset`; shorter parts when the file is shorter. Error:
// it could not be read.
DiskResult<ContentProof> read_proof(const DiskFile& file, uint64_t offset);

// Whether inode and birth time agree. The device number is left out: it may change when the machine
// is booted anew, and the hashes make up for it.
bool same_file(const FileCheckpoint& checkpoint, const FileIdentity& identity);

// The proof of `file` at the checkpoint's offset, when its content up to there is that which was
// read. Error: it cannot be read now.
DiskResult<std::optional<ContentProof>> prove(const FileCheckpoint& checkpoint,
                                              const DiskFile& file);
// An unreadable file does not match.
bool content_matches(const FileCheckpoint& checkpoint, const DiskFile& file);

}  // namespace picket
