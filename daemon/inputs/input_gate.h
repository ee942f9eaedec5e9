// InputGate: the place between an input and the pipeline where the pipeline can be changed.
//
// An input that a reload does not touch goes on running while the pipeline behind it is replaced.
// Meanwhile its gate is closed: a push waits, holding the batch, and goes to the next pipeline. So
// nothing is read twice and nothing is lost, also by inputs that cannot go back, such as a pipe.
// Streams keep their numbers in the next pipeline (Pipeline::resume), so the input need not know.
//
// Invariants
//  1. A batch goes to exactly one pipeline, or its push() returned false.
//  2. After close() returned, nothing is on its way to the former pipeline.
// Thread rule: open_stream() and push() from the input's thread; the rest from the owner of the
// pipelines. Tested by tests/daemon/inputs/input_gate_test.cc.
#pragma once

#include "daemon/inputs/input.h"
#include "daemon/mutex.h"

namespace picket {

class InputGate final : public BatchSink {
 public:
  // Lets batches through to `sink`, as those of `source`. REQUIRES: the gate is closed, as it is at
  // first; `sink` lives until the gate is closed again.
  void open(BatchSink& sink, SourceId source);
  // Waits for the push that is under way, which the pipeline must not refuse to take.
  void close();
  // Nothing will come any more: every push, also one that waits, is refused.
  void shut();

  StreamId open_stream(StreamInfo info) override;
  bool push(LineBatch batch) override;

 private:
  // Null: shut. Waits while the gate is closed.
  BatchSink* enter();
  void leave();

  Mutex mutex_;
  CondVar changed_;
  BatchSink* sink_ PICKET_THREAD(guarded_by(mutex_)) = nullptr;
  SourceId source_ PICKET_THREAD(guarded_by(mutex_)) = 0;
  bool inside_ PICKET_THREAD(guarded_by(mutex_)) = false;
  bool shut_ PICKET_THREAD(guarded_by(mutex_)) = false;
};

}  // namespace picket
