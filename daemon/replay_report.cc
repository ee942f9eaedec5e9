#include "daemon/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "rules/json_writer.h"

namespace picket {
namespace {

// The identity label that alone says who it is, where one does: patterns that look at an actor's
// address as well are about the same actor as those that do not.
std::string_view leading_label(const Alert& alert) {
  for (const std::string_view leading : {"key_id", "principal_arn", "workspace_id"}) {
    for (const auto& [name, value] : alert.labels) {
      if (name == leading) return name;
    }
  }
  return {};
}

// What the alert is about: its identity labels, or only the one called `only`, or all but `except`.
std::string who(const Alert& alert, std::string_view only = {}, std::string_view except = {}) {
  std::string text;
  for (const auto& [name, value] : alert.labels) {
    if (name == "alertname" || name == "severity" || name == "verdict" || name == except) continue;
    if (!only.empty() && name != only) continue;
    if (!text.empty()) text += ", ";
    text += name + " ";
    append_printable(text, value);
  }
  return text.empty() && except.empty() ? "(everybody)" : text;
}

std::string how_sure(const Alert& alert) {
  std::string text = fmt::format("{} event{}", alert.events, alert.events == 1 ? "" : "s");
  if (alert.measure.distinct) text += fmt::format(", {} different", *alert.measure.distinct);
  if (alert.measure.false_alarm) {
    text += fmt::format(", by chance in fewer than 1 of {:.0f}", 1 / *alert.measure.false_alarm);
  }
  return text;
}

std::string until(const Alert& alert) {
  return alert.ends_at ? format_rfc3339(*alert.ends_at) : "still firing";
}

std::string verdict(const Alert& alert) {
  return alert.verdict == Verdict::None ? "-" : std::string(to_text(alert.verdict));
}

DecodeStats totals(const ReplayResult& result) {
  DecodeStats sum;
  for (const SourceStats& source : result.stats.sources) sum.add(source.decode);
  return sum;
}

std::vector<std::pair<std::string, uint64_t>> causes(const ReplayResult& result) {
  std::map<std::string, uint64_t> by_cause;
  for (const auto& [key, count] : result.stats.refusals) by_cause[key.cause] += count;
  std::vector<std::pair<std::string, uint64_t>> sorted(by_cause.begin(), by_cause.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::string ledger(const ReplayResult& result, size_t logs) {
  DecodeStats sum = totals(result);
  std::string text = fmt::format(
      "{} log{}, {} lines ({:.1f} MB) in {:.2f} s\n"
      "{} lines with events + {} dead letters + {} blank = {}\n"
      "{} events, {} refusals\n",
      logs, logs == 1 ? "" : "s", sum.lines, static_cast<double>(sum.bytes) / 1e6, result.seconds,
      sum.event_lines, sum.dead_letters(), sum.blank,
      sum.event_lines + sum.dead_letters() + sum.blank, sum.events, sum.refusals);
  for (size_t i = 0; i < sum.dead.size(); ++i) {
    if (sum.dead[i] == 0) continue;
    text +=
        fmt::format("  dead letter {}: {}\n", to_text(static_cast<DecodeError>(i)), sum.dead[i]);
  }
  auto note = [&text](uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format("  {}: {}\n", what, count);
  };
  note(sum.duplicate_keys, "duplicate keys");
  note(sum.missing_time, "events without a time");
  note(sum.future_time, "events from the future, clamped");
  for (const SourceStats& source : result.stats.sources) note(source.late_events, "late hits");
  return text;
}

std::string escaped(std::string_view text) {
  std::string printable;
  append_printable(printable, text);
  std::string html;
  for (char c : printable) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html.push_back(c);
    }
  }
  return html;
}

void html_alert(const Alert& alert, std::string& out) {
  out += fmt::format(
      "<section><h2><span class=\"{0}\">{0}</span> {1}</h2>\n<p><b>{2}</b><br>{3}, since {4}, {5}"
      "</p>\n",
      to_text(alert.severity), escaped(alert.rule.title), escaped(who(alert)),
      escaped(how_sure(alert)), format_rfc3339(alert.starts_at), until(alert));
  for (const auto& [name, value] : alert.annotations) {
    if (name == "remediation") out += "<p>" + escaped(value) + "</p>\n";
  }
  out += "<table><tr><th>time<th>request<th>what<th>status<th>code<th>cause<th>target</tr>\n";
  for (const EvidenceItem& item : alert.evidence) {
    out += fmt::format("<tr><td>{}<td>{}<td>{} {}<td>{}<td>{}<td>{}<td>{}</tr>\n",
                       format_rfc3339(item.time), escaped(item.request_id), escaped(item.method),
                       escaped(item.path), escaped(item.status), escaped(item.code),
                       escaped(item.cause), escaped(item.target));
  }
  out += "</table></section>\n";
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

std::string counted(uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string shouted(Level level) {
  std::string text(to_text(level));
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// "2026-08-21 14:25:58", which is enough for people.
std::string moment(Timestamp time) {
  std::string text = format_rfc3339(time).substr(0, 19);
  text[10] = ' ';
  return text;
}

bool is_abuse(const Alert& alert) {
  return alert.verdict == Verdict::BoundaryTesting || alert.verdict == Verdict::CredentialAbuse;
}

// Whoever is said to mean it, with everything that says so. People first want to know whom to stop,
// so those with the worst alert come first, and among them the earliest.
struct Subject {
  std::string who = {};
  Level worst = Level::Informational;
  std::vector<const Alert*> alerts = {};
};

std::vector<Subject> accused(const std::vector<Alert>& alerts) {
  std::vector<Subject> subjects;
  for (const Alert& alert : alerts) {
    if (!is_abuse(alert)) continue;
    const std::string name = who(alert, leading_label(alert));
    auto at = std::find_if(subjects.begin(), subjects.end(),
                           [&](const Subject& known) { return known.who == name; });
    if (at == subjects.end()) at = subjects.insert(at, {.who = name});
    at->worst = std::max(at->worst, alert.severity);
    at->alerts.push_back(&alert);
  }
  std::stable_sort(subjects.begin(), subjects.end(),
                   [](const Subject& a, const Subject& b) { return a.worst > b.worst; });
  return subjects;
}

size_t abuse_alerts(const std::vector<Subject>& subjects) {
  size_t count = 0;
  for (const Subject& subject : subjects) count += subject.alerts.size();
  return count;
}

std::string abuse_line(const Alert& alert) {
  const std::string_view leading = leading_label(alert);
  const std::string more = leading.empty() ? "" : who(alert, {}, leading);
  return fmt::format("    {} ({}, {}{}{})\n      since {}, {}; {}\n", printable(alert.rule.title),
                     to_text(alert.severity), verdict(alert), more.empty() ? "" : "; ", more,
                     moment(alert.starts_at),
                     alert.ends_at ? "until " + moment(*alert.ends_at) : "still firing",
                     how_sure(alert));
}

// All alerts of one rule about things that went wrong without intent: a list of them would be long,
// and each looks like the next.
struct Mistake {
  const Alert* first = nullptr;
  const Alert* largest = nullptr;
  size_t alerts = 0;
  size_t actors = 0;
};

std::vector<Mistake> mistakes_of(const std::vector<Alert>& alerts) {
  std::map<std::string_view, Mistake> by_rule;
  std::map<std::string_view, std::set<std::string>> actors;
  for (const Alert& alert : alerts) {
    if (is_abuse(alert)) continue;
    Mistake& mistake = by_rule[alert.rule.title];
    if (!mistake.first) mistake.first = &alert;
    if (!mistake.largest || alert.events > mistake.largest->events) mistake.largest = &alert;
    ++mistake.alerts;
    actors[alert.rule.title].insert(who(alert));
    mistake.actors = actors[alert.rule.title].size();
  }
  std::vector<Mistake> sorted;
  for (const auto& [rule, mistake] : by_rule) sorted.push_back(mistake);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Mistake& a, const Mistake& b) {
    return a.largest->severity != b.largest->severity ? a.largest->severity > b.largest->severity
                                                      : a.alerts > b.alerts;
  });
  return sorted;
}

std::string mistake_lines(const Mistake& mistake) {
  const Alert& largest = *mistake.largest;
  std::string text = fmt::format("  {} ({}): {} since {}\n", printable(largest.rule.title),
                                 to_text(largest.severity), counted(mistake.actors, "actor"),
                                 moment(mistake.first->starts_at));
  return text + fmt::format("    {}{}: {}\n", mistake.actors > 1 ? "most: " : "", who(largest),
                            how_sure(largest));
}

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;font-size:13px}td,th{text-align:left;padding:.2rem "
    ".6rem;border-bottom:1px solid #ccc;overflow-wrap:anywhere}h2{font-size:1.1rem;margin-top:2rem}"
    ".critical,.high{color:#b00020}.medium{color:#a15c00}.low,.informational{color:#555}"
    "pre{background:#f4f4f4;padding:.8rem}";

}  // namespace

std::string summary_text(const ReplayResult& result, size_t logs) {
  const std::vector<Subject> subjects = accused(result.alerts);
  const std::vector<Mistake> mistakes = mistakes_of(result.alerts);
  std::string text = "No alerts.\n";
  if (!result.alerts.empty()) {
    text = fmt::format("{}: {} of abuse, by {}; {} of mistakes and limits\n",
                       counted(result.alerts.size(), "alert"), abuse_alerts(subjects),
                       counted(subjects.size(), "actor"),
                       result.alerts.size() - abuse_alerts(subjects));
  }
  for (const Subject& subject : subjects) {
    text += fmt::format("\n  {}  {}\n", shouted(subject.worst), subject.who);
    for (const Alert* alert : subject.alerts) text += abuse_line(*alert);
  }
  if (!mistakes.empty()) text += "\nMistakes and limits\n";
  for (const Mistake& mistake : mistakes) text += mistake_lines(mistake);
  for (const RuleStats& rule : result.stats.rules) {
    if (!rule.shadow || rule.alerts == 0) continue;
    text += fmt::format("\n  shadow: {} would have alerted {}\n", printable(rule.title),
                        counted(rule.alerts, "time"));
  }
  text += "\nRefusals by cause\n";
  for (const auto& [cause, count] : causes(result)) {
    text += fmt::format("  {:<26} {:>10}\n", cause, count);
  }
  return text + "\n" + ledger(result, logs);
}

std::string report_html(const ReplayResult& result, size_t logs) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n<title>picket replay</title>\n<style>{}</style>\n"
      "<h1>{} alert{}</h1>\n",
      kStyle, result.alerts.size(), result.alerts.size() == 1 ? "" : "s");
  for (const Alert& alert : result.alerts) html_alert(alert, out);
  for (const RuleStats& rule : result.stats.rules) {
    if (!rule.shadow || rule.alerts == 0) continue;
    out += fmt::format("<p>Shadow: <b>{}</b> would have alerted {} time{}.</p>\n",
                       escaped(rule.title), rule.alerts, rule.alerts == 1 ? "" : "s");
  }
  out += "<h2>Refusals by cause</h2>\n<table>";
  for (const auto& [cause, count] : causes(result)) {
    out += fmt::format("<tr><td>{}<td>{}</tr>\n", escaped(cause), count);
  }
  out += "</table>\n<h2>Ledger</h2>\n<pre>" + escaped(ledger(result, logs)) + "</pre>\n</html>\n";
  return out;
}

}  // namespace picket
