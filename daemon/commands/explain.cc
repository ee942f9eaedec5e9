// `picket explain`: what an error code means and how to get rid of it; and why a rule does or does
// not match certain events.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/commands/scan.h"
#include "daemon/error_texts.h"
#include "daemon/loader.h"
#include "daemon/rule_explain.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kColumns = 80;

struct ExplainOptions {
  std::string urn = {};
  bool list = false;
  std::string rule = {};
  std::string events = {};
  ScanOptions scan = {};
};

int print_list(const ErrorTexts& texts) {
  size_t widest = 0;
  for (const ErrorText& error : texts) widest = std::max(widest, error.urn.size());
  for (const ErrorText& error : texts) fmt::print("{:<{}}  {}\n", error.urn, widest, error.title);
  return ExitCode::kFine;
}

int report_unknown(const ErrorTexts& texts, std::string_view text, const std::string& urn) {
  std::vector<std::string> known;
  for (const ErrorText& error : texts) known.push_back(error.urn);
  std::optional<std::string> near = nearest(urn, known);
  if (!near) {
    // The last part alone is what people remember of a code.
    for (const std::string& candidate : known) {
      if (candidate.substr(candidate.rfind(':') + 1) == text) near = candidate;
    }
  }
  std::string shown;
  append_printable(shown, text);
  fmt::print(stderr, "picket: nothing is known about '{}'\n  hint: {}\n", shown,
             near ? "did you mean '" + *near + "'?" : "`picket explain --list` shows all codes");
  return ExitCode::kFailure;
}

Result<std::string> read_events(const std::string& path) {
  if (path != "-") return read_file(path);
  std::string text;
  std::array<char, 1 << 16> buffer{};
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    text.append(buffer.data(), count);
  }
  return text;
}

int explain_events(const ExplainOptions& options) {
  if (options.events.empty()) {
    fmt::print(stderr,
               "picket: --rule needs --event with the file of the events; - is standard input\n");
    return ExitCode::kUsage;
  }
  std::shared_ptr<const RuleSet> rules = load_scan_rules(options.scan);
  if (!rules) return ExitCode::kConfig;
  const Result<RuleId> rule = find_rule(*rules, options.rule);
  if (!rule) {
    print_diagnostics(rule.error());
    return ExitCode::kFailure;
  }
  const Result<std::string> events = read_events(options.events);
  if (!events) {
    print_diagnostics(events.error());
    return ExitCode::kFailure;
  }
  const int schema = resolve_schema(*rules, options.scan.schema).value_or(-1);
  fmt::print("{}", explain_rule(rules, *rule, schema, *events));
  return ExitCode::kFine;
}

int explain(const ExplainOptions& options) {
  if (!options.rule.empty()) return explain_events(options);
  Result<ErrorTexts> texts = read_error_texts(find_shipped_files().errors);
  if (!texts) {
    print_diagnostics(texts.error());
    return ExitCode::kConfig;
  }
  if (options.list) return print_list(*texts);
  const std::string urn = normal_urn(options.urn);
  const ErrorText* error = find_error(*texts, urn);
  if (!error) return report_unknown(*texts, options.urn, urn);
  fmt::print("{}", describe(*error, *texts, kColumns));
  return ExitCode::kFine;
}

}  // namespace

std::function<int()> declare_explain(OptionSet set) {
  auto options = std::make_shared<ExplainOptions>();
  set.word_or_flag({"URN", options->urn,
                    "an error code such as err:unkey:authorization:forbidden, with or without\n"
                    "err:, or the URL of its documentation"},
                   {"--list", options->list, "list all codes with their titles"},
                   {"--rule", options->rule,
                    "a rule by id, name or title, to be explained on the events of --event"});
  set.text("--event", options->events,
           "file of the events that --rule is tried on; - is standard input");
  set.text("--schema", options->scan.schema,
           "schema of all events, by name or file; else each one's own is recognised");
  set.texts("--rules", options->scan.rules, "rule file or folder, instead of those that ship");
  set.texts("--schemas", options->scan.schemas, "schema file or folder, beside those that ship");
  return [options] { return explain(*options); };
}

}  // namespace picket
