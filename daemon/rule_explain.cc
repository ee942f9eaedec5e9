#include "daemon/rule_explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/correlators/option_reader.h"
#include "rules/decode.h"
#include "rules/engine.h"
#include "rules/explain_match.h"
#include "rules/json_writer.h"
#include "rules/processor.h"
#include "rules/timers.h"

namespace picket {
namespace {

// The state that the correlator made, without what the engine wraps it in.
const GroupState& inner_state(GroupState& state) {
  TimedState* timed = state.timed();
  return timed ? timed->inner() : state;
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.append("  ").append(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string logsource_text(const Logsource& source) {
  std::string out;
  const auto add = [&out](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", key, printable(value));
  };
  add("product", source.product);
  add("service", source.service);
  add("category", source.category);
  return out.empty() ? "any source" : out;
}

std::string exception_text(const RuleException& exception) {
  std::string out;
  if (!exception.reason.empty()) out += " \"" + printable(exception.reason) + "\"";
  if (!exception.owner.empty()) out += ", owner " + printable(exception.owner);
  if (exception.expires) out += ", until " + format_rfc3339(*exception.expires);
  return out;
}

class Explainer final : public EventObserver {
 public:
  Explainer(const std::shared_ptr<const RuleSet>& rules, RuleId rule)
      : rules_(rules), rule_(rule), info_(rules->rules()[rule]) {}

  void on_event(Event& event, const Refusal* refusal,
                const std::vector<RuleId>& detections) override {
    const std::string& schema = rules_->plans().schemas[event.schema].name;
    text += fmt::format("\nline {}{}, {}, schema {}\n", line_ + 1,
                        event.record > 0 ? fmt::format(" record {}", event.record) : "",
                        event.timed ? format_rfc3339(event.time) : "without a time", schema);
    newest = std::max(newest, event.time);
    if (info_.kind == RuleKind::Correlation) {
      counted(event, refusal, detections);
    } else {
      detection(event, refusal);
    }
  }

  void begin_line(uint32_t line) { line_ = line; }
  // The group that the event at hand falls into, as text; empty when it falls into none.
  std::string take_group() { return std::exchange(group_, {}); }

  std::string text;
  Timestamp newest = Timestamp::min();

 private:
  void detection(Event& event, const Refusal* refusal) {
    const DetectionSpec& spec = rules_->documents().detections[rule_];
    const Logsource& schema = rules_->plans().schemas[event.schema].logsource;
    if (!logsource_applies(spec.logsource, schema)) {
      text += fmt::format("  NOT TRIED: the rule is for {}, the event is from {}\n",
                          logsource_text(spec.logsource), logsource_text(schema));
      return;
    }
    const MatchExplanation why = explain_match(spec.condition, rules_->fields(), event);
    const bool excepted = why.holds && exceptions(spec.head, event);
    text += why.holds && !excepted ? "  MATCHES\n" : "  DOES NOT MATCH\n";
    text += indented(why.text);
    if (info_.kind == RuleKind::Classify && refusal && refusal->rule != rule_) {
      const RuleHead& other = *rules_->rules()[refusal->rule].head;
      text += fmt::format("  the refusal is named by '{}', which is tried first\n",
                          printable(other.title));
    }
  }

  // Says which exceptions match the event; true when one of them is in force.
  bool exceptions(const RuleHead& head, Event& event) {
    bool any = false;
    for (size_t i = 0; i < head.picket.exceptions.size(); ++i) {
      const RuleException& exception = head.picket.exceptions[i];
      if (!explain_match(exception.match, rules_->fields(), event).holds) continue;
      const bool expired = exception.expires && event.time >= *exception.expires;
      text += fmt::format(
          "  exception {}{}{}\n", i + 1,
          expired ? " matches but has expired:" : " applies:", exception_text(exception));
      any = any || !expired;
    }
    return any;
  }

  void counted(Event& event, const Refusal* refusal, const std::vector<RuleId>& detections) {
    std::vector<RuleId> matched = detections;
    if (refusal) matched.push_back(refusal->rule);
    std::string names;
    const Feed* feed = nullptr;
    for (const RuleId rule : matched) {
      const Feed* found = feed_of(rule);
      if (!found) continue;
      feed = found;
      names += (names.empty() ? "'" : ", '") + printable(rules_->rules()[rule].head->title) + "'";
    }
    if (!feed) {
      const std::string inner = inner_that_counts(matched);
      text += inner.empty()
                  ? "  does not count: it matches none of the rules that this one counts\n"
                  : "  is for " + inner + ", whose matches this one counts\n";
      return;
    }
    if (exceptions(*info_.head, event)) {
      text += "  does not count, though it matches " + names + "\n";
      return;
    }
    group_ = group_text(*feed, event);
    text += group_.empty()
                ? fmt::format(
                      "  does not count, though it matches {}: a field to group "
                      "by is missing\n",
                      names)
                : fmt::format("  counts, because it matches {}; group {}\n", names, group_);
  }

  // The correlations that the explained one counts and that count one of `matched`, directly or
  // not: "'Inner'".
  std::string inner_that_counts(const std::vector<RuleId>& matched) const {
    std::string names;
    for (RuleId rule = 0; rule < rules_->rules().size(); ++rule) {
      if (rules_->rules()[rule].kind != RuleKind::Correlation || !feed_of(rule)) continue;
      const Explainer inner(rules_, rule);
      const auto counts = [&](RuleId hit) { return inner.feed_of(hit) != nullptr; };
      const bool direct = std::any_of(matched.begin(), matched.end(), counts);
      if (!direct && inner.inner_that_counts(matched).empty()) continue;
      names += (names.empty() ? "'" : ", '") + printable(rules_->rules()[rule].head->title) + "'";
    }
    return names;
  }

  // How hits of `rule` feed the correlation that is explained, or null.
  const Feed* feed_of(RuleId rule) const {
    const auto mine = [this](RuleId id) -> const Feed* {
      for (const Feed& feed : rules_->feeds(id)) {
        if (static_cast<int>(feed.correlation) == info_.correlation) return &feed;
      }
      return nullptr;
    };
    if (const Feed* feed = mine(rule)) return feed;
    if (const RuleId parted = rules_->background_feed(rule); parted != 0) {
      if (const Feed* feed = mine(parted)) return feed;
    }
    for (const GuardedFeed& guarded : rules_->guarded_feeds(rule)) {
      if (const Feed* feed = mine(guarded.feed)) return feed;
    }
    return nullptr;
  }

  std::string group_text(const Feed& feed, Event& event) const {
    if (feed.group.empty()) return "(all events)";
    std::string out;
    for (const uint16_t capture : feed.group) {
      const FieldId field = rules_->captures()[capture];
      const Value& value = event.get(field);
      const bool missing = value.kind == ValueKind::Absent || value.kind == ValueKind::Null;
      if (missing && !info_.head->picket.group_missing_empty) return {};
      const std::string shown = field == BuiltinField::kActor ? printable(actor_text(value.text()))
                                                              : printable(value.text());
      out += fmt::format("{}{}={}", out.empty() ? "" : ", ", rules_->fields().name(field), shown);
    }
    return out;
  }

  const std::shared_ptr<const RuleSet>& rules_;
  const RuleId rule_;
  const RuleInfo& info_;
  uint32_t line_ = 0;
  std::string group_;
};

// Runs the lines one by one, so that a group that appears belongs to the line at hand.
class Run {
 public:
  Run(const std::shared_ptr<const RuleSet>& rules, RuleId rule, int schema)
      : rules_(rules),
        rule_(rule),
        schema_(schema),
        explainer_(rules, rule),
        processor_(rules, &explainer_),
        engine_(rules, {"events"}, {.live = false, .track_changes = false, .show_shadow = true}) {
    // Without lateness every event takes effect at once.
    engine_.add_stream(0, Duration(0));
  }

  std::string explain(std::string_view lines) {
    for (uint32_t number = 0; !lines.empty(); ++number) {
      const size_t end = std::min(lines.find('\n'), lines.size() - 1) + 1;
      line(number, lines.substr(0, end));
      lines.remove_prefix(end);
    }
    if (rules_->rules()[rule_].kind == RuleKind::Correlation) groups();
    return std::move(explainer_.text);
  }

 private:
  void line(uint32_t number, std::string_view bytes) {
    LineBatch batch;
    batch.bytes = PaddedBytes(bytes);
    explainer_.begin_line(number);
    processor_.process(std::move(batch), {.fixed_schema = schema_}, hits_);
    for (const DeadLetter& dead : hits_.dead) {
      explainer_.text +=
          fmt::format("\nline {}: no event ({})\n", number + 1, to_text(dead.reason));
    }
    std::vector<AlertEvent> changes;
    const uint64_t counted = engine_.stats().rules[rule_].matches;
    const std::string group = explainer_.take_group();
    engine_.process(hits_, Timestamp{}, changes);
    const bool by_match = group.empty() && engine_.stats().rules[rule_].matches > counted;
    if (by_match) explainer_.text += "  a match of a rule that this one counts: it counts\n";
    for (const AlertEvent& change : changes) {
      if (change.alert.rule.title != rules_->rules()[rule_].head->title) continue;
      if (change.change == AlertChange::Opened) explainer_.text += "  an alert opens\n";
      if (change.change == AlertChange::Resolved) explainer_.text += "  an alert has ended\n";
    }
    name_new_group(group);
  }

  void name_new_group(const std::string& name) {
    engine_.for_each_group(rule_, [&](const Group& group) {
      names_.try_emplace(group.key, name.empty() ? "(of a chained rule)" : name);
    });
  }

  void groups() {
    std::string& out = explainer_.text;
    const Timestamp now = explainer_.newest;
    out += "\nwhere it stands";
    if (now != Timestamp::min()) out += " at " + format_rfc3339(now);
    out += "\n";
    const RuleInfo& info = rules_->rules()[rule_];
    size_t count = 0;
    engine_.for_each_group(rule_, [&](const Group& group) {
      ++count;
      const CorrelationProgram& program = rules_->correlations()[group.correlation];
      const std::string state = program.correlator->describe(inner_state(*group.state), now);
      out += fmt::format("  {}: {} event{} counted, the last at {}\n", names_[group.key],
                         group.dossier.events(), group.dossier.events() == 1 ? "" : "s",
                         format_rfc3339(group.last));
      if (!state.empty()) out += "    " + printable(state) + "\n";
      out += group.firing ? "    an alert is open\n" : "    no alert is open\n";
    });
    const RuleStats& stats = engine_.stats().rules[rule_];
    if (count == 0) out += "  no group has counted anything\n";
    if (stats.group_missing > 0) {
      out += fmt::format("  {} without a field to group by: {}\n", stats.group_missing,
                         info.head->picket.group_missing_empty ? "together" : "not counted");
    }
    out += fmt::format("  alerts opened: {}\n", stats.alerts);
  }

  const std::shared_ptr<const RuleSet>& rules_;
  const RuleId rule_;
  const int schema_;
  Explainer explainer_;
  Processor processor_;
  Engine engine_;
  HitBatch hits_;
  std::map<GroupKey, std::string> names_;
};

std::string head_text(const RuleSet& rules, RuleId rule) {
  const RuleInfo& info = rules.rules()[rule];
  const RuleHead& head = *info.head;
  std::string out =
      fmt::format("rule '{}' ({}:{})\n", printable(head.title), head.where.file, head.where.line);
  if (head.picket.shadow) out += "  in shadow mode: its alerts are counted and not delivered\n";
  if (info.kind != RuleKind::Correlation) return out;
  const size_t detections = rules.documents().detections.size();
  const CorrelationSpec& spec = rules.documents().correlations[rule - detections];
  out += fmt::format(
      "  {} over {}, within {}, grouped by {}\n", spec.type, fmt::join(spec.rules, ", "),
      duration_text(spec.timespan),
      spec.group_by.empty() ? "nothing" : fmt::format("{}", fmt::join(spec.group_by, ", ")));
  if (info.correlation < 0) out += "  it could not be wired up and runs nothing\n";
  return out;
}

}  // namespace

Result<RuleId> find_rule(const RuleSet& rules, std::string_view text) {
  std::vector<RuleId> found;
  std::vector<std::string> known;
  for (RuleId rule = 0; rule < rules.rules().size(); ++rule) {
    const RuleHead& head = *rules.rules()[rule].head;
    if (head.id == text || head.name == text || head.title == text) found.push_back(rule);
    for (const std::string* name : {&head.id, &head.name, &head.title}) {
      if (!name->empty()) known.push_back(*name);
    }
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    return fail({}, fmt::format("{} rules are called '{}'", found.size(), printable(text)),
                "give the id of one of them");
  }
  const auto near = nearest(text, known);
  return fail({}, fmt::format("no rule has the id, name or title '{}'", printable(text)),
              near ? "did you mean '" + *near + "'?" : "");
}

std::string explain_rule(const std::shared_ptr<const RuleSet>& rules, RuleId rule, int schema,
                         std::string_view lines) {
  return head_text(*rules, rule) + Run(rules, rule, schema).explain(lines);
}

}  // namespace picket
