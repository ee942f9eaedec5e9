// The small vocabulary of the engine: times, levels, verdicts and ids.
//
// Thread rule: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

// Event time and wall time alike: milliseconds since 1970-01-01T00:00:00Z.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

constexpr Timestamp timestamp_ms(int64_t ms) { return Timestamp(Duration(ms)); }
constexpr int64_t to_ms(Timestamp t) { return t.time_since_epoch().count(); }

// Rounds towards the past, unlike `/`. REQUIRES: divisor > 0.
constexpr int64_t floor_div(int64_t value, int64_t divisor) {
  const int64_t quotient = value / divisor;
  return value % divisor < 0 ? quotient - 1 : quotient;
}

// RFC 3339 with 0 to 9 fractional digits and an offset or Z; nothing when it is not one.
std::optional<Timestamp> parse_rfc3339(std::string_view text);
// "2026-08-21T14:25:58.207Z", always milliseconds, always Z.
std::string format_rfc3339(Timestamp time);

// Sigma's levels, in rising order; also the severity of an alert.
enum class Level : uint8_t { Informational, Low, Medium, High, Critical };
std::string_view to_text(Level level);
std::optional<Level> parse_level(std::string_view text);

// What an alert says of the actor. None: the rule states no verdict.
enum class Verdict : uint8_t { None, BoundaryTesting, CredentialAbuse, QuotaAbuse, Misuse };
std::string_view to_text(Verdict verdict);  // "" for None
std::optional<Verdict> parse_verdict(std::string_view text);

// Index of one stream of lines (a file, standard input, a connection). Dense, never reused.
using StreamId = uint32_t;
// Index of a configured input ("source" in metrics and rules).
using SourceId = uint16_t;
// Index of a rule in its RuleSet.
using RuleId = uint32_t;
// Index of a field name in the FieldTable of a RuleSet.
using FieldId = uint16_t;
// Index of a schema in its RuleSet.
using SchemaId = uint8_t;

}  // namespace picket
