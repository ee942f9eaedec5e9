// Which input answers a request, also while inputs come and go; nothing runs by itself.
#include "daemon/inputs/ingest_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "daemon/inputs/spool_reader.h"
#include "tests/support/fake_disk.h"
#include "tests/support/manual_clock.h"

namespace picket {
namespace {

using ::testing::Contains;
using ::testing::Pair;

// An input as the router knows it, and what it has spooled.
struct Source {
  Source(boost::asio::io_context& loop, IngestOptions options)
      : folder("state/spool/" + options.source) {
    auto writer = SpoolWriter::open(disk, {folder, 1 << 20, 1 << 17}, 0);
    EXPECT_TRUE(writer);
    spool = std::make_unique<Spool>(*std::move(writer), clock);
    service =
        std::make_unique<IngestService>(std::move(options), *spool, counters, loop.get_executor());
  }
  std::string spooled() {
    SpoolReader reader(disk, folder, 0);
    std::string text(10'000, '\0');
    std::string all;
    for (;;) {
      const auto got = reader.read(spool->end(), text);
      if (!got || *got == 0) return all;
      all += text.substr(0, *got);
    }
  }
  uint64_t refused(PushRefusal reason) const {
    return counters.stats().refused[static_cast<size_t>(reason)];
  }

  const std::string folder;
  FakeDisk disk;
  ManualClock clock;
  PushCounters counters;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<IngestService> service;
};

// A request on its way through the router, as HttpServer takes it there.
struct Asked {
  HttpRequest head = {};  // stays until it is admitted
  std::optional<HttpAdmission> admission;
  std::optional<HttpResponse> response;
};

HttpRequest post(std::string path, std::string body = "", std::string token = "") {
  HttpRequest request{.method = "POST", .path = std::move(path), .body = std::move(body)};
  if (!token.empty()) request.headers.emplace_back("authorization", "Bearer " + token);
  return request;
}

class IngestRouterTest : public ::testing::Test {
 protected:
  // What still waits is answered, because it does so inside the router.
  ~IngestRouterTest() override {
    router_.expect(0, false);
    poll();
  }
  void poll() {
    loop_.restart();
    loop_.poll();
  }
  std::shared_ptr<Asked> admit(HttpRequest head) {
    auto asked = std::make_shared<Asked>();
    asked->head = std::move(head);
    boost::asio::co_spawn(loop_, router_.admit(asked->head),
                          [asked](const std::exception_ptr&, HttpAdmission admission) {
                            asked->admission = std::move(admission);
                          });
    poll();
    return asked;
  }
  std::shared_ptr<Asked> answer(HttpRequest request) {
    auto asked = std::make_shared<Asked>();
    boost::asio::co_spawn(loop_, router_.answer(std::move(request)),
                          [asked](const std::exception_ptr&, HttpResponse response) {
                            asked->response = std::move(response);
                          });
    poll();
    return asked;
  }
  // The status of a request whose input writes at once.
  int status(const HttpRequest& request, Source& source) {
    const auto asked = answer(request);
    source.spool->step();
    poll();
    return asked->response ? asked->response->status : 0;
  }
  std::shared_ptr<bool> leave(Source& source) {
    auto gone = std::make_shared<bool>(false);
    boost::asio::co_spawn(loop_, router_.leave(*source.service),
                          [gone](const std::exception_ptr&) { *gone = true; });
    poll();
    return gone;
  }

  boost::asio::io_context loop_{1};
  Source web_{loop_, {.source = "web", .token = "w", .body_max = 10, .otlp = false}};
  Source app_{loop_, {.source = "app", .token = "a", .body_max = 100}};
  IngestRouter router_{loop_.get_executor()};
};

TEST_F(IngestRouterTest, EachRequestGoesToItsInput) {
  router_.join(*web_.service);
  router_.join(*app_.service);
  router_.expect(2, false);
  EXPECT_EQ(router_.body_max(), 100u);
  const auto for_web = admit(post("/ingest/web", "", "w"));
  ASSERT_TRUE(for_web->admission);
  EXPECT_FALSE(for_web->admission->refused);
  EXPECT_EQ(for_web->admission->body_bytes_max, 10u);
  EXPECT_EQ(admit(post("/ingest/app", "", "a"))->admission->body_bytes_max, 100u);
  EXPECT_EQ(status(post("/ingest/web", "1\n", "w"), web_), 200);
  EXPECT_EQ(status(post("/ingest/app", "2\n", "a"), app_), 200);
  HttpRequest otlp = post("/v1/logs", "{}", "a");
  otlp.headers.emplace_back("content-type", "application/json");
  EXPECT_EQ(status(otlp, app_), 200);
  // A token is worth something at its own input only.
  EXPECT_EQ(status(post("/ingest/web", "3\n", "a"), web_), 401);
  EXPECT_EQ(web_.spooled(), "1\n");
  EXPECT_EQ(app_.spooled(), "2\n{}\n");
}

TEST_F(IngestRouterTest, TheFirstByNameStandsForAll) {
  router_.join(*web_.service);
  router_.join(*app_.service);
  router_.expect(2, false);
  EXPECT_EQ(router_.first(), app_.service.get());
  EXPECT_EQ(status(post("/ingest/other", "1\n", "a"), app_), 404);
  EXPECT_EQ(status(post("/ingest/other", "1\n"), app_), 401);
  router_.turned_away(400, "");
  router_.turned_away(0, "/ingest/web");
  EXPECT_EQ(app_.refused(PushRefusal::NotFound), 1u);
  EXPECT_EQ(app_.refused(PushRefusal::Unauthorized), 1u);
  EXPECT_EQ(app_.refused(PushRefusal::Malformed), 1u);
  EXPECT_EQ(app_.counters.stats().requests, 3u);
  EXPECT_EQ(web_.refused(PushRefusal::Interrupted), 1u);
  EXPECT_EQ(web_.counters.stats().requests, 1u);
  leave(app_);
  EXPECT_EQ(router_.first(), web_.service.get());
}

TEST_F(IngestRouterTest, ARequestWaitsForTheInputThatIsBeingReplaced) {
  router_.join(*web_.service);
  router_.join(*app_.service);
  router_.expect(2, false);
  const HttpRequest head = post("/ingest/app", "", "a");
  EXPECT_FALSE(admit(head)->admission->refused);  // its body is still on its way
  router_.expect(2, true);
  EXPECT_TRUE(*leave(app_));
  const auto held = admit(head);
  const auto body = answer(post("/ingest/app", "1\n", "a"));
  const auto unknown = admit(post("/ingest/new", "", "a"));
  EXPECT_EQ(status(post("/ingest/web", "9\n", "w"), web_), 200) << "others go on";
  EXPECT_FALSE(held->admission);
  EXPECT_FALSE(body->response);
  EXPECT_FALSE(unknown->admission);
  // All others are there, but the successor has not taken its place yet.
  router_.expect(2, false);
  poll();
  EXPECT_FALSE(held->admission);
  Source successor(loop_, {.source = "app", .token = "a"});
  router_.join(*successor.service);
  poll();
  successor.spool->step();
  poll();
  ASSERT_TRUE(held->admission);
  EXPECT_FALSE(held->admission->refused);
  ASSERT_TRUE(body->response);
  EXPECT_EQ(body->response->status, 200);
  ASSERT_TRUE(unknown->admission);
  EXPECT_EQ(unknown->admission->refused->status, 404);
  EXPECT_EQ(app_.spooled(), "");
  EXPECT_EQ(successor.spooled(), "1\n");
}

TEST_F(IngestRouterTest, TheSuccessorLooksAtTheHeaderAndTheSizeOnceMore) {
  router_.join(*app_.service);
  router_.expect(1, false);
  EXPECT_FALSE(admit(post("/ingest/app", "", "a"))->admission->refused);
  EXPECT_TRUE(*leave(app_));
  Source successor(loop_, {.source = "app", .token = "b", .body_max = 3});
  router_.join(*successor.service);
  EXPECT_EQ(status(post("/ingest/app", "1\n", "a"), successor), 401);
  EXPECT_EQ(status(post("/ingest/app", "123\n", "b"), successor), 413);
  EXPECT_EQ(status(post("/ingest/app", "1\n", "b"), successor), 200);
  EXPECT_EQ(successor.counters.stats().requests, 3u);
  EXPECT_EQ(successor.refused(PushRefusal::Unauthorized), 1u);
  EXPECT_EQ(successor.refused(PushRefusal::TooLarge), 1u);
}

TEST_F(IngestRouterTest, AnInputLeavesOnceItHasAnsweredWhatItTook) {
  router_.join(*app_.service);
  router_.expect(1, false);
  const auto taken = answer(post("/ingest/app", "1\n", "a"));
  EXPECT_FALSE(taken->response);
  const auto gone = leave(app_);
  EXPECT_FALSE(*gone);
  const auto after = answer(post("/ingest/app", "2\n", "a"));
  app_.spool->step();
  poll();
  EXPECT_TRUE(*gone);
  ASSERT_TRUE(taken->response);
  EXPECT_EQ(taken->response->status, 200);
  EXPECT_FALSE(after->response);
  EXPECT_EQ(app_.spooled(), "1\n");
}

TEST_F(IngestRouterTest, WhenNobodyComesTheSenderIsToldToComeBack) {
  const auto held = answer(post("/ingest/app", "1\n", "a"));
  EXPECT_FALSE(held->response);
  router_.expect(0, false);
  poll();
  ASSERT_TRUE(held->response);
  EXPECT_EQ(held->response->status, 503);
  EXPECT_THAT(held->response->headers, Contains(Pair("Retry-After", "5")));
  router_.turned_away(400, "");  // by nobody's fault
}

}  // namespace
}  // namespace picket
