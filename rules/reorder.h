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
#include <functional>
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

// Each hit that waits has a place of its own, a slot; hits that left leave theirs, with its memory,
// to those that come. So what is saved, a row for each slot, is no more than what ever waited at
// once.
class ReorderBuffer {
 public:
  static constexpr uint32_t kSlotsMax = 1 << 22;

  void push(const PendingHit& hit);
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  // What those that wait take in memory.
  size_t bytes() const { return bytes_; }
  // The key that comes first. REQUIRES: !empty().
  Timestamp first_key() const { return heap_.front().key; }
  // Takes the hit that comes first. REQUIRES: !empty().
  void pop(PendingHit& out);

  // Calls `visit` for every slot that has changed since the last call, with the hit that waits
  // there now, or null when none does any more and there was one before.
  void take_changes(const std::function<void(uint32_t slot, const PendingHit* hit)>& visit);
  // Puts back what take_changes() gave; `changed`: it is to be given again, as another. A slot
  // whose hit is of no use any more is given as one where none waits. False: there is no such slot,
  // or it is taken.
  bool restore(uint32_t slot, const PendingHit& hit, bool changed);
  bool restore_empty(uint32_t slot);

 private:
  struct Place {
    Timestamp key{};
    uint64_t order = 0;
    uint32_t place = 0;
    uint32_t slot = 0;
  };
  struct Slot {
    PendingHit hit;
    bool waits = false;
    bool saved = false;    // take_changes() gave a hit here last
    bool changed = false;  // since
  };
  static bool comes_later(const Place& a, const Place& b);
  static size_t size_of(const PendingHit& hit);
  void enter(uint32_t slot, const PendingHit& hit);
  void mark_changed(uint32_t slot);
  void make_slot(uint32_t slot);
  bool claim_saved(uint32_t slot);
  void give_back();

  std::vector<Place> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;     // in no particular order; those in use since are passed over
  std::vector<uint32_t> changed_;  // since take_changes(), each once
  size_t saved_ = 0;               // slots
  size_t bytes_ = 0;
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
