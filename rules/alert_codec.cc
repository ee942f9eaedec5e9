#include "rules/alert_codec.h"

#include <utility>
#include <vector>

#include "rules/bytes.h"
#include "rules/dossier.h"

namespace picket {
namespace {

constexpr uint8_t kEventVersion = 1;

void put_pairs(std::string& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  put_bytes(out, static_cast<uint32_t>(pairs.size()));
  for (const auto& [name, value] : pairs) {
    put_text(out, name);
    put_text(out, value);
  }
}

bool take_pairs(std::string_view& in, std::vector<std::pair<std::string, std::string>>& pairs) {
  uint32_t count = 0;
  if (!take_bytes(in, count) || count > in.size()) return false;
  pairs.resize(count);
  for (auto& [name, value] : pairs) {
    if (!take_text(in, name) || !take_text(in, value)) return false;
  }
  return true;
}

void put_counts(std::string& out, const Alert& alert) {
  put_bytes(out, alert.events);
  put_bytes(out, static_cast<uint32_t>(alert.causes.size()));
  for (const auto& [cause, count] : alert.causes) {
    put_text(out, cause);
    put_bytes(out, count);
  }
  encode_evidence(alert.evidence, out);
}

bool take_counts(std::string_view& in, Alert& alert) {
  uint32_t count = 0;
  if (!take_bytes(in, alert.events) || !take_bytes(in, count) || count > Dossier::kCausesMax) {
    return false;
  }
  alert.causes.resize(count);
  for (auto& [cause, number] : alert.causes) {
    if (!take_text(in, cause) || !take_bytes(in, number)) return false;
  }
  return decode_evidence(in, alert.evidence);
}

template <class T>
void put_optional(std::string& out, const std::optional<T>& value) {
  put_bytes(out, value.has_value());
  put_bytes(out, value.value_or(T{}));
}

template <class T>
bool take_optional(std::string_view& in, std::optional<T>& value) {
  bool has = false;
  T inside{};
  if (!take_bytes(in, has) || !take_bytes(in, inside)) return false;
  if (has) value = inside;
  return true;
}

}  // namespace

void encode_alert(const Alert& alert, std::string& out) {
  put_text(out, alert.id);
  put_bytes(out, alert.severity);
  put_bytes(out, alert.verdict);
  put_bytes(out, to_ms(alert.starts_at));
  put_bytes(out, to_ms(alert.updated_at));
  put_optional(out, alert.measure.distinct);
  put_optional(out, alert.measure.score);
  put_optional(out, alert.measure.false_alarm);
  put_pairs(out, alert.labels);
  put_pairs(out, alert.annotations);
  put_counts(out, alert);
}

bool decode_alert(std::string_view& in, Alert& alert) {
  int64_t starts = 0;
  int64_t updated = 0;
  const bool good = take_text(in, alert.id) && take_bytes(in, alert.severity) &&
                    take_bytes(in, alert.verdict) && take_bytes(in, starts) &&
                    take_bytes(in, updated) && take_optional(in, alert.measure.distinct) &&
                    take_optional(in, alert.measure.score) &&
                    take_optional(in, alert.measure.false_alarm) && take_pairs(in, alert.labels) &&
                    take_pairs(in, alert.annotations) && take_counts(in, alert);
  alert.starts_at = timestamp_ms(starts);
  alert.updated_at = timestamp_ms(updated);
  return good && alert.severity <= Level::Critical && alert.verdict <= Verdict::Misuse;
}

std::string encode_event(const AlertEvent& event) {
  const Alert& alert = event.alert;
  std::string out;
  put_bytes(out, kEventVersion);
  put_bytes(out, event.change);
  put_bytes(out, alert.status);
  put_optional(out, alert.ends_at ? std::optional(to_ms(*alert.ends_at)) : std::nullopt);
  for (const std::string* text : {&alert.rule.id, &alert.rule.name, &alert.rule.title}) {
    put_text(out, *text);
  }
  encode_alert(alert, out);
  return out;
}

std::optional<AlertEvent> decode_event(std::string_view in) {
  AlertEvent event;
  Alert& alert = event.alert;
  uint8_t version = 0;
  std::optional<int64_t> ends;
  const bool good = take_bytes(in, version) && version == kEventVersion &&
                    take_bytes(in, event.change) && take_bytes(in, alert.status) &&
                    take_optional(in, ends) && take_text(in, alert.rule.id) &&
                    take_text(in, alert.rule.name) && take_text(in, alert.rule.title) &&
                    decode_alert(in, alert) && in.empty();
  if (!good || event.change > AlertChange::Resolved || alert.status > AlertStatus::Resolved) {
    return std::nullopt;
  }
  if (ends) alert.ends_at = timestamp_ms(*ends);
  return event;
}

}  // namespace picket
