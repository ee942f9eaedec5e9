// `picket match`: one line per event and detection rule that matches it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/commands/scan.h"
#include "rules/json_writer.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

struct MatchOptions {
  ScanOptions scan = {};
  bool all = false;
};

void write_match(const RuleHead& rule, const EventPlace& place, std::string& out) {
  JsonWriter json(out);
  json.begin_object();
  json.member("file", place.file);
  json.member("line", place.line);
  if (place.record) json.member("record", *place.record);
  // Sigma asks for an id but does not insist on one.
  json.member("rule_id", rule.id.empty() ? rule.name : rule.id);
  json.member("title", rule.title);
  json.end_object();
  out += '\n';
}

int match(const MatchOptions& options) {
  std::shared_ptr<const RuleSet> rules = load_scan_rules(options.scan);
  if (!rules) return ExitCode::kConfig;
  uint64_t matches = 0;
  Scan scan(rules, options.scan,
            [&](Event&, const Refusal* refusal, const std::vector<RuleId>& detections,
                const EventPlace& place, std::string& out) {
              // Classifying rules come first in the order of rules.
              if (refusal && options.all) {
                write_match(*rules->rules()[refusal->rule].head, place, out);
                ++matches;
              }
              for (const RuleId rule : detections) {
                write_match(*rules->rules()[rule].head, place, out);
              }
              matches += detections.size();
            });
  const int code = scan.run();
  if (scan.wants_summary()) {
    fmt::print(stderr, "{}matches: {}\n", ledger_text(scan.totals().decode), matches);
  }
  return code;
}

}  // namespace

std::function<int()> declare_match(OptionSet set) {
  auto options = std::make_shared<MatchOptions>();
  declare_scan_options(set, options->scan);
  set.flag("--all", options->all, "list the rule that names the refusal, too");
  return [options] { return match(*options); };
}

}  // namespace picket
