// FetchedLines: what an input that fetches line by line has taken and not pushed yet, and its way
// into the pipeline. The offsets of its one stream count the bytes of all lines, '\n' included.
//
// Invariant: lines leave in the order in which they came, each once.
// Thread rule: the input thread. Tested by tests/daemon/inputs/clickhouse_test.cc and
// tests/daemon/inputs/journald_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "daemon/inputs/input.h"
#include "daemon/inputs/line_cutter.h"

namespace picket {

class FetchedLines {
 public:
  explicit FetchedLines(BatchSink& sink) : sink_(sink) {}

  // Announces the stream; call first.
  void open(StreamInfo info) { stream_ = sink_.open_stream(std::move(info)); }
  // Lines that wait; whole ones are to be appended.
  PaddedBytes& waiting() { return waiting_; }
  bool empty() const { return waiting_.size() == 0; }
  // Of all lines so far, those that wait included.
  uint64_t offset() const { return pushed_ + waiting_.size(); }

  // Each pushes one batch, without lines if none wait. False: the pipeline is closing.
  bool push(Timestamp arrival, Checkpoint checkpoint) {
    LineBatch batch;
    const size_t size = waiting_.size();
    batch.bytes = std::exchange(waiting_, {});
    return send(std::move(batch), size, arrival, std::move(checkpoint));
  }
  // A line over max_line, without its '\n'. REQUIRES: empty().
  bool push_oversize(std::string_view line, Timestamp arrival, Checkpoint checkpoint) {
    LineBatch batch;
    batch.kind = BatchKind::OversizeLine;
    batch.oversize_length = line.size();
    batch.bytes = PaddedBytes(line.substr(0, LineCutter::kOversizeKept));
    return send(std::move(batch), line.size() + 1, arrival, std::move(checkpoint));
  }

 private:
  bool send(LineBatch batch, uint64_t size, Timestamp arrival, Checkpoint checkpoint) {
    batch.stream = stream_;
    batch.offset = pushed_;
    batch.arrival = arrival;
    batch.checkpoint = std::move(checkpoint);
    pushed_ += size;
    return sink_.push(std::move(batch));
  }

  BatchSink& sink_;
  PaddedBytes waiting_;
  StreamId stream_ = 0;
  uint64_t pushed_ = 0;
};

}  // namespace picket
