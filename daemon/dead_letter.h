// DeadLetterFile: where lines go that could not become events, so that nothing vanishes silently.
//
// Format: NDJSON, {"time","source","file","offset","reason","line"}; a line that is no UTF-8 has
// "line_base64" instead of "line". Mode 0600, because log lines hold what customers sent. When the
// file reaches half of max_bytes it becomes NAME.1 and a new one begins, so both stay below
// max_bytes. A reader of a torn last line (a crash) passes over it.
//
// Errors: a write that fails is counted and reported by last_error(); the daemon goes on.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config/result.h"
#include "rules/stats.h"
#include "rules/types.h"

namespace picket {

struct DeadLetterRecord {
  Timestamp time{};  // when it was read
  std::string_view source = {};
  std::string_view file = {};
  uint64_t offset = 0;
  DecodeError reason = DecodeError::None;
  std::string_view line = {};
};

class DeadLetterFile {
 public:
  // Opens `path` for appending. An empty path: records are counted as dropped.
  static Result<std::unique_ptr<DeadLetterFile>> open(std::string path, uint64_t max_bytes);
  ~DeadLetterFile();
  DeadLetterFile(const DeadLetterFile&) = delete;
  DeadLetterFile& operator=(const DeadLetterFile&) = delete;

  void write(const DeadLetterRecord& record);
  // Hands what is buffered to the system.
  void flush();

  uint64_t written() const { return written_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t dropped() const { return dropped_; }
  const std::string& last_error() const { return last_error_; }

 private:
  DeadLetterFile(std::string path, uint64_t max_bytes)
      : path_(std::move(path)), max_bytes_(max_bytes) {}
  bool reopen();
  void rotate();

  const std::string path_;
  const uint64_t max_bytes_;
  int descriptor_ = -1;
  std::string buffer_;
  uint64_t buffered_ = 0;  // records
  uint64_t size_ = 0;      // of the file
  uint64_t written_ = 0;
  uint64_t bytes_ = 0;
  uint64_t dropped_ = 0;
  std::string last_error_;
};

// The record as one line, newline included.
std::string to_line(const DeadLetterRecord& record);

}  // namespace picket
