// LineCutter: turns successive reads of a stream into LineBatches of whole lines.
//
// Pure: no file, clock or sink. The bytes are read straight into the buffer that leaves as the
// batch; only the unfinished line at its end is copied. What is UTF-16 leaves as UTF-8; all offsets
// are those of the stream.
//
// Use: space() -> read into it -> commit(n) -> next() until it gives nothing -> space() again.
//
// Invariants
//  1. Every byte is in exactly one batch, in order, except a byte order mark at offset 0.
//  2. A Lines batch ends in '\n' (finish() alone makes one that does not). It takes at most
//     batch_bytes of the stream unless a single line is longer.
//  3. A line of more than max_line bytes of UTF-8, its '\n' not counted, leaves as an
//     OversizeLine. No more than max_line + batch_bytes are ever held, or
//     2 * max_line + batch_bytes of UTF-16.
//  4. resume_offset() is always the start of a line.
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "daemon/inputs/text_encoding.h"
#include "daemon/inputs/trail.h"
#include "rules/batch.h"

namespace picket {

struct CutterLimits {
  uint64_t batch_bytes = 1 << 20;
  uint64_t max_line = 16 << 20;
  // Whether a byte order mark at offset 0 may say that the stream is UTF-16.
  bool utf16 = false;
};

class LineCutter {
 public:
  using MaybeBatch = std::optional<LineBatch>;

  // What is kept of a line over max_line.
  static constexpr size_t kOversizeKept = 64 << 10;

  // `offset` is that of the first byte in the stream and must be the start of a line; `before`
  // holds the bytes right before it. At offset 0 the stream itself tells its encoding.
  explicit LineCutter(CutterLimits limits, uint64_t offset = 0, Trail before = {},
                      TextEncoding encoding = TextEncoding::Utf8);

  // Where the next bytes go: at least one, at most `want` and what is left of the batch.
  // REQUIRES: next() gave nothing; want > 0.
  std::span<char> space(size_t want);
  // `count` bytes were written at the front of the last space().
  void commit(size_t count);
  // The next finished batch. Its offset and bytes are set; stream, arrival and checkpoint are the
  // caller's.
  MaybeBatch next();
  // The stream has ended for good: what is held leaves as its last line. Nothing when nothing is.
  MaybeBatch finish();

  // Offset behind the last batch that left.
  uint64_t resume_offset() const { return skipping_ ? line_start_ : base_; }
  // Offset at which the next read continues.
  uint64_t read_offset() const { return base_ + buffer_.size(); }
  // The bytes of the stream right before these two offsets.
  const Trail& resume_trail() const { return skipping_ ? line_trail_ : passed_; }
  Trail read_trail() const;

  // Bytes of memory that unfinished and not yet taken lines need.
  uint64_t held_bytes() const { return buffer_.size() + kept_.size(); }

  // Forgets what is held and what passed, and starts a new stream.
  void reset(uint64_t offset);

 private:
  size_t whole_lines();
  size_t whole_lines_utf16();
  LineBatch take_lines(size_t length);
  LineBatch take_oversize();
  MaybeBatch skip();
  void begin_skip();
  void pass_over(size_t length);
  void drop_front(size_t length);
  void drop_mark();

  CutterLimits limits_;
  uint64_t base_;  // stream offset of buffer_[0]
  TextEncoding encoding_;
  size_t searched_ = 0;         // the first bytes of buffer_ hold no newline up to here
  size_t searched_length_ = 0;  // as UTF-8; kept for UTF-16 only
  Trail passed_;                // before base_
  PaddedBytes buffer_;
  bool skipping_ = false;     // inside a line over max_line, whose start is in kept_
  uint64_t line_start_ = 0;   // stream offset of that line
  uint64_t line_length_ = 0;  // of that line so far, as UTF-8
  Trail line_trail_;          // before line_start_
  PaddedBytes kept_;
};

}  // namespace picket
