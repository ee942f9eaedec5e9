// LineCutter: how lines are found.
//
// Method: a window of max_line + 1 bytes is searched backwards for its last '\n'. All lines before
// it are whole and short enough, so the work is the length of the last, unfinished line instead of
// one search per line; only a window without any '\n' means a line over the limit. Example with
// max_line 4: in "ab\ncd\nefghijk" the first window "ab\nc" ends at "ab\n", the next one at "cd\n",
// and "efghi" has none: two lines leave, then an oversize line begins.
//
// Bytes of an unfinished line are searched once (searched_), so a line that arrives in many small
// pieces stays linear.
//
// Tested by tests/daemon/inputs/line_cutter_test.cc.
#include "daemon/inputs/line_cutter.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace picket {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

LineCutter::LineCutter(CutterLimits limits, uint64_t offset, Trail before)
    : limits_(limits), base_(offset), passed_(std::move(before)) {}

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
    const size_t doubled = std::min(2 * held, static_cast<size_t>(limits_.max_line) + batch);
    buffer_.reserve(std::max(held + room, held > 0 ? doubled : 0));
  }
  return {buffer_.data() + held, room};
}

void LineCutter::commit(size_t count) {
  buffer_.resize(buffer_.size() + count);
  drop_mark();
}

std::optional<LineBatch> LineCutter::next() {
  if (skipping_) {
    if (auto oversize = skip()) return oversize;
    if (skipping_) return std::nullopt;
  }
  if (base_ == 0 && kByteOrderMark.starts_with(buffer_.view())) return std::nullopt;
  const size_t size = buffer_.size();
  const char* data = buffer_.data();
  size_t start = 0;  // of a line; all before it is whole lines
  while (start < size) {
    const size_t window = std::min<uint64_t>(size - start, limits_.max_line + 1);
    const size_t known = start == 0 ? std::min(searched_, window) : 0;
    const void* found = ::memrchr(data + start + known, '\n', window - known);
    if (found == nullptr) break;
    start = static_cast<size_t>(static_cast<const char*>(found) - data) + 1;
    searched_ = 0;
  }
  if (start > 0) return take_lines(start);
  searched_ = size;
  if (size <= limits_.max_line) return std::nullopt;
  begin_skip();
  return skip();
}

std::optional<LineBatch> LineCutter::finish() {
  if (skipping_) return take_oversize();
  if (buffer_.size() == 0) return std::nullopt;
  if (buffer_.size() > limits_.max_line) {  // only what could have become a byte order mark
    begin_skip();
    skip();
    return take_oversize();
  }
  return take_lines(buffer_.size());
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
  searched_ = 0;
  return batch;
}

LineBatch LineCutter::take_oversize() {
  LineBatch batch;
  batch.kind = BatchKind::OversizeLine;
  batch.offset = line_start_;
  batch.oversize_length = line_length_;
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

// Eats buffer_ up to the end of the oversize line, or all of it.
std::optional<LineBatch> LineCutter::skip() {
  const std::string_view held = buffer_.view();
  const size_t end = held.find('\n');
  const std::string_view part = held.substr(0, end);
  if (kept_.size() < kOversizeKept) kept_.append(part.substr(0, kOversizeKept - kept_.size()));
  line_length_ += part.size();
  if (end == std::string_view::npos) {
    base_ += held.size();
    passed_.append(held);
    buffer_ = PaddedBytes();
    searched_ = 0;
    return std::nullopt;
  }
  drop_front(end + 1);
  return take_oversize();
}

void LineCutter::drop_front(size_t length) {
  passed_.append(buffer_.view().substr(0, length));
  const size_t rest = buffer_.size() - length;
  if (rest > 0) std::memmove(buffer_.data(), buffer_.data() + length, rest);
  buffer_.resize(rest);
  base_ += length;
  searched_ = 0;
}

void LineCutter::drop_mark() {
  if (base_ == 0 && !skipping_ && buffer_.view().starts_with(kByteOrderMark))
    drop_front(kByteOrderMark.size());
}

}  // namespace picket
