#include "daemon/inputs/input_gate.h"

#include <utility>

namespace picket {

void InputGate::open(BatchSink& sink, SourceId source) {
  MutexLock lock(mutex_);
  sink_ = &sink;
  source_ = source;
  changed_.notify_all();
}

void InputGate::close() {
  MutexLock lock(mutex_);
  sink_ = nullptr;
  while (inside_) changed_.wait(mutex_);
}

void InputGate::shut() {
  MutexLock lock(mutex_);
  shut_ = true;
  changed_.notify_all();
}

BatchSink* InputGate::enter() {
  MutexLock lock(mutex_);
  while (sink_ == nullptr && !shut_) changed_.wait(mutex_);
  if (shut_) return nullptr;
  inside_ = true;
  return sink_;
}

void InputGate::leave() {
  MutexLock lock(mutex_);
  inside_ = false;
  changed_.notify_all();
}

StreamId InputGate::open_stream(StreamInfo info) {
  BatchSink* sink = enter();
  if (sink == nullptr) return 0;
  {
    MutexLock lock(mutex_);
    info.source = source_;
  }
  const StreamId stream = sink->open_stream(std::move(info));
  leave();
  return stream;
}

bool InputGate::push(LineBatch batch) {
  BatchSink* sink = enter();
  if (sink == nullptr) return false;
  const bool taken = sink->push(std::move(batch));
  leave();
  return taken;
}

}  // namespace picket
