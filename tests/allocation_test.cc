// No allocation per event: how often the memory allocator is asked does not grow with the events.
//
// A program of its own, because it counts every operator new of the process. A batch of N events
// and one of 8 N must cost the same number of allocations once all buffers have their size; what
// remains belongs to the batch (its bytes are the caller's). Groups are allocated when they are
// new, so the events here are of actors that are known.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/support/engine_run.h"
#include "tests/support/traffic.h"

namespace {

uint64_t allocations = 0;

void* counted(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

void* counted(size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto unit = static_cast<size_t>(alignment);
  void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return counted(size); }
void* operator new[](size_t size) { return counted(size); }
void* operator new(size_t size, std::align_val_t alignment) { return counted(size, alignment); }
void* operator new[](size_t size, std::align_val_t alignment) { return counted(size, alignment); }
void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept { return counted(size); }
void* operator new[](size_t size, const std::nothrow_t& /*tag*/) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t /*unit*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t /*unit*/) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/, std::align_val_t /*unit*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t /*size*/, std::align_val_t /*unit*/) noexcept {
  std::free(memory);
}

namespace picket {
namespace {

// What `work` asks the allocator for.
template <class Work>
uint64_t allocations_of(const Work& work) {
  const uint64_t before = allocations;
  work();
  return allocations - before;
}

std::string times(const std::string& text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

// Decoding, classifying and matching against all that ships; refusals of every kind among the rows.
TEST(Allocation, MatchingDoesNotAllocatePerEvent) {
  Traffic traffic({});
  std::string rows;
  for (size_t i = 0; i < 2'000; ++i) traffic.next(rows);
  Processor processor(shipped_rules());
  HitBatch hits;
  const auto process = [&](size_t count) {
    LineBatch batch;
    batch.bytes = PaddedBytes(times(rows, count));
    return allocations_of([&] { processor.process(std::move(batch), {}, hits); });
  };
  process(8);
  process(8);
  const uint64_t few = process(1);
  EXPECT_GT(hits.hits.size(), 100U);
  const uint64_t many = process(8);
  EXPECT_EQ(hits.stats.events, 16'000U);
  // RE2 allocates while it searches a text that CaptureMemo does not know. One allocation for each
  // refusal would be noticed.
  EXPECT_LT(many - few, hits.stats.refusals / 2);
}

constexpr char kRules[] = R"(
title: A
name: a
logsource: {product: test}
detection: {s: {e: a}, condition: s}
---
title: Many
name: many
correlation: {type: event_count, rules: [a], group-by: [who], timespan: 30s, condition: {gte: 500}}
---
title: Kinds
name: kinds
correlation:
  type: value_count
  rules: [a]
  group-by: [who]
  timespan: 30s
  condition: {gte: 500, field: f}
)";

// From bytes to windows of actors that are known.
TEST(Allocation, CorrelatingDoesNotAllocatePerHit) {
  EngineRun run(make_rules(kRules), {.lateness = Duration(1'000)});
  int64_t now = 1'000'000;
  const auto feed = [&](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) {
      now += 200;
      const std::string extra = ",\"f\":" + std::to_string(i % 50);
      text += test_line(now, i % 3 == 0 ? "none" : "a", i % 2 == 0 ? "p" : "q", extra);
    }
    return allocations_of([&] { run.lines(text); });
  };
  feed(4'000);
  feed(4'000);
  const uint64_t few = feed(500);
  const uint64_t many = feed(4'000);
  EXPECT_EQ(run.hits.hits.size(), 2'666U);
  EXPECT_TRUE(run.events.empty());
  EXPECT_LE(many, few + 4) << "a window may still find its size";
}

}  // namespace
}  // namespace picket
