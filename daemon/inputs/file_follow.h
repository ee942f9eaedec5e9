// FollowedFile: one open file that is being read, from its descriptor to its batches.
//
// It knows nothing of names in folders: FileSet (file_set.h) decides which files there are, what
// became of a name, and when a file is done. Here live the cutting into lines, the notice that the
// content was replaced under the descriptor, and the checkpoint that goes with every batch.
//
// Invariants
//  1. A checkpoint never lies behind the last '\n' that was pushed.
//  2. New bytes are read together with those right before them, which must be what was read there:
//  a
//     file that was cut and grew past the old offset is noticed, whenever that happened.
//  3. One fetch() is at most one read of batch_bytes, so a busy file cannot starve the others.
// Thread rule: the input thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "daemon/disk.h"
#include "daemon/inputs/file_checkpoint.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/line_cutter.h"

namespace picket {

enum class ReadOutcome : uint8_t {
  Fetched,   // bytes wait for take()
  AtEnd,     // all there is was read
  More,      // call again
  Replaced,  // truncated, or cut and regrown; restart() makes it readable again
  Failed,    // see error(); worth another try later
  Closed,    // the sink takes nothing more
};

// What FileSet keeps with each file.
struct FollowState {
  std::string path = {};    // its name now, or what stands for one: the key of its checkpoint
  std::string origin = {};  // the name under which it was first followed
  bool finishing = false;   // rotated away or deleted: read to its end, then closed
  bool queued = false;      // waits for its turn to be read
  bool waiting = false;     // was passed over, because an older file of its name has unread bytes
  int64_t left_ns = 0;      // FollowedFile::known_ns() when it lost its name
  std::chrono::steady_clock::time_point deadline = {};  // of `finishing`: no late writes after it
};

// Where reading begins.
struct StartPoint {
  uint64_t offset = 0;
  ContentProof proof = {};  // of the file at this offset
  int64_t known_ns = 0;     // whatever the file lost before this time is being read elsewhere
  uint64_t stream = 0;      // StreamInfo::identity to go on with; 0: a new one
};

class FollowedFile {
 public:
  // REQUIRES: `start` is the start of a line.
  FollowedFile(const InputContext& context, std::unique_ptr<DiskFile> file, FileInfo info,
               StartPoint start);

  // The calls that push give false once the sink is closed.
  //
  // Announces the stream and pushes a first checkpoint.
  bool start();
  // Pushes a batch without lines that carries the present checkpoint.
  bool remember();
  // The same, for a file of which nothing was read: whatever it lost before `known_ns` is being
  // read elsewhere.
  bool remember_unread(int64_t known_ns);
  // Pushes a batch without lines that deletes the checkpoint `key`.
  bool forget(const std::string& key);
  // Pushes what is held as the last line and ends the stream. Both carry `last`, so that the line
  // and the mark that it was read are committed together.
  bool end(const Checkpoint& last);
  // As end(), then begins a new stream at the start of the file. `held_is_elsewhere` says that the
  // unfinished line will be read elsewhere; `known_ns` is as in a StartPoint.
  bool restart(bool held_is_elsewhere, int64_t known_ns);

  // Reads once. Nothing is pushed; what was fetched is forgotten by the next fetch().
  ReadOutcome fetch();
  // Pushes what was fetched. REQUIRES: fetch() said Fetched.
  ReadOutcome take();

  // The checkpoint that was pushed last.
  const FileCheckpoint& last_checkpoint() const { return last_; }
  // The same for all that was read, held bytes included: what the content looked like before it was
  // replaced. It is no place to resume from.
  FileCheckpoint read_mark() const;

  const FileIdentity& identity() const { return info_.identity; }
  const DiskFile& file() const { return *file_; }
  int64_t known_ns() const { return proven_ns_; }
  // Links as of the last fetch().
  bool deleted() const { return info_.links == 0; }
  uint64_t lag_bytes() const;
  uint64_t bytes_read() const { return bytes_read_; }
  std::error_code error() const { return error_; }

  FollowState state = {};

 private:
  bool push(LineBatch batch);
  FileCheckpoint mark(uint64_t offset, const Trail& trail) const;
  uint64_t new_identity() const;
  Checkpoint checkpoint();
  LineBatch empty_batch() const;
  ReadOutcome failed(std::error_code error);

  const InputContext& context_;
  std::unique_ptr<DiskFile> file_;
  FileInfo info_;
  LineCutter cutter_;
  struct {
    StreamId id = 0;
    uint64_t identity = 0;
  } stream_;
  int64_t proven_ns_;  // the content was still the same after this FileInfo::modified_ns
  std::string head_;   // the first bytes of the content, as far as they were read
  FileCheckpoint last_ = {};
  struct {
    std::string_view bytes = {};  // in the cutter's space
    bool still_there = false;     // right after them: what was read before them
  } fetched_ = {};
  uint64_t bytes_read_ = 0;
  std::error_code error_ = {};
};

}  // namespace picket
