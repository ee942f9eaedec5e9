// LineCutter: turns successive reads of a stream into LineBatches of whole lines.
//
// Pure: no file, clock or sink. The bytes are read straight into the buffer that leaves as the
// batch; only the unfinished line at its end is copied.
//
// Use: space() -> read into it -> commit(n) -> next() until it gives nothing -> space() again.
//
// Invariants
//  1. Every byte is in exactly one batch, in order, except a UTF-8 byte order mark at offset 0.
//  2. A Lines batch ends in '\n' (finish() alone makes one that does not). It is at most
//     batch_bytes long unless a single line is longer.
//  3. A line of more than max_line bytes, its '\n' not counted, leaves as one OversizeLine. No more
//     than max_line + batch_bytes are ever held.
//  4. resume_offset() is always the start of a line.
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "daemon/inputs/trail.h"
#include "rules/batch.h"

namespace picket {

struct CutterLimits {
  uint64_t batch_bytes = 1 << 20;
  uint64_t max_line = 16 << 20;
};

class LineCutter {
 public:
  // What is kept of a line over max_line.
  static constexpr size_t kOversizeKept = 64 << 10;

  // `offset` is that of the first byte in the stream and must be the start of a line; `before`
  // holds the bytes right before it.
  explicit LineCutter(CutterLimits limits, uint64_t offset = 0, Trail before = {});

  // Where the next bytes go: at least one, at most `want` and what is left of the batch.
  // REQUIRES: next() gave nothing; want > 0.
  std::span<char> space(size_t want);
  // `count` bytes were written at the front of the last space().
  void commit(size_t count);
  // The next finished batch. Its offset and bytes are set; stream, arrival and checkpoint are the
  // caller's.
  std::optional<LineBatch> next();
  // The stream has ended for good: what is held leaves as its last line. Nothing when nothing is.
  std::optional<LineBatch> finish();

  // Offset behind the last batch that left.
  uint64_t resume_offset() const { return skipping_ ? line_start_ : base_; }
  // Offset at which the next read continues.
  uint64_t read_offset() const { return base_ + buffer_.size(); }
  // The bytes right before these two offsets.
  const Trail& resume_trail() const { return skipping_ ? line_trail_ : passed_; }
  Trail read_trail() const;

  // Bytes of memory that unfinished and not yet taken lines need.
  uint64_t held_bytes() const { return buffer_.size() + kept_.size(); }

  // Forgets what is held and what passed, and starts a new stream.
  void reset(uint64_t offset);

 private:
  LineBatch take_lines(size_t length);
  LineBatch take_oversize();
  std::optional<LineBatch> skip();
  void begin_skip();
  void drop_front(size_t length);
  void drop_mark();

  CutterLimits limits_;
  uint64_t base_;        // stream offset of buffer_[0]
  size_t searched_ = 0;  // the first bytes of buffer_ hold no '\n' up to here
  Trail passed_;         // before base_
  PaddedBytes buffer_;
  bool skipping_ = false;     // inside a line over max_line, whose start is in kept_
  uint64_t line_start_ = 0;   // stream offset of that line
  uint64_t line_length_ = 0;  // of that line so far
  Trail line_trail_;          // before line_start_
  PaddedBytes kept_;
};

}  // namespace picket
