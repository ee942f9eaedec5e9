// ReorderBuffer: hits in the order of event time, as far as each stream's lateness allows.
//
// Every stream delivers lines in its own order; events may be out of time order by up to its
// lateness. A hit waits here until no stream can still deliver an earlier one: until its key lies
// below the watermark, the smallest "newest event - lateness" over all streams that count.
//
// Key of a hit: its event time, but never less than its own stream's watermark when it arrived, so
// a hit that comes too late is processed at once (and counted) instead of being lost. Equal keys
// keep stream order, then line order. Keys depend on the lines alone, never on how they were
// batched.
//
// Model: per-source watermarks with allowed lateness as in the Dataflow model (Akidau et al., VLDB
// 2015). Thread rule: the engine's thread. Tested by reorder_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/hit.h"
#include "rules/types.h"

namespace picket {

struct PendingHit {
  Timestamp key{};
  Timestamp time{};
  uint32_t place = 0;  // StreamState::place
  uint64_t order = 0;  // line order within the stream
  std::string record;
};

// Hits that left leave their memory to those that come.
class ReorderBuffer {
 public:
  void push(const PendingHit& hit);
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  // The key that comes first. REQUIRES: !empty().
  Timestamp first_key() const { return heap_.front().key; }
  // Takes the hit that comes first. REQUIRES: !empty().
  void pop(PendingHit& out);
  // Calls `visit` for every hit, in no particular order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Place& place : heap_) visit(slots_[place.slot]);
  }

 private:
  struct Place {
    Timestamp key{};
    uint64_t order = 0;
    uint32_t place = 0;
    uint32_t slot = 0;
  };
  static bool comes_later(const Place& a, const Place& b);

  std::vector<Place> heap_;
  std::vector<PendingHit> slots_;
  std::vector<uint32_t> free_;
};

// What the engine knows of one stream.
struct StreamState {
  SourceId source = 0;
  uint64_t identity = 0;  // see Engine::add_stream()
  uint32_t place = 0;     // among all streams, for hits of one time; it stays over a restart
  std::optional<Duration> lateness = {};  // decided by the first event when not given
  Timestamp newest = Timestamp::min();
  Timestamp last_arrival = Timestamp::min();  // wall time
  bool ended = false;
  uint64_t order = 0;  // hits so far

  bool started() const { return newest != Timestamp::min(); }
  // Nothing earlier than this is expected any more.
  Timestamp watermark() const { return newest - lateness.value_or(Duration(0)); }
};

}  // namespace picket
