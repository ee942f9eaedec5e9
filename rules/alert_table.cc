#include "rules/alert_table.h"

#include <algorithm>

#include "rules/bytes.h"

namespace picket {

ActiveAlert* AlertTable::find(const GroupKey& key) {
  auto it = alerts_.find(key);
  return it == alerts_.end() ? nullptr : &it->second;
}

ActiveAlert& AlertTable::open(ActiveAlert alert) {
  GroupKey key = alert.key;
  due_[alert.rank].emplace(alert.due, key);
  return alerts_.emplace(key, std::move(alert)).first->second;
}

void AlertTable::extend(ActiveAlert& alert, Timestamp due) {
  if (due <= alert.due) return;
  due_[alert.rank].erase({alert.due, alert.key});
  alert.due = due;
  due_[alert.rank].emplace(alert.due, alert.key);
}

void AlertTable::set_rank(ActiveAlert& alert, uint8_t rank) {
  due_[alert.rank].erase({alert.due, alert.key});
  alert.rank = rank;
  due_[rank].emplace(alert.due, alert.key);
}

ActiveAlert* AlertTable::least() {
  for (const auto& due : due_) {
    if (!due.empty()) return find(due.begin()->second);
  }
  return nullptr;
}

ActiveAlert AlertTable::take(const GroupKey& key) {
  auto it = alerts_.find(key);
  ActiveAlert taken = std::move(it->second);
  due_[taken.rank].erase({taken.due, key});
  alerts_.erase(it);
  return taken;
}

std::optional<ActiveAlert> AlertTable::take_due(Timestamp time) {
  const std::pair<Timestamp, GroupKey>* first = nullptr;
  for (const auto& due : due_) {
    if (!due.empty() && (first == nullptr || *due.begin() < *first)) first = &*due.begin();
  }
  if (first == nullptr || first->first >= time) return std::nullopt;
  return take(GroupKey(first->second));
}

std::vector<Alert> AlertTable::snapshot() const {
  std::vector<Alert> alerts;
  for (const auto& [key, active] : alerts_) {
    if (!active.shadow) alerts.push_back(active.alert);
  }
  std::sort(alerts.begin(), alerts.end(), [](const Alert& a, const Alert& b) {
    return std::tie(a.starts_at, a.id) < std::tie(b.starts_at, b.id);
  });
  return alerts;
}

namespace {

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

std::string AlertTable::encode(const ActiveAlert& active) {
  const Alert& alert = active.alert;
  std::string out;
  put_text(out, active.key.encode());
  put_bytes(out, to_ms(active.due));
  put_bytes(out, to_ms(active.emitted));
  put_bytes(out, static_cast<uint64_t>(active.escalated));
  put_bytes(out, active.shadow);
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
  return out;
}

std::optional<ActiveAlert> AlertTable::decode(std::string_view in) {
  ActiveAlert active;
  Alert& alert = active.alert;
  std::string_view key;
  int64_t due = 0;
  int64_t emitted = 0;
  int64_t starts = 0;
  int64_t updated = 0;
  uint64_t escalated = 0;
  bool good = take_text(in, key) && take_bytes(in, due) && take_bytes(in, emitted) &&
              take_bytes(in, escalated) && take_bytes(in, active.shadow) &&
              take_text(in, alert.id) && take_bytes(in, alert.severity) &&
              take_bytes(in, alert.verdict) && take_bytes(in, starts) && take_bytes(in, updated) &&
              take_optional(in, alert.measure.distinct) && take_optional(in, alert.measure.score) &&
              take_optional(in, alert.measure.false_alarm) && take_pairs(in, alert.labels) &&
              take_pairs(in, alert.annotations) && take_counts(in, alert) && in.empty();
  std::optional<GroupKey> decoded = good ? GroupKey::decode(key) : std::nullopt;
  if (!decoded || alert.severity > Level::Critical || alert.verdict > Verdict::Misuse) {
    return std::nullopt;
  }
  active.key = *decoded;
  active.due = timestamp_ms(due);
  active.emitted = timestamp_ms(emitted);
  active.escalated = escalated;
  alert.starts_at = timestamp_ms(starts);
  alert.updated_at = timestamp_ms(updated);
  return active;
}

}  // namespace picket
