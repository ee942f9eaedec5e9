// Dossier: what an alert will show of a group's events so far, kept as bytes until someone looks.
//
// Most groups never alert, so a hit only appends one packed record; texts and sorted lists are made
// when an alert is shown. The first and the last events are kept, each half of what the rule asks
// for. The last ones slide through one buffer: dropping the oldest moves an offset, and the gap is
// closed only when room runs out, so a hit costs about one copy of its own bytes.
//
// Bounds: kTextMax bytes of any one text (an attacker chooses how long a path is), kCausesMax
// different causes; bytes() is what the buffers hold.
// Record: i64 time, kTexts x u16 size, texts. Cause: u32 count, u16 size, text.
// Thread rule: plain value. Tested by dossier_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/alert.h"

namespace picket {

using Evidence = std::vector<EvidenceItem>;

// One event as evidence before anything keeps it. The texts in the order of EvidenceItem.
struct EvidenceView {
  static constexpr size_t kTexts = 7;
  static constexpr size_t kCause = 5;
  Timestamp time{};
  std::array<std::string_view, kTexts> texts = {};

  static EvidenceView of(const EvidenceItem& item);
  EvidenceItem to_item() const;
};

class Dossier {
 public:
  static constexpr size_t kCausesMax = 16;
  static constexpr size_t kTextMax = 1024;

  // Counts the event, and keeps it as one of the first or last `keep`. REQUIRES: `keep` is the same
  // in every call.
  void add(const EvidenceView& item, size_t keep);
  // Counts the match of another rule as one event with the cause of its newest, and keeps of what
  // it rests on whatever is not kept yet: two matches may rest on the same events.
  void add_match(const Evidence& items, size_t keep);

  // Asks for the memory that add() will touch, so that it is there by then.
  void prefetch() const {
    __builtin_prefetch(items_.data() + last_at_);
    for (size_t line = 0; line < 4; ++line) {
      __builtin_prefetch(items_.data() + items_.size() + line * 64, /*rw=*/1);
    }
  }

  uint64_t events() const { return events_; }
  // The first and the last events, in the order in which they were added.
  std::vector<EvidenceItem> evidence() const;
  // At most kCausesMax, sorted by cause.
  std::vector<std::pair<std::string, uint64_t>> causes() const;

  size_t bytes() const;
  void encode(std::string& out) const;
  bool decode(std::string_view& in);

 private:
  void count(const EvidenceView& item);
  void keep(const EvidenceView& item, size_t keep);
  void count_cause(std::string_view cause);
  void append(const EvidenceView& item);

  uint64_t events_ = 0;
  std::string items_;   // the first ones, a gap, the last ones
  std::string causes_;  // in the order in which they were first seen
  uint32_t first_end_ = 0;
  uint32_t last_at_ = 0;
  uint16_t first_count_ = 0;
  uint16_t last_count_ = 0;
};

// Evidence of alerts, to and from the state file.
void encode_evidence(const std::vector<EvidenceItem>& items, std::string& out);
bool decode_evidence(std::string_view& in, std::vector<EvidenceItem>& items);

}  // namespace picket
