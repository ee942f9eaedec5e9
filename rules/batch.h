// LineBatch: the owner of the bytes that every view of an event points into.
//
// An input fills it, a decode worker reads it, and it dies once its hits were copied out. Lines end
// in '\n' (a final line at the end of a finished stream may lack it).
//
// Invariants: `capacity() - size()` is at least kPadding, so a SIMD parser may read past the end.
// Thread rule: one owner at a time; moved between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rules/types.h"

namespace picket {

// A growable byte buffer that keeps kPadding readable bytes behind its content.
class PaddedBytes {
 public:
  static constexpr size_t kPadding = 64;

  PaddedBytes() = default;
  explicit PaddedBytes(size_t capacity);
  explicit PaddedBytes(std::string_view text);

  char* data() { return bytes_.get(); }
  const char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  // Room for content, padding not counted.
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {bytes_.get(), size_}; }

  void reserve(size_t capacity);
  void append(std::string_view text);
  // REQUIRES: size <= capacity(). Used after writing through data() directly.
  void resize(size_t size);
  void clear() { size_ = 0; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Where an input would resume once this batch is committed. `key` names the thing (a file), `value`
// is the input's own encoding; an empty value deletes the key. An empty key: nothing to remember.
struct Checkpoint {
  std::string key = {};
  std::string value = {};
};

enum class BatchKind : uint8_t {
  Lines,
  // `bytes` holds the first part of one line that was longer than max_line; `oversize_length` is
  // its full length. It is one line read, and becomes one dead letter.
  OversizeLine,
  // No bytes: the stream has ended. Everything that waited for its watermark may go on.
  EndOfStream,
};

struct LineBatch {
  BatchKind kind = BatchKind::Lines;
  uint64_t sequence = 0;  // set by the pipeline: the order in which batches were pushed
  StreamId stream = 0;
  uint64_t offset = 0;  // of the first byte in the stream
  bool utf16 = false;   // the stream is UTF-16: `bytes` are UTF-8 made of it
  uint64_t oversize_length = 0;
  uint64_t lines = 0;   // set by the pipeline: count_lines() of what was pushed
  Timestamp arrival{};  // wall time at which it was read; the time of lines that carry none
  PaddedBytes bytes = {};
  Checkpoint checkpoint = {};
};

// The lines in a batch, blank ones included: what DecodeStats::lines will be once it was decoded.
uint64_t count_lines(const LineBatch& batch);

// How many bytes of the stream `text` was made of. REQUIRES: it begins and ends between characters
// of the batch's bytes, and is not the end of a stream that broke off within a character.
uint64_t stored_size(const LineBatch& batch, std::string_view text);

}  // namespace picket
