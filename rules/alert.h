// Alert: what picket tells people, from firing to resolved. The same value goes to every output.
//
// Thread rule: plain value; the engine makes it, outputs own copies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules/types.h"

namespace picket {

// One refused request as the alert shows it. Empty text: the log line did not carry it.
struct EvidenceItem {
  Timestamp time{};
  std::string request_id = {};
  std::string method = {};
  std::string path = {};
  std::string status = {};
  std::string code = {};
  std::string cause = {};
  std::string target = {};
  bool operator==(const EvidenceItem&) const = default;
};

struct AlertRule {
  std::string id = {};
  std::string name = {};
  std::string title = {};
};

// What the rule measured, as far as its type measures it.
struct AlertMeasure {
  std::optional<uint64_t> distinct = {};  // distinct values in the window, for value_count
  std::optional<double> score = {};
  std::optional<double> false_alarm = {};  // stated error rate of the deciding test
};

enum class AlertStatus : uint8_t { Firing, Resolved };

struct Alert {
  // Hash of rule, group and starts_at: a replay of the same lines gives the same id.
  std::string id = {};
  AlertStatus status = AlertStatus::Firing;
  AlertRule rule = {};
  Level severity = Level::Medium;
  Verdict verdict = Verdict::None;
  // Identity only (what the rule groups by, alertname, severity, verdict), sorted by name. Names
  // are valid Prometheus label names; values are clean UTF-8 without control characters.
  std::vector<std::pair<std::string, std::string>> labels = {};
  Timestamp starts_at{};                  // event time of the event that completed the condition
  Timestamp updated_at{};                 // event time of the newest event that counted
  std::optional<Timestamp> ends_at = {};  // set once resolved
  uint64_t events = 0;                    // events that counted since the group became active
  AlertMeasure measure = {};
  std::vector<std::pair<std::string, uint64_t>> causes = {};  // sorted by cause
  std::vector<EvidenceItem> evidence = {};                    // first and last events, by time
  std::vector<std::pair<std::string, std::string>> annotations = {};
};

// What happened to an alert. Outputs that keep history write Opened, Escalated and Resolved;
// Updated only refreshes counts.
enum class AlertChange : uint8_t { Opened, Updated, Escalated, Resolved };

struct AlertEvent {
  AlertChange change = AlertChange::Opened;
  Alert alert = {};
};

// The alert as one JSON object (no newline), in the documented field order. All text is sanitised:
// control, bidirectional and zero-width characters come out as \uXXXX escapes.
std::string to_json(const Alert& alert);

}  // namespace picket
