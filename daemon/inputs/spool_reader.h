// SpoolReader: reads the records that a SpoolWriter made durable, from any offset on.
//
// The two share nothing but the folder and the SpoolEnd that the writer's side hands over, so they
// may live on different threads.
//
// Invariants
//  1. Bytes come in order, each once, and only from records whose check was good; a record is
//     checked as a whole before its first byte is handed out.
//  2. One read() never crosses the end of a record, and what it returns belongs to head().
//  3. What cannot be had (damage, a segment that is gone) is passed over and counted as lost;
//     offset() then jumps.
// Thread rule: one thread.
// Errors: a file that cannot be read leaves everything as it was; worth another try later.
// Tested by tests/daemon/inputs/spool_reader_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "daemon/disk.h"
#include "daemon/inputs/spool_format.h"
#include "daemon/inputs/spool_writer.h"

namespace picket {

class SpoolReader {
 public:
  // `offset` is where to begin: a checkpoint, or 0 for the oldest there is.
  SpoolReader(const Disk& disk, std::string folder, uint64_t offset);

  // Fills the front of `into` with the bytes at offset(), not beyond `end`. 0: nothing more is
  // there yet. REQUIRES: `into` is not empty; `end` never moves back.
  DiskResult<size_t> read(const SpoolEnd& end, std::span<char> into);

  // Offset of the next byte.
  uint64_t offset() const { return offset_; }
  // The record that the last read() gave bytes of.
  const RecordHead& head() const { return head_; }
  uint64_t lost_bytes() const { return lost_bytes_; }

 private:
  enum class Step : uint8_t { Ready, AtEnd, Again };

  DiskResult<Step> enter_record(const SpoolEnd& end);
  DiskResult<Step> enter_segment(const SpoolEnd& end);
  void lose_until(uint64_t offset);

  const Disk& disk_;
  const std::string folder_;
  uint64_t offset_;
  RecordHead head_ = {};
  uint64_t record_begin_ = 0;  // offset of the record that is being read
  uint64_t record_at_ = 0;     // byte of its head in the file
  bool in_record_ = false;
  bool started_;  // there is something to lose
  struct {
    std::unique_ptr<DiskFile> file = nullptr;  // null: none was entered
    uint64_t begin = 0;
    uint64_t next_at = 0;                // byte of the next head
    uint64_t next_begin = 0;             // offset of the next record
    std::optional<uint64_t> limit = {};  // offset that names the next segment
  } segment_;
  uint64_t lost_bytes_ = 0;
};

}  // namespace picket
