#include "daemon/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rules/json_writer.h"

namespace picket {
namespace {

// What the alert is about: its identity labels.
std::string who(const Alert& alert) {
  std::string text;
  for (const auto& [name, value] : alert.labels) {
    if (name == "alertname" || name == "severity" || name == "verdict") continue;
    if (!text.empty()) text += ", ";
    text += name + " ";
    append_printable(text, value);
  }
  return text.empty() ? "(everybody)" : text;
}

std::string how_sure(const Alert& alert) {
  std::string text = fmt::format("{} events", alert.events);
  if (alert.measure.distinct) text += fmt::format(", {} distinct", *alert.measure.distinct);
  if (alert.measure.false_alarm)
    text += fmt::format(", false alarm {:g}", *alert.measure.false_alarm);
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

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;font-size:13px}td,th{text-align:left;padding:.2rem "
    ".6rem;border-bottom:1px solid #ccc;overflow-wrap:anywhere}h2{font-size:1.1rem;margin-top:2rem}"
    ".critical,.high{color:#b00020}.medium{color:#a15c00}.low,.informational{color:#555}"
    "pre{background:#f4f4f4;padding:.8rem}";

}  // namespace

std::string summary_text(const ReplayResult& result, size_t logs) {
  std::string text;
  if (result.alerts.empty()) {
    text += "No alerts.\n";
  } else {
    text += fmt::format("{} alert{}\n", result.alerts.size(), result.alerts.size() == 1 ? "" : "s");
  }
  for (const Alert& alert : result.alerts) {
    std::string title;
    append_printable(title, alert.rule.title);
    text += fmt::format("\n  {} ({}): {}\n    who    {}\n    since  {}, {}\n    sure   {}\n",
                        to_text(alert.severity), verdict(alert), title, who(alert),
                        format_rfc3339(alert.starts_at), until(alert), how_sure(alert));
  }
  for (const RuleStats& rule : result.stats.rules) {
    if (!rule.shadow || rule.alerts == 0) continue;
    std::string title;
    append_printable(title, rule.title);
    text += fmt::format("\n  shadow: {} would have alerted {} time{}\n", title, rule.alerts,
                        rule.alerts == 1 ? "" : "s");
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
