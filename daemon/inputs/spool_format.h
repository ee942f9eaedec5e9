// The spool's files: what stands in them, for the writer (spool_writer.h) and the reader
// (spool_reader.h).
//
// A push input has lines that nobody can send again once they were acknowledged, so they are on
// disk first. Expected volume: from a few lines a minute to some hundred MB/s in records of up to
// several MiB; every byte is written once, read once or twice while it is in the page cache, and
// removed. The format is therefore append-only and nothing in it is ever changed:
//
//   segment := header record*              one file, at most about segment_bytes long
//   header  := "picketsp" version:u32 0:u32
//   record  := size:u32 kind:u32 arrival_ms:i64 line_length:u64 payload_check:u64 head_check:u64
//              payload                     `size` bytes: whole lines, each with its '\n'
//
// All numbers are little endian. Offsets are logical: they count the payload bytes of all records
// since the spool began, so an offset is a place in the stream of lines, whatever the files are. A
// segment is named by the offset of its first payload byte, in 20 decimal digits and ".spool". Both
// checks are XXH3 with the record's offset as the seed, so that a record is only taken for one in
// its own place.
//
// What a reader does with
//   - a torn tail: a record whose head or payload fails its check, with no good record behind it in
//     the segment, was never acknowledged, and is passed over;
//   - damage elsewhere: it goes on behind the record (good head) or with the next segment;
//   - records at or over the offset that names the next segment: they were refused after a failed
//     write, and are no part of the stream;
//   - another version: the spool is refused before anything is read or written.
//
// Thread rule: pure functions.
// Tested by tests/daemon/inputs/spool_format_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/disk.h"
#include "rules/types.h"

namespace picket {

enum class RecordKind : uint32_t {
  Lines = 1,
  // The payload is the first part of one line that was longer than the input's max_line, and a
  // '\n'; `line_length` is its full length.
  OversizeLine = 2,
};

struct RecordHead {
  uint32_t size = 0;  // of the payload; never 0
  RecordKind kind = RecordKind::Lines;
  Timestamp arrival{};
  uint64_t line_length = 0;
  uint64_t payload_check = 0;
};

constexpr size_t kSegmentHeaderBytes = 16;
constexpr size_t kRecordHeadBytes = 40;

std::string segment_header();
enum class HeaderState : uint8_t { Good, Damaged, OtherVersion };
HeaderState check_segment_header(std::string_view bytes);

std::string encode_record_head(const RecordHead& head, uint64_t offset);
// Nothing when the bytes are no head of a record at this offset.
std::optional<RecordHead> decode_record_head(std::string_view bytes, uint64_t offset);

// The check of a payload that comes in parts.
class PayloadCheck {
 public:
  explicit PayloadCheck(uint64_t offset);
  ~PayloadCheck();
  PayloadCheck(const PayloadCheck&) = delete;
  PayloadCheck& operator=(const PayloadCheck&) = delete;
  void add(std::string_view part);
  uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads the head at byte `at` of a segment. Nothing: no good head there. Error: the file could not
// be read.
DiskResult<std::optional<RecordHead>> read_record_head(const DiskFile& file, uint64_t at,
                                                       uint64_t offset);
// Whether the payload behind the head at byte `at` passes its check. Error: as above.
DiskResult<bool> payload_is_good(const DiskFile& file, uint64_t at, const RecordHead& head,
                                 uint64_t offset);

// "00000000000000000042.spool" and back; nothing for any other name.
std::string segment_name(uint64_t offset);
std::optional<uint64_t> segment_offset(std::string_view name);
// The offsets that name the segments of a folder, in rising order; other files are passed over.
DiskResult<std::vector<uint64_t>> list_segments(const Disk& disk, const std::string& folder);

}  // namespace picket
