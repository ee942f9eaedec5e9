#include "daemon/http/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace picket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Site {
  PublishedState state;
  HttpResponse get(const std::string& path, const std::string& query = "") const {
    return answer({.method = "GET", .path = path, .query = query}, {state});
  }
  void publish(Snapshot snapshot) {
    state.publish(std::make_shared<Snapshot>(std::move(snapshot)));
  }
};

Snapshot sample() {
  Snapshot s;
  s.build = {.version = "1.2.3", .commit = "abc", .simd = "icelake"};
  s.engine.sources = {{.name = "api", .decode = {.lines = 5, .events = 4, .refusals = 2}}};
  s.engine.rules = {{.id = "rule-1", .title = "Probing", .matches = 3}};
  s.sources = {{.name = "api", .type = "file"}, {.name = "other", .type = "socket"}};
  s.alerts = {{.id = "one"}, {.id = "two", .status = AlertStatus::Resolved}};
  s.outputs = {{.name = "am", .sent = 9, .last_error = "odd\nerror"}};
  s.health.ready = true;
  return s;
}

TEST(Routes, IndexListsThem) {
  const Site site;
  for (const Route& route : routes()) {
    EXPECT_THAT(site.get("/").body, HasSubstr(std::string(route.path)));
  }
}

TEST(Routes, ProbesSayWhy) {
  Site site;
  EXPECT_EQ(site.get("/-/healthy").status, 200);
  EXPECT_EQ(site.get("/-/ready").status, 503);
  EXPECT_EQ(site.get("/-/ready").body, "starting\n");
  Snapshot s = sample();
  s.health.healthy = false;
  s.health.unhealthy_reason = "disk\nfull";
  site.publish(s);
  EXPECT_EQ(site.get("/-/ready").status, 200);
  EXPECT_EQ(site.get("/-/healthy").status, 503);
  EXPECT_EQ(site.get("/-/healthy").body, "disk\\u000afull\n");
}

TEST(Routes, MetricsHaveTheirContentType) {
  const Site site;
  EXPECT_EQ(site.get("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(site.get("/metrics").body, HasSubstr("# HELP picket_build_info"));
}

TEST(Routes, AlertsCanBeFiltered) {
  Site site;
  EXPECT_EQ(site.get("/api/v1/alerts").body, "[]\n");
  site.publish(sample());
  const std::string all = site.get("/api/v1/alerts").body;
  EXPECT_THAT(all, HasSubstr("\"one\""));
  EXPECT_THAT(all, HasSubstr("},{\"alert_id\":\"two\""));
  EXPECT_THAT(site.get("/api/v1/alerts", "status=firing").body, Not(HasSubstr("\"two\"")));
  EXPECT_THAT(site.get("/api/v1/alerts", "status=resolved").body, Not(HasSubstr("\"one\"")));
  EXPECT_THAT(site.get("/api/v1/alerts", "id=two").body, HasSubstr("\"two\""));
  EXPECT_EQ(site.get("/api/v1/alerts", "id=three").body, "[]\n");
  EXPECT_EQ(site.get("/api/v1/alerts", "status=odd").status, 400);
}

TEST(Routes, StatusSourcesAndRules) {
  Site site;
  Snapshot snapshot = sample();
  snapshot.engine.unknown_texts = {{.code = "err:a:b:c", .text = "No.", .count = 2}};
  site.publish(snapshot);
  const std::string status = site.get("/api/v1/status").body;
  EXPECT_THAT(status, HasSubstr(R"({"version":"1.2.3","commit":"abc","simd":"icelake")"));
  EXPECT_THAT(status, HasSubstr(R"("last_error":"odd\nerror")"));
  EXPECT_THAT(status, HasSubstr(R"("not_json":0)"));
  EXPECT_THAT(status,
              HasSubstr(R"("unknown_refusals":[{"code":"err:a:b:c","text":"No.","count":2}])"));
  const std::string sources = site.get("/api/v1/sources").body;
  EXPECT_THAT(sources, HasSubstr(R"([{"name":"api","bytes":0,"lines":5)"));
  EXPECT_THAT(sources, HasSubstr(R"({"name":"other")"));
  EXPECT_EQ(site.get("/api/v1/rules").body,
            "[{\"id\":\"rule-1\",\"title\":\"Probing\",\"matches\":3,\"group_missing\":0,"
            "\"value_missing\":0,\"not_numeric\":0,\"forgotten\":0,"
            "\"alerts\":0,\"alerts_dropped\":0,\"mode\":\"alert\",\"evaluations\":0,\"seconds\":0,"
            "\"state_bytes\":0}]\n");
}

TEST(Routes, UnknownPathsAndWrongMethods) {
  const Site site;
  const HttpResponse missing = site.get("/nothing");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.content_type, "application/json");
  EXPECT_EQ(missing.body, "{\"error\":\"not found\"}\n");
  const HttpResponse wrong = answer({.method = "POST", .path = "/metrics"}, {site.state});
  EXPECT_EQ(wrong.status, 405);
  ASSERT_EQ(wrong.headers.size(), 1U);
  EXPECT_EQ(wrong.headers[0], std::make_pair(std::string("Allow"), std::string("GET, HEAD")));
}

}  // namespace
}  // namespace picket
