// `picket test`: runs the tests that stand inside rules.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/loader.h"
#include "daemon/rule_test_report.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

struct TestOptions {
  std::vector<std::string> paths = {};
  std::vector<std::string> with = {};
  std::vector<std::string> schemas = {};
  std::string config = {};
  std::string filter = {};
  std::string junit = {};
};

std::shared_ptr<const RuleSet> load(const TestOptions& options) {
  LoadRequest request;
  request.named_schemas = {"raw"};  // tests may ask for it
  if (!options.config.empty()) {
    Result<ParsedSettings> parsed = load_settings(options.config);
    print_diagnostics(parsed ? parsed->diagnostics : parsed.error());
    if (!parsed || has_errors(parsed->diagnostics)) return nullptr;
    request = load_request(parsed->settings);
  }
  request.rules = options.paths;
  request.rules.insert(request.rules.end(), options.with.begin(), options.with.end());
  request.schemas.insert(request.schemas.end(), options.schemas.begin(), options.schemas.end());
  auto rules = load_rules(request);
  if (!rules) {
    print_diagnostics(rules.error());
    return nullptr;
  }
  print_diagnostics((*rules)->rejected());
  return has_errors((*rules)->rejected()) ? nullptr : *std::move(rules);
}

bool is_asked_for(const std::string& file, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (file == path) return true;
    const std::string folder = path.ends_with('/') ? path : path + "/";
    if (file.starts_with(folder)) return true;
  }
  return false;
}

int test(const TestOptions& options) {
  std::shared_ptr<const RuleSet> rules = load(options);
  if (!rules) return ExitCode::kConfig;
  const RuleTestRunner runner(rules);
  std::vector<RuleTestResult> results;
  bool good = true;
  for (RuleId rule = 0; rule < rules->rules().size(); ++rule) {
    if (!is_asked_for(rules->rules()[rule].head->where.file, options.paths)) continue;
    for (RuleTestResult& result : runner.run(rule, options.filter)) {
      fmt::print("{}", to_json_line(result));
      good = good && result.passed();
      results.push_back(std::move(result));
    }
  }
  if (!options.junit.empty()) {
    std::ofstream file(options.junit);
    file << junit_xml(results);
    if (!file.flush()) {
      fmt::print(stderr, "{}: cannot be written\n", options.junit);
      good = false;
    }
  }
  if (results.empty()) {
    fmt::print(
        stderr, "picket: no tests were found{}\n",
        options.filter.empty() ? "" : " whose name or rule contains '" + options.filter + "'");
    return ExitCode::kFailure;
  }
  fmt::print(stderr, "{}", summary_text(results));
  return good ? ExitCode::kFine : ExitCode::kFailure;
}

}  // namespace

std::function<int()> declare_test(OptionSet set) {
  auto options = std::make_shared<TestOptions>();
  set.paths(options->paths, "rule files or folders whose tests are run");
  set.texts("--rules", options->with, "further rules, which those under test refer to");
  set.texts("--schemas", options->schemas, "schema file or folder, beside those that ship");
  set.text("--config", options->config, "configuration file with placeholders and schemas");
  set.text("--filter", options->filter,
           "only tests whose name, or whose rule's title, contains it");
  set.text("--junit", options->junit, "also write the results as JUnit XML to this file");
  return [options] { return test(*options); };
}

}  // namespace picket
