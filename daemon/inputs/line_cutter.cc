// LineCutter: how lines are found.
//
// Method: a window of max_line + 1 bytes is searched backwards for its last '\n'. All lines before
// it are whole and short enough, so the work is the length of the last, unfinished line instead of
// one search per line; only a window without any '\n' means a line over the limit. Example with
// max_line 4: in "ab\ncd\nefghijk" the first window "ab\nc" ends at "ab\n", the next one at "cd\n",
// and "efghi" has none: two lines leave, then an oversize line begins.
//
// How long UTF-16 is as UTF-8 is not known before it was looked at, so its lines are searched for
// one by one, from the first.
//
// Bytes of an unfinished line are searched once (searched_), so a line that arrives in many small
// pieces stays linear.
//
// Tested by tests/daemon/inputs/line_cutter_test.cc.
#include "daemon/inputs/line_cutter.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "rules/json_writer.h"

namespace picket {

LineCutter::LineCutter(CutterLimits limits, uint64_t offset, Trail before, TextEncoding encoding)
    : limits_(limits), base_(offset), encoding_(encoding), passed_(std::move(before)) {}

Trail LineCutter::read_trail() const {
  Trail trail = passed_;
  trail.append(buffer_.view());
  return trail;
}

std::span<char> LineCutter::space(size_t want) {
  const size_t held = buffer_.size();
  // Reading up to a multiple of batch_bytes keeps batches full without a tiny read at each turn.
  const size_t batch = std::max<uint64_t>(limits_.batch_bytes, 1);
  const size_t room = std::min(want, batch - held % batch);
  if (held + room > buffer_.capacity() || buffer_.data() == nullptr) {
    const size_t line = limits_.max_line * newline_size(encoding_);
    const size_t doubled = std::min(2 * held, line + batch);
    buffer_.reserve(std::max(held + room, held > 0 ? doubled : 0));
  }
  return {buffer_.data() + held, room};
}

void LineCutter::commit(size_t count) {
  buffer_.resize(buffer_.size() + count);
  drop_mark();
}

LineCutter::MaybeBatch LineCutter::next() {
  if (skipping_) {
    if (auto oversize = skip()) return oversize;
    if (skipping_) return std::nullopt;
  }
  if (base_ == 0 && !byte_order_mark(buffer_.view())) return std::nullopt;
  const bool utf16 = encoding_ != TextEncoding::Utf8;
  const size_t whole = utf16 ? whole_lines_utf16() : whole_lines();
  if (whole > 0) return take_lines(whole);
  if ((utf16 ? searched_length_ : searched_) <= limits_.max_line) return std::nullopt;
  begin_skip();
  return skip();
}

// How much of the buffer is whole lines that are not too long. When it begins with none, all of it
// was searched, or enough to know that the line is too long.
size_t LineCutter::whole_lines() {
  const size_t size = buffer_.size();
  const char* data = buffer_.data();
  size_t start = 0;  // of a line; all before it is whole lines
  while (start < size) {
    const size_t window = std::min<uint64_t>(size - start, limits_.max_line + 1);
    const size_t known = start == 0 ? std::min(searched_, window) : 0;
    const void* found = ::memrchr(data + start + known, '\n', window - known);
    if (found == nullptr) break;
    start = static_cast<size_t>(static_cast<const char*>(found) - data) + 1;
  }
  searched_ = size;
  return start;
}

size_t LineCutter::whole_lines_utf16() {
  const std::string_view text =
      buffer_.view().substr(0, whole_characters(buffer_.view(), encoding_));
  size_t start = 0;
  while (searched_ < text.size()) {
    const size_t newline = find_newline(text, searched_, encoding_);
    const size_t end = std::min(newline, text.size());
    searched_length_ += utf8_length(text.substr(searched_, end - searched_), encoding_);
    searched_ = end;
    if (end == text.size() || searched_length_ > limits_.max_line) break;
    start = searched_ = end + newline_size(encoding_);
    searched_length_ = 0;
  }
  return start;
}

LineCutter::MaybeBatch LineCutter::finish() {
  if (!skipping_ && buffer_.size() == 0) return std::nullopt;
  if (!skipping_ && utf8_length(buffer_.view(), encoding_) <= limits_.max_line)
    return take_lines(buffer_.size());
  if (!skipping_) begin_skip();  // only the start of a mark or of a character made it too long
  pass_over(buffer_.size());
  return take_oversize();
}

void LineCutter::reset(uint64_t offset) { *this = LineCutter(limits_, offset); }

// The first `length` bytes leave with the buffer; the rest moves into a new one of its own size, so
// that an idle stream holds no more than its unfinished line.
LineBatch LineCutter::take_lines(size_t length) {
  LineBatch batch;
  batch.kind = BatchKind::Lines;
  batch.offset = base_;
  PaddedBytes rest(buffer_.view().substr(length));
  batch.bytes = std::exchange(buffer_, std::move(rest));
  batch.bytes.resize(length);
  passed_.append(batch.bytes.view());
  base_ += length;
  searched_ = searched_length_ = 0;
  if (encoding_ == TextEncoding::Utf8) return batch;
  batch.utf16 = true;
  batch.bytes = utf16_to_utf8(batch.bytes.view(), encoding_);
  return batch;
}

LineBatch LineCutter::take_oversize() {
  LineBatch batch;
  batch.kind = BatchKind::OversizeLine;
  batch.offset = line_start_;
  batch.oversize_length = line_length_;
  batch.utf16 = encoding_ != TextEncoding::Utf8;
  batch.bytes = std::exchange(kept_, PaddedBytes());
  skipping_ = false;
  return batch;
}

void LineCutter::begin_skip() {
  skipping_ = true;
  line_start_ = base_;
  line_length_ = 0;
  line_trail_ = passed_;
  kept_ = PaddedBytes();
}

// Eats buffer_ up to the end of the oversize line, or all whole characters of it.
LineCutter::MaybeBatch LineCutter::skip() {
  const std::string_view held = buffer_.view();
  const size_t newline = find_newline(held, 0, encoding_);
  if (newline == std::string_view::npos) {
    pass_over(whole_characters(held, encoding_));
    return std::nullopt;
  }
  pass_over(newline);
  drop_front(newline_size(encoding_));
  return take_oversize();
}

// Part of the oversize line.
void LineCutter::pass_over(size_t length) {
  const std::string_view part = buffer_.view().substr(0, length);
  const size_t room = kOversizeKept - kept_.size();
  const bool all_kept = kept_.size() == line_length_;
  if (encoding_ == TextEncoding::Utf8) {
    kept_.append(part.substr(0, room));
  } else if (all_kept) {
    kept_.append(clip_utf8(utf16_to_utf8(part, encoding_).view(), room));
  }
  line_length_ += utf8_length(part, encoding_);
  drop_front(length);
}

void LineCutter::drop_front(size_t length) {
  passed_.append(buffer_.view().substr(0, length));
  const size_t rest = buffer_.size() - length;
  if (rest > 0) std::memmove(buffer_.data(), buffer_.data() + length, rest);
  buffer_.resize(rest);
  if (rest == 0) buffer_ = PaddedBytes();
  base_ += length;
  searched_ = searched_length_ = 0;
}

void LineCutter::drop_mark() {
  if (base_ != 0 || skipping_) return;
  const std::optional<ByteOrderMark> mark = byte_order_mark(buffer_.view());
  if (!mark || (mark->encoding != TextEncoding::Utf8 && !limits_.utf16)) return;
  encoding_ = mark->encoding;
  if (mark->size > 0) drop_front(mark->size);
}

}  // namespace picket
