// SelfWatch: what picket has to say about itself, as alerts like all others.
//
// A function of successive snapshots and their times: no clock, thread or file. The keeper shows it
// each snapshot before publishing it, sends the events by the way of all alerts, and stores the
// alerts that are open, so that a restart neither repeats nor forgets one.
//
// An alert opens when something irreversible was counted, at once, or when a state has been wrong
// for `patience`. While it is open it is updated at most once a minute. It resolves after all has
// been well for `resolve_after`.
//
// Invariants: at most one open alert for each problem and subject; every Opened is followed by one
// Resolved, also over restarts, unless its subject is gone from the configuration while picket is
// not running and so never seen again: then it resolves like one that is well.
// Bounds: problems times sources and outputs. Thread rule: one thread; a plain value.
// Tested by tests/daemon/self_watch_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/lag_age.h"
#include "daemon/published.h"
#include "rules/alert.h"

namespace picket {

struct SelfWatchOptions {
  uint64_t lag_bytes_max = 256 << 20;
  Duration lag_age_max = std::chrono::minutes(5);
  Duration patience = std::chrono::seconds(30);
  Duration resolve_after = std::chrono::minutes(1);
  std::map<std::string, Duration> silent_after = {};  // by source; others may be silent
  std::string runbook_base = "file:///usr/share/doc/picket/runbooks/";
};

enum class SelfProblem : uint8_t {
  BlindSpot,           // lines were dropped
  InputGap,            // lines may have been gone before they were read
  LedgerUnbalanced,    // lines vanished or were counted twice
  InputBehind,         // too much, or for too long, unread
  InputSilent,         // nothing came for silent_after
  InputsApart,         // hits were judged out of the order of event time
  InputFailing,        // reading, or writing the spool, fails
  StateFailing,        // the state file cannot be written
  DeadLettersDropped,  // the dead letter file did not take them
  OutputFailing,       // alerts do not arrive
  Count_,
};

class SelfWatch {
 public:
  explicit SelfWatch(SelfWatchOptions options) : options_(std::move(options)) {}

  // Before the first look(): goes on from where the watch before a reload left off.
  void take_over(SelfWatch former);
  // Before the first look(): alerts that were open when the process ended. Known ones stay.
  void restore(std::vector<Alert> open);
  // What has changed since the last look. The time is snapshot.published.
  std::vector<AlertEvent> look(const Snapshot& snapshot);
  std::vector<Alert> open() const;
  // Since when the oldest unread byte of a source waits.
  std::optional<Timestamp> unread_since(const std::string& source) const;

 private:
  // One thing that may be wrong, as one snapshot shows it.
  struct Finding {
    SelfProblem problem;
    std::string subject = {};  // a source or an output; empty: picket as a whole
    bool wrong = false;
    uint64_t events = 0;      // how often since the last look, where that can be counted
    std::string detail = {};  // for people
  };
  struct Watched {
    std::optional<Timestamp> wrong_since = {};
    Timestamp last_wrong{};
    Timestamp told{};
    uint64_t events = 0;
    bool seen = false;  // in this look
    std::optional<Alert> alert = {};
  };
  struct Progress {
    LagAge lag;
    Timestamp moved{};  // when bytes_read was last seen to change
    uint64_t bytes = 0;
  };
  using Key = std::pair<SelfProblem, std::string>;
  using Events = std::vector<AlertEvent>;

  void find(const Snapshot& snapshot, std::vector<Finding>& findings);
  void find_in_source(const SourceSnapshot& source, const Snapshot& snapshot,
                      std::vector<Finding>& findings);
  uint64_t risen(const Key& key, uint64_t count);
  bool is_open(const Key& key) const;
  Progress& progress_of(const SourceSnapshot& source, Timestamp now);
  void judge(const Finding& finding, Timestamp now, Events& events);
  void still_wrong(const Finding& finding, Timestamp now, Events& events);
  void well(const Key& key, Timestamp now, Events& events);
  Alert make_alert(const Finding& finding, Timestamp now) const;

  SelfWatchOptions options_;
  std::map<Key, Watched> watched_;
  std::map<Key, uint64_t> counted_;  // counters as they were at the last look
  std::map<std::string, Progress> progress_;
};

}  // namespace picket
