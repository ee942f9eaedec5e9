// LogFile: reads one finished log, plain or compressed, as batches of whole lines.
//
// The sibling of the file input for commands that read a log once, from its first byte to its last:
// nothing is followed, waited for or remembered. Whether a log is gzip (also of several members),
// zstd (also of several frames) or plain is decided by its first bytes, never by its name. A byte
// order mark says that the text in it is UTF-16.
//
// Invariants
//  1. The bytes that can be had are delivered even when more cannot: next() gives every whole line
//     before the place where a log is corrupt or cut off, then the piece of a line before it, and
//     only then does error() speak.
//  2. Memory is bounded whatever the log says of itself: max_line + batch_bytes for lines, one
//     input buffer, and a zstd window of at most 128 MiB.
// Thread rule: one thread at a time.
// Errors: open() refuses what is absent, unreadable or a folder; later failures end the log early
// and are told by error().
// Tested by tests/daemon/log_file_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "config/result.h"
#include "daemon/inputs/line_cutter.h"
#include "rules/batch.h"

namespace picket {

class Unpacker;

class LogFile {
 public:
  // `path` "-" is standard input.
  static Result<std::unique_ptr<LogFile>> open(const std::string& path, CutterLimits limits = {});
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // The next batch; offsets count decompressed bytes. Stream, arrival and checkpoint are left to
  // the caller. Nothing once the log has ended, for whatever reason.
  std::optional<LineBatch> next();

  // Stored bytes in all, 0 when that is not known (a pipe), and how many of them were read.
  uint64_t size() const;
  uint64_t consumed() const;

  // Why the log ended early; empty when it did not.
  const std::string& error() const { return error_; }

 private:
  class Stored;

  LogFile(std::unique_ptr<Stored> stored, std::unique_ptr<Unpacker> unpacker, CutterLimits limits);
  // Fills the front of `out`; 0 at the end of the log or when an error was set.
  size_t read(std::span<char> out);
  size_t unpack(std::span<char> out);
  void note_read_error();

  std::unique_ptr<Stored> stored_;
  std::unique_ptr<Unpacker> unpacker_;  // null: the log is plain
  LineCutter cutter_;
  uint64_t read_bytes_;
  bool ended_ = false;
  std::string error_;
};

}  // namespace picket
