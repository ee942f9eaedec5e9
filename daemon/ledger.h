// Ledger: where every line that was read has gone, by source.
//
//   read = processed + dead letters + dropped + in flight
//
// Processed lines and dead letters are counted by the decoders and added up by the engine; the rest
// is counted here. A line is in flight from the moment an input hands it over until the engine has
// counted it. The number of lines of a batch is counted before it is decoded, independently of the
// decoder, so that a line which gets lost on the way shows: imbalance() is then not 0.
//
// Invariant: imbalance() is 0 for counts() and engine stats that are read together on the engine
// thread between two batches.
// Thread rule: all calls from any thread. Bounds: one entry per source.
// Tested by tests/daemon/ledger_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/mutex.h"
#include "rules/stats.h"
#include "rules/types.h"

namespace picket {

// Why a line that was read is neither an event nor a dead letter.
enum class LineDrop : uint8_t {
  Overload,  // the pipeline was full and the input sheds
  Policy,    // the configuration says so
  Count_,
};
constexpr size_t kLineDrops = static_cast<size_t>(LineDrop::Count_);
constexpr std::array<std::string_view, kLineDrops> kLineDropNames = {"overload", "policy"};

struct LedgerCounts {
  uint64_t read = 0;
  uint64_t in_flight = 0;
  std::array<uint64_t, kLineDrops> dropped = {};

  uint64_t dropped_lines() const;
  // Adds what a ledger counted that worked before. What was in flight then was refused.
  void count_on(const LedgerCounts& before);
  // Lines that were read and are nowhere; negative when some were counted twice.
  int64_t imbalance(const DecodeStats& decoded) const;
};

class Ledger {
 public:
  explicit Ledger(size_t sources) : counts_(sources) {}

  // Lines come in. Called before they are handed over, because they may be counted at once.
  void read(SourceId source, uint64_t lines);
  // The same lines were refused, as the pipeline is closing: they will be read again.
  void withdraw(SourceId source, uint64_t lines);
  // Lines in flight end here.
  void drop(SourceId source, LineDrop reason, uint64_t lines);
  // The engine has counted lines.
  void taken(SourceId source, uint64_t lines);

  std::vector<LedgerCounts> counts() const;

 private:
  mutable Mutex mutex_;
  std::vector<LedgerCounts> counts_ PICKET_THREAD(guarded_by(mutex_));
};

}  // namespace picket
