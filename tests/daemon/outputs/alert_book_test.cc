#include "daemon/outputs/alert_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Timestamp kNow = timestamp_ms(1'800'000'000'000);  // 2027-01-15T08:00:00Z

Alert alert_of(const std::string& id, const std::string& key = "key_1") {
  Alert alert;
  alert.id = id;
  alert.rule = {.id = "rule-1", .name = "probing", .title = "Probing"};
  alert.labels = {{"alertname", "PicketProbing"}, {"key_id", key}, {"severity", "high"}};
  alert.starts_at = kNow - Duration(60'000);
  alert.updated_at = kNow;
  alert.events = 7;
  return alert;
}

Alert resolved(Alert alert, Timestamp ends_at) {
  alert.status = AlertStatus::Resolved;
  alert.ends_at = ends_at;
  return alert;
}

std::string joined(const std::vector<AlertBody>& bodies) {
  std::string out;
  for (const AlertBody& body : bodies) out += body.json;
  return out;
}

size_t count_of(const std::vector<AlertBody>& bodies) {
  size_t count = 0;
  for (const AlertBody& body : bodies) count += body.alerts;
  return count;
}

TEST(AlertBook, SaysWhatAFiringAlertIs) {
  AlertBook book({.external_url = "http://127.0.0.1:9617/"});
  Alert alert = alert_of("abc");
  alert.annotations = {{"summary", "S"}, {"bad-name", "x"}};
  alert.measure.distinct = 5;
  alert.causes = {{"protected_resource", 5}, {"insufficient_permissions", 2}};
  alert.evidence = {{.request_id = "req_1"}, {.request_id = "req_2"}};
  const auto bodies = book.apply({{AlertChange::Opened, alert}}, kNow);
  ASSERT_EQ(bodies.size(), 1U);
  const std::string& json = bodies[0].json;
  EXPECT_THAT(
      json,
      HasSubstr(R"([{"labels":{"alertname":"PicketProbing","key_id":"key_1","severity":"high"})"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"("summary":"S","alert_id":"abc","rule_id":"rule-1","events":"7","distinct":"5")"));
  EXPECT_THAT(json, HasSubstr(R"("causes":"protected_resource=5, insufficient_permissions=2")"));
  EXPECT_THAT(json, HasSubstr(R"("first_request_id":"req_1","last_request_id":"req_2")"));
  EXPECT_THAT(
      json,
      HasSubstr(R"("startsAt":"2027-01-15T07:59:00.000Z","endsAt":"2027-01-15T08:04:00.000Z")"));
  EXPECT_THAT(json, HasSubstr(R"("generatorURL":"http://127.0.0.1:9617/api/v1/alerts?id=abc"}])"));
  EXPECT_THAT(json, Not(HasSubstr("bad-name")));
}

TEST(AlertBook, CleansLabelsAndAlwaysHasAName) {
  AlertBook book({});
  Alert alert = alert_of("abc");
  alert.labels = {{"key_id", "a\n\x1b[2J\xFF"},
                  {"empty", ""},
                  {"bad name", "x"},
                  {"long", std::string(5000, 'x')}};
  const std::string json = joined(book.apply({{AlertChange::Opened, alert}}, kNow));
  EXPECT_THAT(json, HasSubstr(R"("alertname":"probing")"));
  EXPECT_THAT(json, HasSubstr(R"("key_id":"a\\u000a\\u001b[2J)"));
  EXPECT_THAT(json, HasSubstr("\"" + std::string(1024, 'x') + "\""));
  EXPECT_THAT(json, Not(HasSubstr("empty")));
  EXPECT_THAT(json, Not(HasSubstr("bad name")));
}

TEST(AlertBook, RepeatsWhatFiresAndForAWhileWhatIsResolved) {
  AlertBook book({});
  book.apply({{AlertChange::Opened, alert_of("a", "key_1")},
              {AlertChange::Opened, alert_of("b", "key_2")}},
             kNow);
  EXPECT_EQ(count_of(book.all(kNow + Duration(60'000))), 2U);
  book.apply({{AlertChange::Resolved, resolved(alert_of("a", "key_1"), kNow)}}, kNow);
  EXPECT_EQ(count_of(book.all(kNow + AlertBook::kResolvedFor)), 2U);
  EXPECT_EQ(count_of(book.all(kNow + AlertBook::kResolvedFor + Duration(1))), 1U);
  EXPECT_EQ(book.size(), 1U);
}

TEST(AlertBook, NeverEndsBeforeTheStartNorInTheFuture) {
  AlertBook book({});
  Alert ahead = alert_of("a");
  ahead.starts_at = kNow + Duration(3'600'000);
  EXPECT_THAT(
      joined(book.apply({{AlertChange::Opened, ahead}}, kNow)),
      HasSubstr(R"("startsAt":"2027-01-15T08:00:00.000Z","endsAt":"2027-01-15T08:04:00.000Z")"));
  EXPECT_THAT(
      joined(book.apply({{AlertChange::Resolved, resolved(ahead, ahead.starts_at + Duration(5))}},
                        kNow + Duration(1'000))),
      HasSubstr(R"("startsAt":"2027-01-15T08:00:00.000Z","endsAt":"2027-01-15T08:00:01.000Z")"));
  EXPECT_THAT(
      joined(book.apply({{AlertChange::Resolved, resolved(alert_of("b", "k"), timestamp_ms(0))}},
                        kNow)),
      HasSubstr(R"("startsAt":"2027-01-15T07:59:00.000Z","endsAt":"2027-01-15T07:59:00.000Z")"));
}

TEST(AlertBook, ResolvesTheOldLabelsWhenTheSeverityRises) {
  AlertBook book({});
  book.apply({{AlertChange::Opened, alert_of("a")}}, kNow);
  Alert raised = alert_of("a");
  raised.labels.back().second = "critical";
  const std::string json =
      joined(book.apply({{AlertChange::Escalated, raised}}, kNow + Duration(1'000)));
  EXPECT_THAT(json, HasSubstr(R"("severity":"high"})"));
  EXPECT_THAT(json, HasSubstr(R"("endsAt":"2027-01-15T08:00:01.000Z")"));
  EXPECT_THAT(json, HasSubstr(R"("severity":"critical"})"));
  EXPECT_THAT(json, HasSubstr(R"("endsAt":"2027-01-15T08:04:01.000Z")"));
  EXPECT_EQ(book.size(), 2U);
}

TEST(AlertBook, ASecondAlertOfTheSameActorReplacesTheResolvedOne) {
  AlertBook book({});
  book.apply({{AlertChange::Opened, alert_of("a")}}, kNow);
  book.apply({{AlertChange::Resolved, resolved(alert_of("a"), kNow)}}, kNow);
  Alert again = alert_of("b");
  again.starts_at = kNow;
  book.apply({{AlertChange::Opened, again}}, kNow);
  const std::string json = joined(book.all(kNow));
  EXPECT_EQ(book.size(), 1U);
  EXPECT_THAT(
      json,
      HasSubstr(R"("startsAt":"2027-01-15T08:00:00.000Z","endsAt":"2027-01-15T08:04:00.000Z")"));
}

TEST(AlertBook, CutsIntoBatches) {
  AlertBook book({.batch_max = 3});
  std::vector<AlertEvent> events;
  for (int i = 0; i < 7; ++i) {
    events.push_back(
        {AlertChange::Opened, alert_of(std::to_string(i), "key_" + std::to_string(i))});
  }
  const auto bodies = book.apply(events, kNow);
  ASSERT_EQ(bodies.size(), 3U);
  EXPECT_EQ(bodies[0].alerts, 3U);
  EXPECT_EQ(bodies[2].alerts, 1U);
}

TEST(AlertBook, IsBoundedAndForgetsResolvedOnesFirst) {
  AlertBook book({});
  book.apply({{AlertChange::Opened, alert_of("keep", "first")}}, kNow);
  book.apply({{AlertChange::Resolved, resolved(alert_of("old", "second"), kNow)}},
             kNow + Duration(1));
  for (size_t i = 0; i < AlertBook::kEntriesMax - 1; ++i) {
    const std::string n = std::to_string(i);
    book.apply({{AlertChange::Opened, alert_of(n, "key_" + n)}}, kNow + Duration(2));
  }
  EXPECT_EQ(book.size(), AlertBook::kEntriesMax);
  EXPECT_EQ(book.overflow(), 1U);
  const std::string json = joined(book.all(kNow));
  EXPECT_THAT(json.find("\"first\""), Not(std::string::npos));
  EXPECT_EQ(json.find("\"second\""), std::string::npos);
}

}  // namespace
}  // namespace picket
