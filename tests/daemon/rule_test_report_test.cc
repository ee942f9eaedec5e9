#include "daemon/rule_test_report.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

// One test that passed and one that failed, in two files, with names as strangers might choose
// them.
class RuleTestReport : public testing::Test {
 protected:
  RuleTestReport() {
    good_.title = "Good";
    good_.id = "id-1";
    hostile_.title = "<Bad> & \"worse\"\x1b[31m";
    hostile_.name = "bad";
    results_ = {{&good_, "passes", {"a.yml", 7, 5}, {}},
                {&hostile_, "fails\x01", {"b.yml", 9, 5}, {{{"b.yml", 12, 3}, "found ]]>\n'x'"}}}};
  }
  RuleHead good_;
  RuleHead hostile_;
  std::vector<RuleTestResult> results_;
};

TEST_F(RuleTestReport, SummaryNamesPlaceAndDifference) {
  EXPECT_EQ(summary_text(results_),
            "a.yml: 1 test, all passed\n"
            "b.yml: 1 test, 1 failed\n"
            "  FAILED <Bad> & \"worse\"\\u001b[31m: fails\\u0001\n"
            "    b.yml:12: found ]]>\\u000a'x'\n"
            "2 tests in 2 files: 1 passed, 1 failed\n");
}

TEST_F(RuleTestReport, JunitIsEscaped) {
  EXPECT_EQ(junit_xml(results_),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites name=\"picket\" tests=\"2\" failures=\"1\">\n"
            "  <testsuite name=\"a.yml\" tests=\"1\" failures=\"0\">\n"
            "    <testcase classname=\"Good\" name=\"passes\" file=\"a.yml\" line=\"7\"/>\n"
            "  </testsuite>\n"
            "  <testsuite name=\"b.yml\" tests=\"1\" failures=\"1\">\n"
            "    <testcase classname=\"&lt;Bad&gt; &amp; &quot;worse&quot;\\u001b[31m\" "
            "name=\"fails\\u0001\" file=\"b.yml\" line=\"9\">\n"
            "      <failure message=\"found ]]&gt;\\u000a&apos;x&apos;\">"
            "b.yml:12: found ]]&gt;\\u000a&apos;x&apos;\n"
            "</failure>\n    </testcase>\n"
            "  </testsuite>\n"
            "</testsuites>\n");
}

TEST_F(RuleTestReport, OneJsonLinePerTest) {
  EXPECT_EQ(to_json_line(results_[0]),
            R"({"file":"a.yml","line":7,"rule_id":"id-1","title":"Good","test":"passes",)"
            R"("passed":true,"problems":[]})"
            "\n");
  EXPECT_EQ(to_json_line(results_[1]),
            R"({"file":"b.yml","line":9,"rule_id":"bad","title":"<Bad> & \"worse\"\u001b[31m",)"
            R"("test":"fails\u0001","passed":false,"problems":[{"line":12,)"
            R"("message":"found ]]>\n'x'"}]})"
            "\n");
}

}  // namespace
}  // namespace picket
