// OptionReader: how the correlation types beyond Sigma read their `picket: {correlation: …}` map.
//
// Each type asks for its keys; the reader collects every problem with its place, gathers the rules
// that the keys name (each once, in the order in which they are asked for) and tells the type which
// bit of GroupHit::roles each key stands for. What the engine needs to know, it finds in a Wiring.
//
// Example: `part: [denied, masked], whole: requests` with roles("part") and then roles("whole")
// gives the rules denied, masked, requests and the masks 0b011 and 0b100.
//
// Thread rule: one caller; borrows the spec. Tested by tests/rules/correlators/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"
#include "config/result.h"
#include "rules/rule_spec.h"
#include "rules/types.h"

namespace picket {

// What a type beyond Sigma asks of the engine; it goes into the CorrelationSpec.
struct Wiring {
  std::vector<std::string> rules = {};   // in the order of the bits of GroupHit::roles
  std::vector<std::string> fields = {};  // whose values are counted
  Duration timespan{0};
};

// Puts `wiring` where the engine looks for it.
void adopt(Wiring wiring, CorrelationSpec& spec);

// An open interval of numbers, or one that includes its ends.
struct NumberRange {
  double min = 0;
  double max = 1;
  bool ends = false;
  bool contains(double value) const {
    return ends ? value >= min && value <= max : value > min && value < max;
  }
};

class OptionReader {
 public:
  explicit OptionReader(const CorrelationSpec& spec);

  // The rules named under `key`, a text or a list: the bits of GroupHit::roles that stand for them.
  // For "rules", what the document's own `rules` says will do as well. Nothing named is a problem.
  uint64_t roles(std::string_view key);
  // One more rule, named at `where`. Zero when there are too many.
  uint64_t role(const std::string& rule, const Node& where);
  // The counted fields, a text or a list. Nothing named is a problem.
  void fields(std::string_view key);

  bool has(std::string_view key) { return reader_.optional(key) != nullptr; }
  const Node* require(std::string_view key) { return reader_.require(key); }
  // Without a fallback the key must be there. What is out of range is a problem.
  double number(std::string_view key, NumberRange range, std::optional<double> fallback = {});
  int64_t integer(std::string_view key, int64_t min, std::optional<int64_t> fallback = {});
  // Longer than nothing and at most ten years.
  Duration duration(std::string_view key, std::optional<Duration> fallback = {});
  // The same, or nothing.
  Duration duration_or_none(std::string_view key, Duration fallback);

  // The document's own timespan: it must be there, may be there, or stands under `key` instead.
  Duration required_timespan();
  Duration timespan_or(Duration fallback);
  void timespan_is(Duration timespan, std::string_view key);

  // A problem at the value of `key`, or at the map when there is none.
  void error(std::string_view key, std::string message, std::string hint = {});
  Diagnostics& diagnostics() { return diagnostics_; }

  // Call it last. Adds what is wrong with the whole, and moves the wiring to `options.wiring`.
  template <class Options>
  Result<Options> finish(Options options) {
    if (!close()) return std::unexpected(std::move(diagnostics_));
    options.wiring = std::move(wiring_);
    return options;
  }

 private:
  bool close();

  const CorrelationSpec& spec_;
  const Node& node_;
  Diagnostics diagnostics_;
  MapReader reader_;
  Wiring wiring_;
};

// "40 s", "2 h", "1 d": in the greatest unit that leaves no rest, for people.
std::string duration_text(Duration duration);

// For what is left of some time: like it, but to two or three digits, rounded down.
std::string time_left_text(Duration left);

// Event times and state read back may be anything; beyond some 140,000 years they are taken to be
// that far away, so that no sum of a time and a duration overflows.
constexpr int64_t kTimeLimitMs = int64_t{1} << 52U;
int64_t bounded_ms(Timestamp time);
inline bool is_bounded_ms(int64_t ms) { return ms >= -kTimeLimitMs && ms <= kTimeLimitMs; }

}  // namespace picket
