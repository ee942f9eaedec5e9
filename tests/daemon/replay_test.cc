// Replay: logs merged by event time, problems reported, the report harmless.
#include "daemon/replay.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "daemon/replay_report.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~ReplayTest() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  // The alerts as text, in the order in which they were given.
  std::string alerts(const std::vector<std::string>& logs, uint64_t batch_bytes) {
    std::string text;
    ReplayOptions options{.logs = logs, .batch_bytes = batch_bytes};
    options.on_alert = [&text](const AlertEvent& event) { text += to_json(event.alert) + "\n"; };
    last_ = replay(test_rules(kThreeFails), options);
    return text;
  }

  const std::string folder_ = testing::TempDir() + "picket_replay_test";
  ReplayResult last_;
};

std::string event(int t, const std::string& who) {
  return "{\"t\":" + std::to_string(t) + ",\"who\":\"" + who + "\",\"fail\":1}\n";
}

TEST_F(ReplayTest, SeveralLogsGiveWhatOneSortedLogGives) {
  std::string first;
  std::string second;
  std::string both;
  for (int i = 0; i < 300; ++i) {
    std::string line = event(1000 + i * 900, "u" + std::to_string(i % 5));
    both += line;
    (i % 3 == 0 ? first : second) += line;
  }
  std::string sorted = alerts({write("both", both)}, 1 << 20);
  EXPECT_NE(sorted, "");
  std::string a = write("a", first);
  std::string b = write("b", second);
  for (uint64_t bytes : {uint64_t{1}, uint64_t{200}, uint64_t{1} << 20}) {
    EXPECT_EQ(alerts({a, b}, bytes), sorted) << bytes;
    EXPECT_EQ(alerts({b, a}, bytes), sorted) << bytes;
  }
}

TEST_F(ReplayTest, ALogThatCannotBeReadIsReportedAndTheOthersCount) {
  std::string good = write("good", event(1000, "a") + event(2000, "a") + event(3000, "a"));
  EXPECT_NE(alerts({folder_ + "/absent", good, folder_}, 1 << 20), "");
  EXPECT_EQ(last_.problems.size(), 2u);
  EXPECT_EQ(last_.stats.sources.at(0).decode.events, 3u);
}

TEST_F(ReplayTest, ReportsEscapeWhatTheLogSays) {
  std::string evil = "<script>alert(1)</script>\\u001b[2J";
  alerts({write("evil", event(1, evil) + event(2, evil) + event(3, evil))}, 1 << 20);
  ASSERT_EQ(last_.alerts.size(), 1u);
  std::string html = report_html(last_, 1);
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
  std::string text = summary_text(last_, 1);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("3 lines with events + 0 dead letters + 0 blank = 3"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace picket
