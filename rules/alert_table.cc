#include "rules/alert_table.h"

#include <algorithm>

#include "rules/alert_codec.h"
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

std::string AlertTable::encode(const ActiveAlert& active) {
  std::string out;
  put_text(out, active.key.encode());
  put_bytes(out, to_ms(active.due));
  put_bytes(out, to_ms(active.emitted));
  put_bytes(out, static_cast<uint64_t>(active.escalated));
  put_bytes(out, active.shadow);
  encode_alert(active.alert, out);
  return out;
}

std::optional<ActiveAlert> AlertTable::decode(std::string_view in) {
  ActiveAlert active;
  std::string_view key;
  int64_t due = 0;
  int64_t emitted = 0;
  uint64_t escalated = 0;
  bool good = take_text(in, key) && take_bytes(in, due) && take_bytes(in, emitted) &&
              take_bytes(in, escalated) && take_bytes(in, active.shadow) &&
              decode_alert(in, active.alert) && in.empty();
  std::optional<GroupKey> decoded = good ? GroupKey::decode(key) : std::nullopt;
  if (!decoded) return std::nullopt;
  active.key = *decoded;
  active.due = timestamp_ms(due);
  active.emitted = timestamp_ms(emitted);
  active.escalated = escalated;
  return active;
}

}  // namespace picket
