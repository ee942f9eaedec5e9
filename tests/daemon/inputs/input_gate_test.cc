// InputGate: every batch goes to one pipeline, whichever is there, and none is on its way to one
// that was given up.
#include "daemon/inputs/input_gate.h"

#include <gtest/gtest.h>

#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace picket {
namespace {

// Takes batches once it is let to.
class SlowSink final : public BatchSink {
 public:
  explicit SlowSink(std::ptrdiff_t waits) : let_(waits) {}
  StreamId open_stream(StreamInfo info) override {
    sources.push_back(info.source);
    return 7;
  }
  bool push(LineBatch batch) override {
    entered_.count_down();
    let_.wait();
    taken.push_back(batch.offset);
    return true;
  }
  void let() { let_.count_down(); }
  void await_entry() { entered_.wait(); }

  std::vector<uint64_t> taken;
  std::vector<SourceId> sources;

 private:
  std::latch entered_{1};
  std::latch let_;
};

LineBatch batch_at(uint64_t offset) {
  LineBatch batch;
  batch.offset = offset;
  return batch;
}

TEST(InputGate, WhatComesWhileItIsClosedGoesToTheNextPipeline) {
  InputGate gate;
  SlowSink first(0);
  SlowSink second(0);
  gate.open(first, 3);
  EXPECT_EQ(gate.open_stream({}), 7U);
  EXPECT_TRUE(gate.push(batch_at(1)));
  gate.close();
  std::thread input([&gate] {
    EXPECT_TRUE(gate.push(batch_at(2)));
    gate.open_stream({});
  });
  gate.open(second, 5);
  input.join();
  EXPECT_EQ(first.taken, std::vector<uint64_t>{1});
  EXPECT_EQ(second.taken, std::vector<uint64_t>{2});
  EXPECT_EQ(first.sources, std::vector<SourceId>{3});
  EXPECT_EQ(second.sources, std::vector<SourceId>{5});
}

TEST(InputGate, ClosingWaitsForThePushThatIsUnderWay) {
  InputGate gate;
  SlowSink sink(1);
  gate.open(sink, 0);
  std::thread input([&gate] { EXPECT_TRUE(gate.push(batch_at(1))); });
  sink.await_entry();
  std::thread pipeline([&sink] { sink.let(); });
  gate.close();
  EXPECT_EQ(sink.taken, std::vector<uint64_t>{1});
  input.join();
  pipeline.join();
}

TEST(InputGate, ShutRefusesAlsoWhatWaits) {
  InputGate gate;
  std::thread input([&gate] { EXPECT_FALSE(gate.push(batch_at(1))); });
  gate.shut();
  input.join();
  EXPECT_FALSE(gate.push(batch_at(2)));
}

}  // namespace
}  // namespace picket
