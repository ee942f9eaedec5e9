// What follows from a judgement: alerts open, change, escalate and end. See engine.h.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "rules/decode.h"
#include "rules/engine.h"
#include "rules/group_values.h"

namespace picket {
namespace {

// Outputs hear of a growing alert at most this often, in event time.
constexpr Duration kUpdateEvery{std::chrono::seconds(30)};
constexpr size_t kLabelBytesMax = 256;

// "protected_resource_probing" -> "PicketProtectedResourceProbing".
std::string alert_name(const RuleHead& head) {
  std::string name = "Picket";
  bool start = true;
  for (char c : head.name.empty() ? head.title : head.name) {
    bool lower = c >= 'a' && c <= 'z';
    bool kept = lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!kept) {
      start = true;
      continue;
    }
    name.push_back(start && lower ? static_cast<char>(c - 32) : c);
    start = false;
  }
  return name;
}

// Control characters would travel raw through Alertmanager to whatever shows the alert.
std::string clean_label(std::string_view text) {
  size_t size = std::min(text.size(), kLabelBytesMax);
  while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
  std::string clean(text.substr(0, size));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return clean;
}

std::string plural(uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string who(const Alert& alert) {
  std::string text;
  for (const auto& [name, value] : alert.labels) {
    if (name == "alertname" || name == "severity" || name == "verdict") continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
  }
  return text.empty() ? "all actors" : text;
}

std::string describe(const Alert& alert) {
  std::string text =
      fmt::format("{}: {} since {}", who(alert), plural(alert.events, "event"),
                  alert.evidence.empty() ? format_rfc3339(alert.starts_at)
                                         : format_rfc3339(alert.evidence.front().time));
  if (alert.measure.distinct)
    text += fmt::format(", {} distinct in the window", *alert.measure.distinct);
  std::string causes;
  for (const auto& [cause, count] : alert.causes) {
    causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ", count, cause);
  }
  if (!causes.empty()) text += " (" + causes + ")";
  return text + ".";
}

void set_label(Alert& alert, std::string_view name, std::string_view value) {
  for (auto& [known, text] : alert.labels) {
    if (known == name) text = value;
  }
}

// True when nothing but what any client may claim tells who it was. Addresses, and with them what
// is known of them, come from headers that the caller writes: they alone never make an alert
// critical.
bool address_only(const Alert& alert) {
  bool address = false;
  for (const auto& [name, value] : alert.labels) {
    const bool claimed = name == "client_address" || name == "user_agent_original" ||
                         name.starts_with("client_as_") || name.starts_with("geo_");
    address = address || claimed;
    if (!claimed && name != "alertname" && name != "severity" && name != "verdict") return false;
  }
  return address;
}

void set_annotation(Alert& alert, std::string_view name, std::string value) {
  if (value.empty()) return;
  for (auto& [known, text] : alert.annotations) {
    if (known == name) {
      text = std::move(value);
      return;
    }
  }
  alert.annotations.emplace_back(std::string(name), std::move(value));
}

}  // namespace

bool Engine::judge(Group& group, const Judgement& judgement, std::vector<AlertEvent>& out) {
  // Nearly all hits are of groups without an alert that stay without one.
  if (!group.firing && !judgement.holds) return true;
  if (ActiveAlert* active = alerts_.find(group.key)) {
    update_alert(*active, group, judgement, out);
  } else if (judgement.holds && !cooling_.blocks(group.key, hand_.key)) {
    return open_alert(group, judgement, out);
  }
  return true;
}

bool Engine::open_alert(Group& group, const Judgement& judgement, std::vector<AlertEvent>& out) {
  const CorrelationProgram& program = rules_->correlations()[group.correlation];
  const RuleHead& rule = head(program);
  ActiveAlert active;
  active.key = group.key;
  active.correlation = group.correlation;
  active.due = hand_.time + program.resolve_after;
  active.shadow = rule.picket.shadow || program.silent;
  active.stale = true;
  Alert& alert = active.alert;
  alert.rule = {rule.id, rule.name, rule.title};
  alert.severity = rule.level;
  alert.verdict = rule.picket.verdict;
  alert.starts_at = hand_.time;
  alert.updated_at = hand_.time;
  alert.measure = {judgement.distinct, judgement.score, judgement.false_alarm};
  std::string identity = rule.id + '\0' + rule.name + '\0' + group.key.encode();
  identity += std::to_string(to_ms(alert.starts_at));
  XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  alert.id = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  name_alert(alert, program);
  if (address_only(alert)) alert.severity = std::min(alert.severity, Level::High);
  escalate(active, judgement.value);
  set_label(alert, "severity", to_text(alert.severity));
  active.rank = rank_of(active);
  // Equals keep their place, so that a flood of alerts makes no flood of messages about their
  // comings and goings.
  if (too_many_alerts(1) && alerts_.least()->rank >= active.rank) {
    ++stats_.rules[program.rule].dropped;
    return false;
  }
  group.firing = true;
  ActiveAlert& opened = alerts_.open(std::move(active));
  ++stats_.rules[program.rule].alerts;
  // What counts as an incident may page somebody through the metrics, so a shadow never does.
  if (!opened.shadow) {
    auto level = static_cast<size_t>(opened.alert.severity);
    ++stats_.alerts_opened[level];
    ++stats_.alerts_active[level];
  }
  emit(AlertChange::Opened, opened, out);
  // The feeds of a detection are for its events, not for its alerts.
  bool correlation = rules_->rules()[program.rule].kind == RuleKind::Correlation;
  const bool counted =
      !rules_->feeds(program.rule).empty() || !rules_->guarded_feeds(program.rule).empty();
  if (!correlation || !counted) return true;
  hand_.opened.push_back(
      {program.rule, hand_.time, hand_.key, hand_.values, match_evidence(group)});
  return true;
}

// What those that count the match show of it: what its group keeps, which may be nothing.
Evidence Engine::match_evidence(const Group& group) const {
  Evidence items = group.dossier.evidence();
  if (items.empty()) items.push_back({.time = hand_.time});
  return items;
}

void Engine::name_alert(Alert& alert, const CorrelationProgram& program) const {
  const RuleHead& rule = head(program);
  auto& labels = alert.labels;
  labels = {{"alertname", alert_name(rule)}, {"severity", std::string(to_text(alert.severity))}};
  if (alert.verdict != Verdict::None) labels.emplace_back("verdict", to_text(alert.verdict));
  const std::vector<std::string> values = split_group_values(hand_.values);
  for (size_t i = 0; i < std::min(values.size(), program.group_labels.size()); ++i) {
    const std::string& value = values[i];
    if (!program.group_labels[i].empty()) {
      labels.emplace_back(program.group_labels[i], clean_label(value));
      continue;
    }
    for (const auto& [name, part] : split_actor(value)) {
      labels.emplace_back(std::string(name), clean_label(part));
    }
  }
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  std::sort(labels.begin(), labels.end());
  auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  labels.erase(std::unique(labels.begin(), labels.end(), same_name), labels.end());
  set_annotation(alert, "summary", rule.picket.summary.empty() ? rule.title : rule.picket.summary);
  set_annotation(alert, "description", "-");
  set_annotation(alert, "remediation", rule.picket.remediation);
  if (!rule.picket.runbook.empty()) {
    set_annotation(alert, "runbook_url", options_.runbook_base + rule.picket.runbook + ".md");
  }
  if (rule.picket.mistake > 0) {
    set_annotation(alert, "mistake", std::to_string(rule.picket.mistake));
  }
}

void Engine::update_alert(ActiveAlert& active, const Group& group, const Judgement& judgement,
                          std::vector<AlertEvent>& out) {
  const CorrelationProgram& program = rules_->correlations()[group.correlation];
  Alert& alert = active.alert;
  // Time that passes is news only as far as the condition goes on holding.
  bool news = judgement.holds || hand_.event || hand_.match != nullptr;
  if (news) alert.updated_at = std::max(alert.updated_at, hand_.time);
  if (judgement.score) alert.measure.score = judgement.score;
  if (judgement.false_alarm) alert.measure.false_alarm = judgement.false_alarm;
  if (judgement.distinct) {
    alert.measure.distinct = std::max(alert.measure.distinct.value_or(0), *judgement.distinct);
  }
  active.stale = true;
  if (judgement.holds) alerts_.extend(active, hand_.time + program.resolve_after);
  auto before = static_cast<size_t>(alert.severity);
  if (escalate(active, judgement.value)) {
    if (!active.shadow) {
      --stats_.alerts_active[before];
      ++stats_.alerts_active[static_cast<size_t>(alert.severity)];
    }
    set_label(alert, "severity", to_text(alert.severity));
    alerts_.set_rank(active, rank_of(active));
    emit(AlertChange::Escalated, active, out);
  } else if (news && hand_.time - active.emitted >= kUpdateEvery) {
    emit(AlertChange::Updated, active, out);
  } else {
    mark_changed(active);
  }
}

// Shadow rules first, then by severity.
uint8_t Engine::rank_of(const ActiveAlert& active) const {
  const RuleHead& rule = head(rules_->correlations()[active.correlation]);
  return rule.picket.shadow ? 0 : static_cast<uint8_t>(1 + static_cast<int>(active.alert.severity));
}

// Whether there are, with `more` of them.
bool Engine::too_many_alerts(size_t more) const {
  return alerts_.size() > 0 &&
         (alerts_.size() + more > options_.alerts_max || groups_.firing_over());
}

void Engine::end_least_alerts(std::vector<AlertEvent>& out) {
  while (too_many_alerts(0)) {
    ActiveAlert least = alerts_.take(alerts_.least()->key);
    ++stats_.rules[rules_->correlations()[least.correlation].rule].dropped;
    const GroupKey key = least.key;
    end_alert(std::move(least), hand_.key, out);
    // Nor does it keep others from the memory that it gave up.
    if (Group* group = groups_.find(key)) groups_.restore(*group, 0);
  }
}

void Engine::mark_changed(ActiveAlert& active) {
  if (!options_.track_changes || active.changed) return;
  active.changed = true;
  changed_alerts_.push_back(active.key);
}

bool Engine::escalate(ActiveAlert& active, double value) const {
  const auto& steps = head(rules_->correlations()[active.correlation]).picket.escalate;
  bool raised = false;
  while (active.escalated < steps.size() && value >= steps[active.escalated].gte) {
    Level level = steps[active.escalated++].level;
    if (address_only(active.alert)) level = std::min(level, Level::High);
    if (level <= active.alert.severity) continue;
    active.alert.severity = level;
    raised = true;
  }
  return raised;
}

// Brings counts and evidence up to date with the group.
void Engine::refresh(ActiveAlert& active) {
  const Group* group = groups_.find(active.key);
  if (!active.stale || !group) return;
  active.stale = false;
  Alert& alert = active.alert;
  alert.events = group->dossier.events();
  alert.causes = group->dossier.causes();
  alert.evidence = group->dossier.evidence();
  std::stable_sort(alert.evidence.begin(), alert.evidence.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  set_annotation(alert, "description", describe(alert));
}

void Engine::resolve_due(Timestamp before, std::vector<AlertEvent>& out) {
  while (std::optional<ActiveAlert> ended = alerts_.take_due(before)) {
    const Timestamp due = ended->due;
    end_alert(*std::move(ended), due, out);
  }
}

void Engine::end_alert(ActiveAlert ended, Timestamp at, std::vector<AlertEvent>& out) {
  refresh(ended);
  Alert& alert = ended.alert;
  alert.status = AlertStatus::Resolved;
  alert.ends_at = at;
  if (!ended.shadow) {
    auto level = static_cast<size_t>(alert.severity);
    --stats_.alerts_active[level];
    ++stats_.alerts_closed[level];
  }
  const RuleHead& rule = head(rules_->correlations()[ended.correlation]);
  if (rule.picket.cooldown > Duration(0) && !cooling_.add(ended.key, at + rule.picket.cooldown)) {
    ++stats_.cooldowns_dropped;
  }
  if (Group* group = groups_.find(ended.key)) {
    group->firing = false;
    group->dossier = {};
    // It was suspicious a moment ago, but newcomers on their way to an alert come first.
    groups_.restore(*group, GroupTable::kHolds / 2);
  }
  emit(AlertChange::Resolved, ended, out);
}

void Engine::emit(AlertChange change, ActiveAlert& active, std::vector<AlertEvent>& out) {
  refresh(active);
  active.emitted = active.alert.updated_at;
  mark_changed(active);
  if (!active.shadow || options_.show_shadow) out.push_back({change, active.alert});
}

std::vector<Alert> Engine::active_alerts() {
  alerts_.for_each([this](ActiveAlert& active) { refresh(active); });
  return alerts_.snapshot();
}

}  // namespace picket
