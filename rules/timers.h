// Timers: groups that wait for a moment, and which of them comes first.
//
// A correlation about what did not happen can be decided by time alone. Its group's state is then
// wrapped in a TimedState, which holds the moment and the group's values (an alert that opens
// without an event still has to say whose it is) and enters itself here. So a group that is evicted
// or forgotten takes its timer with it, the table's memory budget covers both, and a restored state
// brings its timer back.
//
// Order: by moment, then inner correlations before those that count them, then by group. Nothing of
// it depends on when or how often anybody looks.
//
// Tested by engine_chain_test.cc.
// Thread rule: the engine's thread. REQUIRES: a Timers outlives the states entered in it.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "rules/correlator.h"
#include "rules/group_table.h"
#include "rules/types.h"

namespace picket {

class Timers {
 public:
  struct Entry {
    Timestamp wake{};
    uint32_t correlation = 0;  // correlations are numbered from the inside out
    GroupKey group;
    auto operator<=>(const Entry&) const = default;
  };

  Timers() = default;
  Timers(const Timers&) = delete;  // states refer to it
  Timers& operator=(const Timers&) = delete;

  bool empty() const { return due_.empty(); }
  // REQUIRES: !empty().
  const Entry& first() const { return *due_.begin(); }
  void add(const Entry& entry) { due_.insert(entry); }
  void remove(const Entry& entry) { due_.erase(entry); }

 private:
  std::set<Entry> due_;
};

class TimedState final : public GroupState {
 public:
  TimedState(std::unique_ptr<GroupState> inner, Timers& timers, std::string values)
      : inner_(std::move(inner)), timers_(timers), values_(std::move(values)) {}
  ~TimedState() override { clear(); }
  TimedState(const TimedState&) = delete;
  TimedState& operator=(const TimedState&) = delete;

  void set(const Timers::Entry& entry) {
    if (entry_ == entry) return;
    clear();
    entry_ = entry;
    timers_.add(entry);
  }
  void clear() {
    if (entry_) timers_.remove(*entry_);
    entry_.reset();
  }
  const std::optional<Timers::Entry>& entry() const { return entry_; }
  GroupState& inner() const { return *inner_; }
  const std::string& values() const { return values_; }

  TimedState* timed() override { return this; }
  size_t bytes() const override {
    constexpr size_t kTreeNode = sizeof(Timers::Entry) + 40;
    return sizeof(*this) + inner_->bytes() + values_.capacity() + kTreeNode;
  }
  void encode(std::string& out) const override { inner_->encode(out); }
  bool decode(std::string_view in) override { return inner_->decode(in); }

 private:
  std::unique_ptr<GroupState> inner_;
  Timers& timers_;
  std::string values_;
  std::optional<Timers::Entry> entry_;
};

}  // namespace picket
