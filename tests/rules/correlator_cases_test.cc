// Each folder of tests/cases/correlation/ through the reference engine and through picket's: the
// alerts must be those that the case expects.
//
// One registered test per folder, so that a case can be run by its name:
//   rules_test --gtest_filter='CorrelationCases.*017*'
#include <gtest/gtest.h>

#include "tests/support/correlation_case.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

// The ends of alerts are compared where the case names them.
std::vector<NaiveAlert> without_unasked_ends(std::vector<NaiveAlert> found,
                                             const std::vector<NaiveAlert>& expected) {
  for (size_t i = 0; i < found.size(); ++i) {
    if (i >= expected.size() || !expected[i].ends_at) found[i].ends_at.reset();
  }
  return found;
}

std::string compared(const std::vector<NaiveAlert>& found, const CorrelationCase& wanted) {
  return to_text(without_unasked_ends(found, wanted.alerts));
}

class CorrelationCaseTest : public testing::Test {
 public:
  explicit CorrelationCaseTest(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void TestBody() override {
    const CorrelationCase wanted = read_correlation_case(folder_);
    SCOPED_TRACE(folder_.string() + ": " + wanted.why);
    const std::string expected = to_text(wanted.alerts);
    EXPECT_EQ(compared(reference_alerts(wanted.rules, wanted.lines, wanted.lateness), wanted),
              expected)
        << "by the reference engine";
    const auto rules = make_rules(wanted.rules, {kRawEventSchema});
    for (const size_t per_batch : {wanted.lines.size() + 1, size_t{1}}) {
      EXPECT_EQ(compared(engine_alerts(rules, wanted.lines, per_batch, wanted.lateness), wanted),
                expected)
          << "by picket, with " << per_batch << " lines in a batch";
    }
  }

 private:
  std::filesystem::path folder_;
};

const bool kRegistered = [] {
  for (const std::filesystem::path& folder : correlation_case_folders()) {
    std::string name = folder.filename().string();
    std::replace(name.begin(), name.end(), '-', '_');
    testing::RegisterTest("CorrelationCases", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [folder]() -> testing::Test* { return new CorrelationCaseTest(folder); });
  }
  return true;
}();

TEST(CorrelationCaseList, CoversTheHolesOfTheSpecification) {
  constexpr size_t kCasesMin = 120;
  EXPECT_TRUE(kRegistered);
  EXPECT_GE(correlation_case_folders().size(), kCasesMin);
}

}  // namespace
}  // namespace picket
