// Store: everything that must survive, in one SQLite file and one transaction per commit.
//
// A commit carries rows of a few kinds; each kind is a table of (key BLOB, value BLOB). What the
// bytes mean is the business of whoever made them (inputs for checkpoints, the engine for groups,
// alerts, hits that wait and its own meta row, the outbox for alerts on their way, the keeper for
// those about picket itself), so a new kind of state needs no new SQL.
//
// A damaged or newer file: open() moves a damaged one aside (name + ".damaged-<n>") and starts
// empty, reporting it in `notice`; a file of a newer format version is refused with a diagnostic.
//
// Thread rule: one thread at a time; the pipeline's engine thread calls commit().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "config/result.h"

namespace picket {

enum class StateKind : uint8_t { Checkpoint, Group, Alert, Meta, Outbox, SelfAlert, Hit };

// An upsert, or a delete when `erase`.
struct StateChange {
  StateKind kind = StateKind::Meta;
  std::string key = {};
  std::string value = {};
  bool erase = false;
};

class Store {
 public:
  virtual ~Store() = default;

  // Opens or creates the file at `path` (WAL, synchronous=FULL, mode 0600). ":memory:" works.
  static Result<std::unique_ptr<Store>> open(const std::string& path);

  // All rows of one kind, ordered by key.
  virtual std::vector<StateChange> load(StateKind kind) = 0;
  // Applies all changes or none; they survive a power loss. An error leaves the file as it was; the
  // caller keeps the changes and tries again.
  virtual std::error_code commit(const std::vector<StateChange>& changes) = 0;
  // Something the user should know about how opening went; empty when nothing.
  virtual const std::string& notice() const = 0;
};

}  // namespace picket
