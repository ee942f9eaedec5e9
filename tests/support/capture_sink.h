// CaptureSink: a BatchSink that keeps what was pushed, and checks contract 1 while at it.
//
// Every batch counts as committed when it is pushed; a test that wants a crash asks for the state
// after a prefix of the batches.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/inputs/input.h"

namespace picket {

class CaptureSink final : public BatchSink {
 public:
  StreamId open_stream(StreamInfo info) override {
    streams.push_back(std::move(info));
    next_offset_.push_back(kUnknown);
    ended.push_back(false);
    return static_cast<StreamId>(streams.size() - 1);
  }

  bool push(LineBatch batch) override {
    if (closed || batches.size() >= accept_max) return false;
    check(batch);
    batches.push_back(std::move(batch));
    return true;
  }

  // The lines of the first `count` batches, in order, without '\n'. An oversize line reads
  // "<oversize LENGTH>".
  std::vector<std::string> lines(size_t count = std::string::npos) const {
    std::vector<std::string> found;
    for (size_t i = 0; i < std::min(count, batches.size()); ++i) {
      const LineBatch& batch = batches[i];
      if (batch.kind == BatchKind::OversizeLine) {
        found.push_back("<oversize " + std::to_string(batch.oversize_length) + ">");
      } else {
        split(batch.bytes.view(), found);
      }
    }
    return found;
  }

  // The checkpoints as they stand after the first `count` batches on top of `before`.
  std::map<std::string, std::string> checkpoints(
      size_t count = std::string::npos, std::map<std::string, std::string> before = {}) const {
    for (size_t i = 0; i < std::min(count, batches.size()); ++i) {
      const Checkpoint& checkpoint = batches[i].checkpoint;
      if (checkpoint.key.empty()) continue;
      if (checkpoint.value.empty()) {
        before.erase(checkpoint.key);
      } else {
        before[checkpoint.key] = checkpoint.value;
      }
    }
    return before;
  }

  std::vector<LineBatch> batches;
  std::vector<StreamInfo> streams;
  std::vector<bool> ended;            // by stream
  std::vector<std::string> problems;  // broken promises; must stay empty
  bool closed = false;
  size_t accept_max = std::string::npos;

 private:
  static constexpr uint64_t kUnknown = ~uint64_t{0};
  static constexpr uint64_t kMarkMax = 3;

  static void split(std::string_view text, std::vector<std::string>& lines) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void check(const LineBatch& batch) {
    if (batch.stream >= streams.size() || ended[batch.stream]) {
      problems.push_back("batch for a stream that is not open");
      return;
    }
    uint64_t& next = next_offset_[batch.stream];
    const bool oversize = batch.kind == BatchKind::OversizeLine;
    const uint64_t length =
        oversize ? batch.oversize_length : stored_size(batch, batch.bytes.view());
    // Behind an oversize line there may or may not have been a '\n', and a byte order mark at the
    // start.
    const bool follows = next == kUnknown || batch.offset == next ||
                         (after_oversize_ && batch.offset == next + 1) ||
                         (next == 0 && batch.offset <= kMarkMax);
    if (!follows) problems.push_back("gap before offset " + std::to_string(batch.offset));
    next = batch.offset + length;
    // What UTF-16 took of the stream is not known of an oversize line, and of a last line that may
    // have broken off within a character.
    if (batch.utf16 && (oversize || !batch.bytes.view().ends_with('\n'))) next = kUnknown;
    after_oversize_ = oversize;
    if (batch.kind == BatchKind::EndOfStream) ended[batch.stream] = true;
  }

  std::vector<uint64_t> next_offset_;
  bool after_oversize_ = false;
};

}  // namespace picket
