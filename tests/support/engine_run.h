// EngineRun: rules, schemas and lines as text, through Processor and Engine, to alert events.
//
// Every test of the engine layer goes this way, so that it tests what the daemon runs.
//
// Thread rule: one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/engine.h"
#include "rules/processor.h"

namespace picket {

// A schema for tests: time `t` in milliseconds, actor `who`, everything else by its own path.
extern const char kTestSchema[];

// Compiles; fails the test and returns null when the rules or schemas have problems.
std::shared_ptr<const RuleSet> make_rules(const std::string& rules,
                                          const std::vector<std::string>& schemas = {kTestSchema});
// The same, with the problems handed back instead.
Result<std::shared_ptr<const RuleSet>> try_rules(const std::string& rules,
                                                 const std::vector<std::string>& schemas);
// Schemas and packs as they ship.
std::vector<Schema> shipped_schemas();
std::shared_ptr<const RuleSet> shipped_rules();
std::string read_text_file(const std::string& path);

// One line for kTestSchema: {"t":…,"e":"…","who":"…"EXTRA}.
std::string test_line(int64_t time, std::string_view e, std::string_view who = "w",
                      std::string_view extra = "");

class EngineRun {
 public:
  struct Options {
    EngineOptions engine = {.live = false};
    std::optional<Duration> lateness = Duration(0);
    size_t streams = 1;
    int schema = 0;
  };
  explicit EngineRun(std::shared_ptr<const RuleSet> rules) : EngineRun(std::move(rules), {}) {}
  EngineRun(std::shared_ptr<const RuleSet> rules, Options options);

  // One batch of lines; the wall clock says `now`.
  void lines(std::string_view text, StreamId stream = 0, Timestamp now = timestamp_ms(0));
  void end_stream(StreamId stream);
  void finish() { engine.finish(events); }

  Engine engine;
  Processor processor;
  HitBatch hits;  // of the last batch
  std::vector<AlertEvent> events;

 private:
  int schema_;
};

// "opened"/"updated"/"escalated"/"resolved" and the alert as JSON, one line each.
std::string to_text(const std::vector<AlertEvent>& events);
std::string_view to_text(AlertChange change);

// True when the texts are the same; else the message shows the first line that differs.
testing::AssertionResult same_lines(const std::string& found, const std::string& expected);

// What comes of `lines`, cut into batches of `per_batch` lines, one stream, to the end.
std::string alerts_of(std::shared_ptr<const RuleSet> rules, const std::vector<std::string>& lines,
                      size_t per_batch, Duration lateness);

}  // namespace picket
