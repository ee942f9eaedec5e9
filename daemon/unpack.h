// Unpacker: gzip and zstd, from stored bytes to the bytes of a log. LogFile reads finished logs
// with it, UnpackedFile what log rotation has compressed, and bodies that were posted are unpacked
// step by step (inputs/ingest_body.h).
//
// The format is decided by the first bytes, never by a name. Several gzip members, zstd frames and
// skippable frames follow each other as one log.
//
// Bounds: one input buffer of 256 KiB, and a zstd window of at most 128 MiB, the largest that
// `zstd` makes unless it is told to, or what the caller allows. What comes out is not bounded: it
// is handed out piece by piece. Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "daemon/disk.h"

namespace picket {

// Bytes as they are stored, read ahead into a buffer.
class StoredBytes {
 public:
  static constexpr size_t kBufferBytes = 256 << 10;

  StoredBytes();
  virtual ~StoredBytes() = default;
  StoredBytes(const StoredBytes&) = delete;
  StoredBytes& operator=(const StoredBytes&) = delete;

  // What was read into the buffer and not taken yet.
  std::span<const char> held() const { return {buffer_.get() + first_, last_ - first_}; }
  void take(size_t count) { first_ += count; }
  // Reads once behind what is held. REQUIRES: there is room, or nothing is held.
  void refill();
  // Reads past the buffer. 0: the end, or an error. REQUIRES: nothing is held.
  size_t read(std::span<char> out);

  // Nothing more came the last time. try_again() asks anew: a file may grow.
  bool ended() const { return ended_; }
  void try_again() { ended_ = false; }
  // Bytes that were read so far.
  uint64_t consumed() const { return consumed_; }
  // Of the read that ended it.
  std::error_code error() const { return error_; }

 private:
  // Fills the front of `out`, whose first byte is that at consumed(); 0 at the end.
  virtual DiskResult<size_t> fetch(std::span<char> out) = 0;

  std::unique_ptr<char[]> buffer_;
  size_t first_ = 0;
  size_t last_ = 0;
  uint64_t consumed_ = 0;
  bool ended_ = false;
  std::error_code error_ = {};
};

// One compression format.
class Unpacker {
 public:
  static constexpr size_t kMagicBytes = 4;
  // The format that begins with `first`, which has kMagicBytes unless the log is shorter; null when
  // it is none of ours.
  static std::unique_ptr<Unpacker> for_log(std::string_view first);
  static std::unique_ptr<Unpacker> for_gzip();
  // Frames that need a window of more than 2^window_log_max bytes are a problem.
  static std::unique_ptr<Unpacker> for_zstd(int window_log_max);
  virtual ~Unpacker() = default;

  // Fills the front of `out` with at least one byte. 0 at the end of what is stored, also when the
  // log does not end there, and when problem() was set.
  size_t unpack(StoredBytes& stored, std::span<char> out);
  // What is wrong with the stored bytes; empty when nothing is.
  const std::string& problem() const { return problem_; }
  // True where a log may end: behind a whole member or frame, all of which was handed out.
  virtual bool at_end() const = 0;
  // Moves `in` and `out` forward as far as it can. Returns what is wrong with the bytes, or null.
  virtual const char* step(std::span<const char>& in, std::span<char>& out) = 0;

 private:
  std::string problem_ = {};
};

}  // namespace picket
