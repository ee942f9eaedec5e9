#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/outputs/output.h"
#include "tests/support/http_receiver.h"

namespace picket {
namespace {

using namespace std::chrono_literals;
using ::picket::testing::HttpReceiver;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

const SystemClock kClock;
constexpr Timestamp kNow = timestamp_ms(1'800'000'000'000);

Result<std::unique_ptr<Output>> make(const std::string& yaml) {
  PICKET_TRY(YamlFile file, parse_yaml(yaml, "picket.yaml"));
  for (const OutputKind& kind : output_kinds()) {
    if (kind.type == "alertmanager") return kind.make(file.documents[0], {.clock = kClock});
  }
  return fail({}, "no such kind");
}

std::unique_ptr<Output> output_to(const std::vector<std::string>& urls,
                                  const std::string& more = "") {
  std::string list;
  for (const std::string& url : urls) list += (list.empty() ? "" : ", ") + url;
  auto output = make("type: alertmanager\nurls: [" + list + "]\n" + more);
  EXPECT_TRUE(output.has_value());
  return output ? *std::move(output) : nullptr;
}

std::vector<AlertEvent> opened(const std::string& id) {
  Alert alert;
  alert.id = id;
  alert.labels = {{"alertname", "PicketProbing"}, {"key_id", id}};
  alert.starts_at = kNow;
  return {{AlertChange::Opened, alert}};
}

TEST(Alertmanager, PostsToEveryUrl) {
  HttpReceiver first;
  HttpReceiver second;
  const auto output = output_to({first.url() + "/", second.url() + "/am"});
  EXPECT_FALSE(output->deliver(opened("key_1"), kNow));
  ASSERT_TRUE(first.wait_for(1));
  ASSERT_TRUE(second.wait_for(1));
  EXPECT_THAT(first.heads()[0], HasSubstr("POST /api/v2/alerts HTTP/1.1"));
  EXPECT_THAT(second.heads()[0], HasSubstr("POST /am/api/v2/alerts HTTP/1.1"));
  EXPECT_THAT(first.heads()[0], HasSubstr("Content-Type: application/json"));
  EXPECT_EQ(first.bodies()[0], second.bodies()[0]);
  EXPECT_THAT(first.bodies()[0], HasSubstr(R"("key_id":"key_1")"));
  output->finish(kNow);
}

TEST(Alertmanager, AHangingOneDelaysNobody) {
  HttpReceiver hanging;
  HttpReceiver good;
  hanging.hang(true);
  const auto output = output_to({hanging.url(), good.url()});
  const auto start = steady_clock::now();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(output->deliver(opened(std::to_string(i)), kNow));
  EXPECT_LT(steady_clock::now() - start, 3s);
  EXPECT_TRUE(good.wait_for(5));
}

TEST(Alertmanager, ReportsARefusalOnceAndWaitsForTheRepetition) {
  HttpReceiver receiver;
  receiver.answer_with(400);
  const auto output = output_to({receiver.url()});
  EXPECT_FALSE(output->tick(kNow));  // nothing to repeat yet; sets the pace
  EXPECT_TRUE(output->deliver(opened("key_1"), kNow));
  EXPECT_THAT(output->last_error(), HasSubstr("status 400: answer"));
  EXPECT_FALSE(output->tick(kNow + 30s));
  EXPECT_EQ(receiver.bodies().size(), 1U);
  receiver.answer_with(200);
  EXPECT_FALSE(output->tick(kNow + 60s));
  ASSERT_TRUE(receiver.wait_for(2));
  EXPECT_THAT(receiver.bodies()[1], HasSubstr(R"("endsAt":"2027-01-15T08:05:00.000Z")"));
  output->finish(kNow);
  EXPECT_EQ(output->last_error(), "");
}

TEST(Alertmanager, TellsEverythingSoonToOneThatComesBack) {
  HttpReceiver receiver;
  receiver.answer_with(500);
  const auto output = output_to({receiver.url()});
  EXPECT_FALSE(output->tick(kNow));
  EXPECT_TRUE(output->deliver(opened("key_1"), kNow));
  EXPECT_TRUE(output->deliver(opened("key_2"), kNow));
  receiver.answer_with(200);
  EXPECT_FALSE(output->tick(kNow + 1s));
  EXPECT_EQ(receiver.bodies().size(), 2U);
  EXPECT_FALSE(output->tick(kNow + 5s));
  ASSERT_TRUE(receiver.wait_for(3));
  EXPECT_THAT(receiver.bodies()[2], HasSubstr("key_1"));
  EXPECT_THAT(receiver.bodies()[2], HasSubstr("key_2"));
  output->finish(kNow);
}

TEST(Alertmanager, ReportsOneThatFailsBesideOneThatWorks) {
  HttpReceiver good;
  const auto output = output_to({"http://127.0.0.1:1", good.url()});
  EXPECT_FALSE(output->tick(kNow));
  EXPECT_FALSE(output->deliver(opened("key_1"), kNow));
  const auto deadline = steady_clock::now() + 5s;
  while (output->last_error().empty() && steady_clock::now() < deadline)
    std::this_thread::sleep_for(2ms);
  EXPECT_TRUE(output->tick(kNow + 1s));
  EXPECT_FALSE(output->tick(kNow + 1s));
  output->finish(kNow);
}

TEST(Alertmanager, TimesOut) {
  HttpReceiver receiver;
  receiver.hang(true);
  const auto output = output_to({receiver.url()}, "timeout: 100ms\n");
  const auto start = steady_clock::now();
  EXPECT_TRUE(output->deliver(opened("key_1"), kNow));
  EXPECT_LT(steady_clock::now() - start, 2s);
  output->finish(kNow);
}

TEST(Alertmanager, FinishDoesNotWaitForOneThatHangs) {
  HttpReceiver hanging;
  HttpReceiver good;
  hanging.hang(true);
  const auto output = output_to({hanging.url(), good.url()});
  EXPECT_FALSE(output->deliver(opened("key_1"), kNow));
  const auto start = steady_clock::now();
  output->finish(kNow);
  EXPECT_LT(steady_clock::now() - start, 5s);
}

TEST(Alertmanager, RefusesOptionsThatCannotWork) {
  EXPECT_FALSE(make("type: alertmanager\n").has_value());
  EXPECT_FALSE(make("type: alertmanager\nurls: []\n").has_value());
  for (const char* url : {"127.0.0.1:9093", "ftp://a", "http://", "'http://user:pw@host'",
                          "'http://a/ b'", "'http://a?x'", "\"http://a\\r\\nX: y\"", "http:///x"}) {
    EXPECT_FALSE(make(std::string("type: alertmanager\nurls: [") + url + "]\n").has_value()) << url;
  }
  const std::string url = "type: alertmanager\nurls: [\"http://127.0.0.1:9093\"]\n";
  EXPECT_TRUE(make(url + "resend_interval: 30s\ntimeout: 5s\nbatch: 10\nname: x\n").has_value());
  EXPECT_FALSE(make(url + "resend_interval: 1ms\n").has_value());
  EXPECT_FALSE(make(url + "batch: 0\n").has_value());
  const auto unknown = make(url + "resendinterval: 1m\n");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error()[0].where.line, 3U);
}

}  // namespace
}  // namespace picket
