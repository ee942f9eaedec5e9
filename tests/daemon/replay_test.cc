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

Alert alert_of(std::string title, Verdict verdict, Level level, std::string workspace) {
  Alert alert;
  alert.rule.title = std::move(title);
  alert.verdict = verdict;
  alert.severity = level;
  alert.labels = {{"severity", "x"}, {"workspace_id", std::move(workspace)}};
  alert.starts_at = *parse_rfc3339("2026-08-21T14:25:58.207Z");
  alert.events = 7;
  return alert;
}

TEST(ReplaySummary, NamesWhoMeansItWorstFirstAndMistakesByKind) {
  ReplayResult result;
  result.alerts = {
      alert_of("Dead key", Verdict::Misuse, Level::Low, "ws_1"),
      alert_of("Slow", Verdict::BoundaryTesting, Level::High, "ws_2"),
      alert_of("Dead key", Verdict::Misuse, Level::Low, "ws_3"),
      alert_of("Spray", Verdict::CredentialAbuse, Level::Medium, "ws_4"),
      alert_of("Got through", Verdict::BoundaryTesting, Level::Critical, "ws_4"),
  };
  result.alerts[2].events = 9;
  result.alerts[1].measure.false_alarm = 0.0001;
  result.alerts[4].labels.insert(result.alerts[4].labels.begin(), {"client_address", "192.0.2.1"});
  result.alerts[3].ends_at = *parse_rfc3339("2026-08-21T15:00:00Z");
  const std::string text = summary_text(result, 1);
  EXPECT_EQ(text.substr(0, text.find("\nRefusals by cause")),
            "5 alerts: 3 of abuse, by 2 actors; 2 of mistakes and limits\n"
            "\n"
            "  CRITICAL  workspace_id ws_4\n"
            "    Spray (medium, credential_abuse)\n"
            "      since 2026-08-21 14:25:58, until 2026-08-21 15:00:00; 7 events\n"
            "    Got through (critical, boundary_testing; client_address 192.0.2.1)\n"
            "      since 2026-08-21 14:25:58, still firing; 7 events\n"
            "\n"
            "  HIGH  workspace_id ws_2\n"
            "    Slow (high, boundary_testing)\n"
            "      since 2026-08-21 14:25:58, still firing; 7 events, by chance in fewer than 1 of "
            "10000\n"
            "\n"
            "Mistakes and limits\n"
            "  Dead key (low): 2 actors since 2026-08-21 14:25:58\n"
            "    most: workspace_id ws_3: 9 events\n");
}

}  // namespace
}  // namespace picket
