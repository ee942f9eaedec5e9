// What `picket test` says of its results: a summary for people, JUnit XML for build servers, NDJSON
// for scripts.
//
// Names and values may come from strangers' logs. Control characters never reach a terminal, nor
// the XML, which cannot express them at all.
//
// Thread rule: pure functions.
// Tested by tests/daemon/rule_test_report_test.cc.
#pragma once

#include <string>
#include <vector>

#include "daemon/rule_tests.h"

namespace picket {

// The failures, file by file, and the counts of each file and in all.
std::string summary_text(const std::vector<RuleTestResult>& results);
// One <testsuite> per file, one <testcase> per test.
std::string junit_xml(const std::vector<RuleTestResult>& results);
// One line, with its newline.
std::string to_json_line(const RuleTestResult& result);

}  // namespace picket
