// MemoryStore: a Store in memory that can refuse.
//
// Thread rule: one thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/store.h"

namespace picket {

class MemoryStore final : public Store {
 public:
  std::vector<StateChange> load(StateKind kind) override {
    std::vector<StateChange> found;
    for (const auto& [key, change] : rows) {
      if (key.first == kind) found.push_back(change);
    }
    return found;
  }
  std::error_code commit(const std::vector<StateChange>& changes) override {
    if (full) return std::make_error_code(std::errc::no_space_on_device);
    for (const StateChange& change : changes) {
      if (change.erase) {
        rows.erase({change.kind, change.key});
      } else {
        rows[{change.kind, change.key}] = change;
      }
    }
    return {};
  }
  const std::string& notice() const override { return notice_; }

  bool full = false;
  std::map<std::pair<StateKind, std::string>, StateChange> rows;

 private:
  std::string notice_;
};

}  // namespace picket
