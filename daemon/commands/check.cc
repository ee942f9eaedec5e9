// `picket check`: finds everything that is wrong with configuration, schemas and rules at once.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/allow_list.h"
#include "daemon/check.h"
#include "daemon/clock.h"
#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/loader.h"
#include "rules/correlators/sequential_test.h"
#include "rules/json_writer.h"
#include "rules/lint.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

struct CheckOptions {
  std::string config = {};
  std::vector<std::string> rules = {};
  std::vector<std::string> schemas = {};
  bool strict = false;
  bool lint = false;
  bool json = false;
};

// What was loaded, and everything that is wrong. `rules` is null when not even that was possible.
struct Findings {
  std::shared_ptr<const RuleSet> rules = {};
  Diagnostics problems = {};
};

Findings find_problems(const CheckOptions& options) {
  Findings findings;
  LoadRequest request;
  Result<ParsedSettings> parsed = load_settings(options.config);
  if (parsed) {
    append(findings.problems, parsed->diagnostics);
    append(findings.problems, check_parts(parsed->settings));
    append(findings.problems, expired_entries(parsed->settings.allow, SystemClock().now()));
    request = load_request(parsed->settings);
  } else {
    append(findings.problems, parsed.error());
  }
  if (!options.rules.empty()) request.rules = options.rules;
  request.schemas.insert(request.schemas.end(), options.schemas.begin(), options.schemas.end());
  request.keep_nodes = options.lint;
  auto rules = load_rules(request);
  if (!rules) {
    append(findings.problems, std::move(rules).error());
    return findings;
  }
  findings.rules = *std::move(rules);
  if (parsed) append(findings.problems, check_schema_names(parsed->settings, *findings.rules));
  append(findings.problems, findings.rules->rejected());
  if (!options.lint) return findings;
  // The rules as they are written: what the allow list adds to each has been reported once.
  request.allow.clear();
  if (auto written = load_rules(request)) {
    append(findings.problems, lint(**written, SystemClock().now()));
  }
  return findings;
}

struct RuleCounts {
  size_t detections = 0;
  size_t classifying = 0;  // of the detections
  size_t correlations = 0;
  size_t filters = 0;
  size_t loaded() const { return detections + correlations + filters; }
};

RuleCounts count_rules(const RuleSet* rules) {
  RuleCounts counts;
  if (!rules) return counts;
  for (const RuleInfo& rule : rules->rules()) {
    if (rule.kind != RuleKind::Correlation) ++counts.detections;
    if (rule.kind == RuleKind::Classify) ++counts.classifying;
    // One that could not be wired up is listed all the same, but runs nothing.
    if (rule.kind == RuleKind::Correlation && rule.correlation >= 0) ++counts.correlations;
  }
  counts.filters = rules->documents().filters.size();
  return counts;
}

// The id of the rule that `where` is in: the last document of the file that begins before it.
std::string rule_id_at(const RuleSet* rules, const Location& where) {
  std::string id;
  if (!rules || where.line == 0) return id;
  for (const DocumentPlace& place : rules->documents().places) {
    if (*place.file == where.file && place.line <= where.line) id = place.id;
  }
  return id;
}

void write_problem(JsonWriter& json, const RuleSet* rules, const Diagnostic& problem) {
  json.begin_object();
  json.member("file", problem.where.file);
  json.member("line", problem.where.line);
  json.member("column", problem.where.column);
  const std::string id = rule_id_at(rules, problem.where);
  json.key("rule_id");
  id.empty() ? json.null() : json.string(id);
  const std::string hint = problem.hint.empty() ? "" : " (" + problem.hint + ")";
  json.member("reason", problem.message + hint);
  json.end_object();
}

void write_json(const Findings& findings, const CheckOptions& options) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("loaded", count_rules(findings.rules.get()).loaded());
  json.key("rejected");
  json.begin_array();
  const auto is_warning = [](const Diagnostic& d) { return d.severity == Severity::Warning; };
  for (const Diagnostic& problem : findings.problems) {
    if (is_warning(problem) && !options.strict) continue;
    write_problem(json, findings.rules.get(), problem);
  }
  json.end_array();
  if (options.lint) {
    json.key("warnings");
    json.begin_array();
    for (const Diagnostic& problem : findings.problems) {
      if (is_warning(problem)) write_problem(json, findings.rules.get(), problem);
    }
    json.end_array();
  }
  json.end_object();
  fmt::print("{}\n", out);
}

// How soon each sequential test decides: what its error rates mean in practice.
void print_attempts(const RuleSet* rules) {
  if (!rules) return;
  for (const CorrelationSpec& spec : rules->documents().correlations) {
    if (spec.type != "sequential_test") continue;
    Result<SequentialTestOptions> test = read_sequential_test(spec);
    if (!test) continue;  // listed as a problem already
    fmt::print(stderr, "{}: decides after {} failed attempts when all fail\n",
               spec.head.name.empty() ? spec.head.title : spec.head.name,
               attempts_until_decision(*test));
  }
}

int check(const CheckOptions& options) {
  const Findings findings = find_problems(options);
  print_diagnostics(findings.problems);
  if (options.json) write_json(findings, options);
  const auto errors = std::count_if(findings.problems.begin(), findings.problems.end(),
                                    [](const auto& d) { return d.severity == Severity::Error; });
  const size_t warnings = findings.problems.size() - static_cast<size_t>(errors);
  const RuleCounts counts = count_rules(findings.rules.get());
  const size_t schemas = findings.rules ? findings.rules->plans().schemas.size() : 0;
  fmt::print(stderr,
             "{} detection rules ({} of them classify), {} correlations, {} filters, {} schemas: "
             "{} errors, {} warnings\n",
             counts.detections, counts.classifying, counts.correlations, counts.filters, schemas,
             errors, warnings);
  print_attempts(findings.rules.get());
  const bool bad = errors > 0 || (options.strict && warnings > 0);
  return bad ? ExitCode::kConfig : ExitCode::kFine;
}

}  // namespace

std::function<int()> declare_check(OptionSet set) {
  auto options = std::make_shared<CheckOptions>();
  set.text("--config", options->config, "configuration file; else the default is checked");
  set.texts("--rules", options->rules, "rule file or folder, instead of those that ship");
  set.texts("--schemas", options->schemas, "schema file or folder, beside those that ship");
  set.flag("--strict", options->strict, "warnings are errors");
  set.flag("--lint", options->lint, "also warn of what is allowed but nearly always a mistake");
  set.flag("--json", options->json, "tell what was loaded and rejected as JSON");
  return [options] { return check(*options); };
}

}  // namespace picket
