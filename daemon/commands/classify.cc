// `picket classify`: one line per refused request that says why it was refused.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/commands/scan.h"
#include "rules/decode.h"
#include "rules/field_table.h"
#include "rules/json_writer.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

constexpr std::string_view kUnknownCause = "unknown";

void text_or_null(JsonWriter& json, std::string_view key, std::string_view text) {
  json.key(key);
  text.empty() ? json.null() : json.string(text);
}

void write_refusal(const RuleSet& rules, Event& event, const Refusal& refusal,
                   const EventPlace& place, std::string& out) {
  JsonWriter json(out);
  json.begin_object();
  text_or_null(json, "time", event.timed ? format_rfc3339(event.time) : std::string());
  json.member("schema", rules.plans().schemas[event.schema].name);
  json.member("line", place.line);
  if (place.record) json.member("record", *place.record);
  text_or_null(json, "request_id", event.get(BuiltinField::kRequestId).text());
  text_or_null(json, "actor", actor_text(event.get(BuiltinField::kActor).text()));
  text_or_null(json, "code", refusal.code);
  const Classification& named = *refusal.classification;
  json.member("cause", named.cause);
  json.member("mistake", named.mistake);
  text_or_null(json, "scenario", named.scenario);
  json.member("confidence", named.confidence);
  json.member("file", place.file);
  json.end_object();
  out += '\n';
}

std::string summary(const ScanTotals& totals) {
  const uint64_t refusals = totals.decode.refusals;
  std::string out = ledger_text(totals.decode);
  out += fmt::format("refusals: {}", refusals);
  if (refusals > 0) {
    const auto unknown = totals.causes.find(std::string(kUnknownCause));
    const uint64_t count = unknown == totals.causes.end() ? 0 : unknown->second;
    out += fmt::format(", of unknown cause: {:.2f} %",
                       100.0 * static_cast<double>(count) / static_cast<double>(refusals));
  }
  out += "\n";
  std::vector<std::pair<std::string, uint64_t>> causes(totals.causes.begin(), totals.causes.end());
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [cause, count] : causes) out += fmt::format("  {}: {}\n", cause, count);
  return out;
}

int classify(const ScanOptions& options) {
  std::shared_ptr<const RuleSet> rules = load_scan_rules(options);
  if (!rules) return ExitCode::kConfig;
  Scan scan(rules, options,
            [&rules = *rules](Event& event, const Refusal* refusal, const std::vector<RuleId>&,
                              const EventPlace& place, std::string& out) {
              if (refusal) write_refusal(rules, event, *refusal, place, out);
            });
  const int code = scan.run();
  if (scan.wants_summary()) fmt::print(stderr, "{}", summary(scan.totals()));
  return code;
}

}  // namespace

std::function<int()> declare_classify(OptionSet set) {
  auto options = std::make_shared<ScanOptions>();
  set.text("--config", options->config, "configuration to take rules and schemas from");
  declare_scan_options(set, *options);
  return [options] { return classify(*options); };
}

}  // namespace picket
