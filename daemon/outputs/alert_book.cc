// Tested by tests/daemon/outputs/alert_book_test.cc.
#include "daemon/outputs/alert_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/outputs/label_text.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kAnnotationBytesMax = 4096;
constexpr int kEndsAtIntervals = 4;  // as Prometheus does: three re-sends may be lost

// Sorted by name, so that equal identities give equal keys.
std::string labels_json(const Alert& alert) {
  std::map<std::string_view, std::string> clean;
  for (const auto& [name, value] : alert.labels) {
    if (!value.empty() && is_label_name(name)) clean.emplace(name, clean_label_value(value));
  }
  if (!clean.contains("alertname")) {
    const std::string& name = alert.rule.name.empty() ? alert.rule.id : alert.rule.name;
    clean.emplace("alertname", name.empty() ? "PicketAlert" : clean_label_value(name));
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& [name, value] : clean) json.member(name, value);
  json.end_object();
  return out;
}

std::string causes_text(const Alert& alert) {
  std::string out;
  for (const auto& [cause, count] : alert.causes) {
    out += fmt::format("{}{}={}", out.empty() ? "" : ", ", cause, count);
  }
  return out;
}

// Writes annotations once per name and never an empty one.
class AnnotationWriter {
 public:
  explicit AnnotationWriter(std::string& out) : json_(out) { json_.begin_object(); }
  void add(std::string_view name, std::string_view value) {
    if (value.empty() || !is_label_name(name) || !seen_.emplace(name).second) return;
    json_.member(name, clean_label_value(value, kAnnotationBytesMax));
  }
  void finish() { json_.end_object(); }

 private:
  JsonWriter json_;
  std::set<std::string, std::less<>> seen_;
};

// The rule's own words first, then what changes from one message to the next: counts, ids and times
// are annotations because a label would make a new alert of every change.
std::string annotations_json(const Alert& alert) {
  std::string out;
  AnnotationWriter annotations(out);
  for (const auto& [name, value] : alert.annotations) annotations.add(name, value);
  annotations.add("alert_id", alert.id);
  annotations.add("rule_id", alert.rule.id);
  annotations.add("events", std::to_string(alert.events));
  if (alert.measure.distinct) annotations.add("distinct", std::to_string(*alert.measure.distinct));
  if (alert.measure.score) annotations.add("score", fmt::format("{}", *alert.measure.score));
  if (alert.measure.false_alarm)
    annotations.add("false_alarm", fmt::format("{}", *alert.measure.false_alarm));
  annotations.add("causes", causes_text(alert));
  annotations.add("first_event", format_rfc3339(alert.starts_at));
  annotations.add("last_event", format_rfc3339(alert.updated_at));
  if (!alert.evidence.empty()) {
    annotations.add("first_request_id", alert.evidence.front().request_id);
    annotations.add("last_request_id", alert.evidence.back().request_id);
  }
  annotations.finish();
  return out;
}

// The id is a hash in hexadecimal; anything else is left out, so that data never shapes a URL.
std::string link_to(const std::string& external_url, const std::string& alert_id) {
  if (external_url.empty()) return {};
  std::string link = external_url;
  while (link.ends_with('/')) link.pop_back();
  link += "/api/v1/alerts?id=";
  for (const char c : alert_id) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) link += c;
  }
  return link;
}

}  // namespace

AlertBook::Entries::iterator AlertBook::record(const Alert& alert, Timestamp now) {
  std::string key = labels_json(alert);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    make_room();
    found = entries_.emplace(std::move(key), Entry{}).first;
    found->second.starts_at = std::min(alert.starts_at, now);
  } else if (found->second.alert_id != alert.id) {
    // The same actor again: a new alert under the same labels.
    forget(*found);
    found->second.starts_at = std::min(alert.starts_at, now);
  }
  Entry& entry = found->second;
  entry.alert_id = alert.id;
  entry.annotations = annotations_json(alert);
  entry.link = link_to(options_.external_url, alert.id);
  entry.changed = now;
  // An end in the future would be read as "still firing", one before the start is refused.
  entry.ends_at.reset();
  if (alert.status == AlertStatus::Resolved) {
    entry.ends_at = std::max(std::min(alert.ends_at.value_or(now), now), entry.starts_at);
  }
  return found;
}

// Drops the way from an alert's id to this entry; after an escalation the id may lead elsewhere.
void AlertBook::forget(const Entries::value_type& entry) {
  const auto known = labels_of_.find(entry.second.alert_id);
  if (known != labels_of_.end() && known->second == entry.first) labels_of_.erase(known);
}

// What goes is the oldest resolved alert, or else the one that was not heard of for longest. This
// looks at every entry, which is fine: more than ten thousand alerts at once is not a normal day.
void AlertBook::make_room() {
  if (entries_.size() < kEntriesMax) return;
  const auto oldest = std::ranges::min_element(entries_, {}, [](const auto& item) {
    return std::make_pair(!item.second.ends_at.has_value(), item.second.changed);
  });
  forget(*oldest);
  entries_.erase(oldest);
  ++overflow_;
}

std::vector<AlertBody> AlertBook::apply(const std::vector<AlertEvent>& events, Timestamp now) {
  std::vector<AlertBody> bodies;
  for (const AlertEvent& event : events) {
    const Alert& alert = event.alert;
    const auto recorded = record(alert, now);
    const auto known = labels_of_.find(alert.id);
    if (known != labels_of_.end() && known->second != recorded->first) {
      const auto old = entries_.find(known->second);
      if (old != entries_.end()) {
        old->second.ends_at = std::max(now, old->second.starts_at);
        old->second.changed = now;
        write(bodies, *old, now);
      }
    }
    if (alert.status == AlertStatus::Resolved) {
      labels_of_.erase(alert.id);
    } else {
      labels_of_[alert.id] = recorded->first;
    }
    write(bodies, *recorded, now);
  }
  return bodies;
}

std::vector<AlertBody> AlertBook::all(Timestamp now) {
  std::erase_if(entries_, [&](const auto& item) {
    return item.second.ends_at && now - item.second.changed > kResolvedFor;
  });
  std::vector<AlertBody> bodies;
  for (const auto& entry : entries_) write(bodies, entry, now);
  return bodies;
}

// Appends one alert to the last body, or to a new one when that is full.
void AlertBook::write(std::vector<AlertBody>& bodies, const Entries::value_type& entry,
                      Timestamp now) const {
  if (bodies.empty() || bodies.back().alerts >= options_.batch_max) bodies.push_back({"[]", 0});
  AlertBody& body = bodies.back();
  body.json.pop_back();
  if (body.alerts++ > 0) body.json += ',';
  const Entry& alert = entry.second;
  const Timestamp ends_at = alert.ends_at.value_or(std::max(now, alert.starts_at) +
                                                   kEndsAtIntervals * options_.resend_interval);
  JsonWriter json(body.json);
  json.begin_object();
  json.key("labels");
  json.raw(entry.first);
  json.key("annotations");
  json.raw(alert.annotations);
  json.member("startsAt", format_rfc3339(alert.starts_at));
  json.member("endsAt", format_rfc3339(ends_at));
  if (!alert.link.empty()) json.member("generatorURL", alert.link);
  json.end_object();
  body.json += ']';
}

}  // namespace picket
