// Rows for Engine::restore() that no engine wrote, behind checksums that are right.
//
// The input is a list of edits of five bytes (row, action, place of two bytes, value) to the rows
// of a genuine state. Each edited row is sealed again, so that the edit reaches what reads the rows
// and not only the checksum in front of it. Afterwards the engine must still work.
#include <xxhash.h>

#include <algorithm>

#include <string>
#include <utility>
#include <vector>

#include "rules/bytes.h"
#include "rules/engine.h"
#include "rules/processor.h"
#include "tests/fuzz/fuzz_target.h"

namespace picket {
namespace {

constexpr char kRules[] = R"(
title: A
name: a
detection: {s: {e: a}, condition: s}
---
title: B
name: b
detection: {s: {e: b}, condition: s}
---
title: Many
name: many
correlation: {type: event_count, rules: [a], group-by: [who], timespan: 30s, condition: {gte: 3}}
picket: {resolve_after: 5s, cooldown: 8s, evidence: 4, escalate: [{gte: 6, level: critical}]}
---
title: Kinds
name: kinds
correlation:
  type: value_count
  rules: [a, b]
  group-by: [who]
  timespan: 20s
  condition: {gte: 3, field: f}
---
title: Order
name: order
correlation: {type: temporal_ordered, rules: [a, b], group-by: [who], timespan: 20s}
---
title: Both
name: both
correlation: {type: temporal, rules: [a, b], group-by: [who], timespan: 20s}
---
title: Middle
name: middle
correlation:
  type: value_percentile
  rules: [a]
  timespan: 20s
  condition: {gte: 3, field: f, percentile: 90}
)";

const std::shared_ptr<const RuleSet>& rules() {
  static const std::shared_ptr<const RuleSet> kMade = fuzz_rules(kRules);
  return kMade;
}

class Run {
 public:
  Run() : engine(rules(), {"source"}, {.live = false}), processor_(rules()) {}

  void lines(int from, int count) {
    LineBatch batch;
    std::string text;
    for (int i = from; i < from + count; ++i) {
      text += "{\"t\":" + std::to_string(1'000'000 + i * 700) + ",\"e\":\"" +
              (i % 3 == 1 ? "b" : "a") + "\",\"who\":\"w" + std::to_string(i % 2) +
              "\",\"f\":" + std::to_string(i % 5) + "}\n";
    }
    batch.bytes = PaddedBytes(text);
    processor_.process(std::move(batch), {.fixed_schema = 0}, hits_);
    engine.process(hits_, timestamp_ms(0), events);
  }

  Engine engine;
  std::vector<AlertEvent> events;

 private:
  Processor processor_;
  HitBatch hits_;
};

const EngineChanges& genuine() {
  static const EngineChanges kRows = [] {
    Run run;
    // With a lateness, hits are still waiting when the state is written.
    run.engine.add_stream(0, Duration(2000));
    run.lines(0, 24);
    return run.engine.take_changes();
  }();
  return kRows;
}

void seal(std::string_view key, std::string& value) {
  put_bytes(value,
            XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(key.data(), key.size())));
}

struct Edit {
  uint8_t row;
  uint8_t action;
  uint16_t place;
  uint8_t value;
};

void apply(const Edit& edit, std::string_view key, std::string& value) {
  constexpr size_t kHash = sizeof(uint64_t);
  if (value.size() > kHash) value.resize(value.size() - kHash);
  const size_t place = value.empty() ? 0 : edit.place % value.size();
  switch (edit.action % 4) {
    case 0:
      if (!value.empty()) value[place] = static_cast<char>(edit.value);
      break;
    case 1:
      value.resize(place);
      break;
    case 2:
      value.insert(place, edit.value, static_cast<char>(edit.value));
      break;
    default:
      value.erase(place, edit.value);
  }
  seal(key, value);
}

}  // namespace
}  // namespace picket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  EngineChanges rows = genuine();
  std::string_view in(reinterpret_cast<const char*>(data), size);
  Edit edit{};
  while (take_bytes(in, edit.row) && take_bytes(in, edit.action) && take_bytes(in, edit.place) &&
         take_bytes(in, edit.value)) {
    const size_t all = rows.groups.size() + rows.alerts.size() + rows.hits.size() + 1;
    size_t row = edit.row % all;
    if (row < rows.groups.size()) {
      apply(edit, rows.groups[row].key, rows.groups[row].value);
    } else if (row - rows.groups.size() < rows.alerts.size()) {
      row -= rows.groups.size();
      apply(edit, rows.alerts[row].key, rows.alerts[row].value);
    } else if (row = row - rows.groups.size() - rows.alerts.size(); row < rows.hits.size()) {
      apply(edit, rows.hits[row].key, rows.hits[row].value);
    } else {
      apply(edit, "meta", rows.meta);
    }
  }
  Run run;
  const size_t passed_over = run.engine.restore(rows);
  fuzz_expect(size > 0 || passed_over == 0, "a genuine row was passed over");
  run.engine.add_stream(0, Duration(2000));
  run.lines(20, 12);
  (void)run.engine.active_alerts();
  EngineChanges after = run.engine.take_changes();
  // Hits that wait are written once: the rows of those that still do are in the file.
  for (const EngineChanges::Row& row : rows.hits) {
    if (std::ranges::find(after.hits, row.key, &EngineChanges::Row::key) == after.hits.end()) {
      after.hits.push_back(row);
    }
  }
  const auto erased = [](const EngineChanges::Row& row) { return row.erase; };
  std::erase_if(after.groups, erased);
  std::erase_if(after.alerts, erased);
  std::erase_if(after.hits, erased);
  run.engine.finish(run.events);
  // What an engine has written itself is never damaged.
  Run next;
  fuzz_expect(next.engine.restore(after) == 0, "the engine cannot read what it wrote");
  return 0;
}
