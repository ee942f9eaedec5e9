// Real lines through what ships: samples with their expected names, the tests inside the packs, and
// a large CloudTrail set where it is at hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>

#include "daemon/rule_tests.h"
#include "rules/lint.h"
#include "tests/support/engine_run.h"
#include "tests/support/refusal_names.h"
#include "tests/support/source_dir.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

TEST(Samples, EveryLineHasTheExpectedNames) {
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  const std::string folder = source_dir() + "/tests/cases/";
  std::map<std::string, RefusalNames> files;
  for (const auto& entry : fs::directory_iterator(folder + "samples")) {
    files[entry.path().filename().string()] =
        names_of(rules, read_text_file(entry.path().string()));
  }
  std::istringstream table(read_text_file(folder + "samples_expected.tsv"));
  std::map<std::string, size_t> listed;
  for (std::string row; std::getline(table, row);) {
    if (row.empty() || row[0] == '#') continue;
    std::vector<std::string> cells;
    std::istringstream line(row);
    for (std::string cell; std::getline(line, cell, '\t');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 6U) << row;
    ASSERT_TRUE(files.contains(cells[0])) << row;
    ++listed[cells[0]];
    EXPECT_EQ(files[cells[0]].by_line[std::stoul(cells[1])],
              cells[2] + " " + cells[3] + " " + cells[4] + " " + cells[5])
        << cells[0] << ":" << cells[1];
  }
  for (const auto& [name, names] : files) {
    EXPECT_EQ(listed[name], names.by_line.size()) << name << ": every line is in the table";
  }
}

TEST(Samples, TheTestsInsideThePacksPass) {
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  std::vector<RuleTestResult> results = RuleTestRunner(rules).run();
  EXPECT_GT(results.size(), 200U);
  for (const RuleTestResult& result : results) {
    for (const Diagnostic& problem : result.problems) {
      ADD_FAILURE_AT(problem.where.file.c_str(), static_cast<int>(problem.where.line))
          << result.rule->title << ": " << result.name << ": " << problem.message;
    }
  }
}

// Whether a test expects that something is found; else it is a near miss.
bool expects_match(const Node& test) {
  const Node* expect = test.find("expect");
  if (!expect) return false;
  const Node* names = expect->find("classify");
  if (names) return names->is_map();
  for (const char* key : {"alerts", "matches"}) {
    const Node* count = expect->find(key);
    if (count && count->text() != "0") return true;
  }
  return false;
}

// A detection that only feeds a correlation has its near misses there.
TEST(Samples, EveryShippedRuleHasAMatchingAndANearMissCase) {
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  for (const RuleInfo& rule : rules->rules()) {
    const Node* tests = rule.head->picket.tests;
    ASSERT_TRUE(tests) << rule.head->title;
    if (rule.kind == RuleKind::Detection && !rule.head->picket.classify) continue;
    const auto matching = std::ranges::count_if(tests->items(), expects_match);
    EXPECT_GT(matching, 0) << rule.head->title;
    EXPECT_LT(matching, std::ssize(tests->items())) << rule.head->title;
  }
}

TEST(Samples, LintFindsNothingInThePacks) {
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  for (const Diagnostic& warning : lint(*rules, std::nullopt)) ADD_FAILURE() << render(warning);
}

TEST(Samples, CloudTrailRefusalsAllHaveACause) {
  const fs::path folder = source_dir() + "/../shared/data/cloudtrail/CloudTrail";
  if (!fs::exists(folder)) {
    GTEST_SKIP() << "the CloudTrail set is not at " << folder << "; this test is left out";
  }
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  size_t events = 0;
  size_t refusals = 0;
  size_t unknown = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    RefusalNames names = names_of(rules, read_text_file(entry.path().string()));
    events += names.events;
    refusals += names.refusals;
    unknown += names.unknown;
  }
  EXPECT_EQ(events, 2'900U);
  EXPECT_EQ(refusals, 300U);
  EXPECT_EQ(unknown, 0U);
}

}  // namespace
}  // namespace picket
