// SpoolWriter: appends records to the segments of one spool and removes those that are done with.
//
// The whole design of push inputs: what arrives is appended here and synced, then acknowledged; a
// SpoolReader reads it back like a pull input reads a file, and hands it to the pipeline with a
// checkpoint that is a plain offset. So everything behind the sync is the path that files take:
// the offset is committed together with the engine's state, and after a crash the reader goes on
// from the committed offset, which makes every acknowledged line count exactly once. Reading back
// costs a copy out of the page cache.
//
// Invariants
//  1. write() gives Durable only after a sync that followed all bytes without an error. end() moves
//     at that moment and never back; nobody reads past it.
//  2. A segment is never appended to again after a failed write or sync, nor after a restart: a new
//     one begins at end(). What such a segment holds behind that offset does not count.
//  3. All segments together stay below bytes_max. The one being written is kept; others are removed
//     once all they hold was released.
// Thread rule: one thread at a time.
// Tested by tests/daemon/inputs/spool_writer_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "daemon/disk.h"
#include "daemon/inputs/spool_format.h"

namespace picket {

struct SpoolOptions {
  std::string folder = {};
  uint64_t bytes_max = 1 << 30;
  uint64_t segment_bytes = 64 << 20;
};

// How far a spool may be read: to `offset`, which is in or at the end of the segment `segment`.
struct SpoolEnd {
  uint64_t segment = 0;
  uint64_t offset = 0;
};

struct SpoolStats {
  uint64_t bytes = 0;  // on disk now
  uint64_t segments = 0;
  uint64_t records = 0;         // written and synced
  uint64_t syncs = 0;           // attempts
  uint64_t write_errors = 0;    // writes, syncs, creations and removals that failed
  uint64_t damaged_bytes = 0;   // of the torn or damaged tail that was found when opening
  std::string last_error = {};  // empty while all is well
};

enum class SpoolVerdict : uint8_t {
  Durable,
  Full,       // bytes_max would be exceeded; nothing was written
  DiskError,  // see last_error; what was written does not count
  Busy,       // too much waits to be written already (Spool)
};

struct SpoolRecord {
  RecordKind kind = RecordKind::Lines;
  Timestamp arrival{};
  uint64_t line_length = 0;                  // OversizeLine only
  std::vector<std::string_view> parts = {};  // the payload; the last byte is '\n'
};

class SpoolWriter {
 public:
  // Opens or makes the folder. `resume` is the committed checkpoint: everything before it is
  // released, and new records begin at or behind it. Errors: the folder cannot be made or read; a
  // segment was written by another version.
  static Result<std::unique_ptr<SpoolWriter>> open(Disk& disk, SpoolOptions options,
                                                   uint64_t resume);

  // Appends the records and syncs once. All or none of them count.
  // REQUIRES: every record has a payload of less than 4 GiB.
  SpoolVerdict write(std::span<const SpoolRecord> records);
  // After a failure: whether the disk takes a new segment again. If so, last_error is cleared.
  bool probe();
  // Everything before `offset` will not be read again.
  void release(uint64_t offset);

  SpoolEnd end() const { return end_; }
  const SpoolStats& stats() const { return stats_; }

 private:
  struct Segment {
    uint64_t begin = 0;  // names it
    uint64_t end = 0;    // of what counts in it
    uint64_t bytes = 0;  // on disk
  };

  SpoolWriter(Disk& disk, SpoolOptions options) : disk_(disk), options_(std::move(options)) {}

  std::error_code find_segments(Diagnostics& diagnostics);
  std::error_code find_end();
  std::error_code begin_segment();
  std::error_code append(const SpoolRecord& record, uint64_t offset);
  void abandon();
  void failed(std::error_code error);
  void count();
  std::string path(uint64_t offset) const;

  Disk& disk_;
  const SpoolOptions options_;
  std::deque<Segment> segments_;
  std::unique_ptr<AppendFile> file_;  // of the last segment; null: a new one must begin
  uint64_t synced_bytes_ = 0;         // of the last segment
  SpoolEnd end_ = {};
  SpoolStats stats_ = {};
};

}  // namespace picket
