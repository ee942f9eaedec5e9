// AlertBook: what Alertmanager has to be told again and again, and the words for it.
//
// Alertmanager forgets what it does not hear of: a firing alert is repeated with an `endsAt` a few
// minutes ahead, a resolved one for a while so that an Alertmanager that was down learns of it too.
// An alert is known there by its labels alone, so the book is keyed by them; when an escalation
// changes a label (severity), the old set of labels is resolved and the new one fires.
//
// Invariants: at most kEntriesMax entries, overflow counted; no two entries have equal labels;
// every entry has a non-empty `alertname`; text is clean and bounded; endsAt is never before
// startsAt. Thread rule: one owner. Errors: none; labels that cannot be sent are left out. Tested
// by tests/daemon/outputs/alert_book_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/outputs/output.h"
#include "rules/alert.h"
#include "rules/types.h"

namespace picket {

// One JSON array for POST /api/v2/alerts.
struct AlertBody {
  std::string json = {};
  size_t alerts = 0;
};

struct AlertBookOptions {
  Duration resend_interval{60'000};
  size_t batch_max = 256;
  std::string external_url = {};  // empty: no link back
};

class AlertBook {
 public:
  static constexpr size_t kEntriesMax = 10'000;
  // Resolved alerts are repeated for this long (wall time).
  static constexpr Duration kResolvedFor{15 * 60'000};

  explicit AlertBook(AlertBookOptions options) : options_(std::move(options)) {}

  // Takes the events in and returns the bodies that tell of them.
  std::vector<AlertBody> apply(const std::vector<AlertEvent>& events, Timestamp now);
  // Everything there is to repeat; forgets what was resolved long enough ago.
  std::vector<AlertBody> all(Timestamp now);

  size_t size() const { return entries_.size(); }
  uint64_t overflow() const { return overflow_; }

 private:
  struct Entry {
    std::string alert_id = {};
    std::string annotations = {};  // JSON object
    std::string link = {};
    Timestamp starts_at{};
    std::optional<Timestamp> ends_at = {};
    Timestamp changed{};  // wall time at which it was last heard of
  };
  using Entries = std::map<std::string, Entry>;  // by labels as a JSON object

  Entries::iterator record(const Alert& alert, Timestamp now);
  void make_room();
  void forget(const Entries::value_type& entry);
  void write(std::vector<AlertBody>& bodies, const Entries::value_type& entry, Timestamp now) const;

  AlertBookOptions options_;
  Entries entries_;
  std::unordered_map<std::string, std::string> labels_of_;  // firing alert id -> key in entries_
  uint64_t overflow_ = 0;
};

}  // namespace picket
