// RepeatFilter: hits of the background that say again what a hit before them said.
//
// Most of an API's traffic are successes that repeat each other: the same caller, the same
// operation, within minutes. Of such hits only the first in each quantum of time changes anything
// (Background in correlator.h), so the engine asks here first and spares itself the ordering and
// the groups for the others.
//
// A hit is known by a hash of all that it carries and of the quanta that its time lies in. It is a
// repeat when a hit with that hash was let through and comes before it in the order of hits; one
// that comes before what was let through is let through as well. So what groups learn does not
// depend on the order of arrival. The table has a fixed size and the newest hash takes the place of
// the one before it: what is not known any more is let through again, which changes nothing.
//
// Thread rule: the engine's thread. Tested by repeat_filter_test.cc.
#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "rules/types.h"

namespace picket {

class RepeatFilter {
 public:
  // 2 to the power of `bits` hashes are remembered; 24 bytes each.
  explicit RepeatFilter(unsigned bits = 14) : entries_(size_t{1} << bits) {}

  // Whether the hit need not go on. `key` and the place of its stream are its place in the order;
  // of one stream, the hit that is asked about first comes first. REQUIRES: hash != 0.
  bool repeats(uint64_t hash, Timestamp key, uint32_t place) {
    Entry& entry = entries_[hash & (entries_.size() - 1)];
    if (entry.hash == hash && std::tie(entry.key, entry.place) <= std::tie(key, place)) {
      return true;
    }
    entry = {hash, key, place};
    return false;
  }

 private:
  struct Entry {
    uint64_t hash = 0;
    Timestamp key{};
    uint32_t place = 0;
  };
  std::vector<Entry> entries_;
};

}  // namespace picket
