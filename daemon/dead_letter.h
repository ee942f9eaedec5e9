// DeadLetterFile: where lines go that could not become events, so that nothing vanishes silently.
//
// Format: NDJSON, {"time","source","file","offset","reason","line"}; a line that is no UTF-8 has
// "line_base64" instead of "line". Mode 0600, because log lines hold what customers sent. When the
// file reaches half of max_bytes it becomes NAME.1 and a new one begins, so both stay below
// max_bytes. A record that a crash cut short is taken back before the next is written: its line was
// not committed, so it is read and written once more.
//
// Errors: while it cannot be written, stats().last_error says why, records wait (1 MiB of them) and
// are tried again at each flush(); those that find no room are counted as dropped. The file is
// never left with a torn record by a full disk. The daemon goes on. Thread rule: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config/result.h"
#include "daemon/published.h"
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

  const DeadLetterFileStats& stats() const { return stats_; }

 private:
  DeadLetterFile(std::string path, uint64_t max_bytes)
      : path_(std::move(path)), max_bytes_(max_bytes) {
    stats_.kept = !path_.empty();
  }
  void close();
  bool reopen();
  bool failed(std::string why);
  bool there() const;
  uint64_t whole_bytes() const;
  bool take_back_torn();
  bool append(size_t length);
  bool rotate();

  const std::string path_;
  const uint64_t max_bytes_;
  int descriptor_ = -1;
  std::string buffer_;  // whole records that are not in the file yet
  uint64_t size_ = 0;   // of the file
  bool whole_ = false;  // whether the end of the file was looked at
  DeadLetterFileStats stats_;
};

// The record as one line, newline included.
std::string to_line(const DeadLetterRecord& record);

}  // namespace picket
