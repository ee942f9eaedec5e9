// Windows that begin with an event and are judged when they end: temporal conditions with "not".
//
// Every event with a wanted role begins a window [t, t + timespan]. Windows all have the same
// length, so they end in the order in which they began, and when one ends the events that are kept
// from its beginning on are exactly those within it. Memory per group: 16 bytes an event, at most
// kEventsMax; beyond that the oldest are forgotten, and counted.
//
// Thread rule: as for Correlator. Tested by temporal_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>

#include "rules/bytes.h"
#include "rules/correlator.h"

namespace picket {

class PendingWindows final : public GroupState {
 public:
  static constexpr size_t kEventsMax = 4096;
  struct Entry {
    Timestamp time{};
    uint64_t roles = 0;
  };

  void add(Timestamp time, uint64_t roles) {
    auto at = std::upper_bound(events.begin(), events.end(), time,
                               [](Timestamp t, const Entry& entry) { return t < entry.time; });
    events.insert(at, {time, roles});
    count(roles, +1);
  }
  void drop_first() {
    count(events.front().roles, -1);
    events.pop_front();
  }
  // Drops what lies in no window that is still to be judged, and returns the time of the first
  // event with one of the roles `starts`, which begins the first of them. Events of the very time
  // of that event lie in its window too, though they came before it; without one, those of the
  // newest time might.
  std::optional<Timestamp> drop_until_start(uint64_t starts) {
    if (events.empty()) return std::nullopt;
    auto start = std::find_if(events.begin(), events.end(),
                              [starts](const Entry& entry) { return (entry.roles & starts) != 0; });
    const bool found = start != events.end();
    const Timestamp kept_from = found ? start->time : events.back().time;
    while (events.front().time < kept_from) drop_first();
    return found ? std::optional(kept_from) : std::nullopt;
  }
  // The roles of all events that are kept.
  uint64_t roles() const {
    uint64_t roles = 0;
    for (size_t i = 0; i < counts_.size(); ++i) roles |= uint64_t{counts_[i] > 0} << i;
    return roles;
  }

  size_t bytes() const override {
    constexpr size_t kDequeBlock = 512;
    return sizeof(*this) + kDequeBlock + events.size() * sizeof(Entry);
  }
  void encode(std::string& out) const override {
    for (const Entry& entry : events) {
      put_bytes(out, to_ms(entry.time));
      put_bytes(out, entry.roles);
    }
  }
  bool decode(std::string_view in) override {
    while (!in.empty()) {
      int64_t ms = 0;
      uint64_t roles = 0;
      if (!take_bytes(in, ms) || !take_bytes(in, roles)) return false;
      add(timestamp_ms(ms), roles);
    }
    return true;
  }

  std::deque<Entry> events;  // by time, then arrival

 private:
  void count(uint64_t roles, int change) {
    for (; roles != 0; roles &= roles - 1) {
      uint32_t& known = counts_[static_cast<size_t>(__builtin_ctzll(roles))];
      known = change > 0 ? known + 1 : known - 1;
    }
  }

  std::array<uint32_t, kRolesMax> counts_{};
};

}  // namespace picket
