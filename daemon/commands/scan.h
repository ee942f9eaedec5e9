// Scan: what `classify` and `match` share: rules are loaded, logs are read one after the other, and
// every event is shown to the command with its place; at the end the counts must balance.
//
// Sits on LogFile and Processor alone: no engine, no order by time, no state. Output is collected
// and written in large pieces; a reader of it who goes away ends the scan quietly.
//
// Thread rule: main thread.
// Errors: a log that cannot be read, or not to its end, is reported and the next one is tried.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/commands/option_set.h"
#include "daemon/inputs/line_cutter.h"
#include "rules/classifier.h"
#include "rules/stats.h"

namespace picket {

class RuleSet;

// What the user asked for.
struct ScanOptions {
  std::string config = {};
  std::string schema = {};
  std::vector<std::string> rules = {};
  std::vector<std::string> schemas = {};
  std::vector<std::string> logs = {};
  uint64_t max_line = CutterLimits().max_line;
  bool strict = false;
};

// Declares --schema, --rules, --schemas, --strict, --max-line and LOG...
void declare_scan_options(OptionSet set, ScanOptions& options);

// The rules and schemas that the options ask for; problems are printed. Null: exit with 78. Single
// rules that are broken leave the others in use unless --strict forbids that.
std::shared_ptr<const RuleSet> load_scan_rules(const ScanOptions& options);

// Where an event was found.
struct EventPlace {
  std::string_view file;                // as on the command line
  uint64_t line = 0;                    // from 1
  std::optional<uint32_t> record = {};  // from 0, for events out of an envelope
};

// What went through.
struct ScanTotals {
  DecodeStats decode = {};
  std::map<std::string, uint64_t> causes = {};  // refusals by cause
  uint64_t logs_failed = 0;
};

class Scan {
 public:
  // Appends what is to be said of one event to `out`. `refusal` is null for events that are none;
  // `detections` are the rules that matched, in the order of their files.
  using Write = std::function<void(Event& event, const Refusal* refusal,
                                   const std::vector<RuleId>& detections, const EventPlace& place,
                                   std::string& out)>;

  // REQUIRES: `options` outlives the scan.
  Scan(std::shared_ptr<const RuleSet> rules, const ScanOptions& options, Write write);
  ~Scan();

  // Reads all logs. Returns the exit code.
  int run();
  const ScanTotals& totals() const;
  // False when the reader of standard output left: then there is nobody to tell anything.
  bool wants_summary() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The counts for people: lines, events, dead letters by reason.
std::string ledger_text(const DecodeStats& stats);

}  // namespace picket
