// Every status of the ingest service, without a socket: the spool is stepped by hand on a disk that
// fails when told to.
#include "daemon/inputs/ingest_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/daemon/inputs/spool_harness.h"
#include "tests/support/manual_clock.h"
#include "tests/support/packed.h"

namespace picket {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using Headers = std::vector<std::pair<std::string, std::string>>;

HttpRequest post(std::string path, std::string body = "", Headers headers = {}) {
  return {.method = "POST",
          .path = std::move(path),
          .body = std::move(body),
          .headers = std::move(headers)};
}

class IngestServiceTest : public ::testing::Test {
 protected:
  void open(std::string token = "", uint64_t spool_max = 1 << 20) {
    auto writer = SpoolWriter::open(disk_, {SpoolHarness::kFolder, spool_max, spool_max / 8}, 0);
    ASSERT_TRUE(writer);
    service_.reset();
    spool_ = std::make_unique<Spool>(*std::move(writer), clock_, 4000);
    service_ = std::make_unique<IngestService>(
        IngestOptions{"my edge", std::move(token), {.bytes_max = 2000}}, *spool_, counters_,
        loop_.get_executor());
  }

  // What the service says, which may wait for the spool: then `step` lets it write.
  std::optional<HttpResponse> ask(const HttpRequest& request, bool step = true) {
    HttpRequest head = request;
    head.body.clear();
    if (auto refused = service_->admit(head)) return refused;
    auto answered = std::make_shared<std::optional<HttpResponse>>();
    boost::asio::co_spawn(loop_, service_->answer(request),
                          [answered](const std::exception_ptr& error, HttpResponse response) {
                            EXPECT_FALSE(error);
                            *answered = std::move(response);
                          });
    const auto poll = [&] {
      loop_.restart();
      loop_.poll();
    };
    poll();
    if (!*answered && step) {
      EXPECT_TRUE(spool_->step());
      poll();
    }
    return *answered;
  }

  std::string spooled() {
    SpoolReader reader(disk_, SpoolHarness::kFolder, 0);
    std::string text(100'000, '\0');
    std::string all;
    for (;;) {
      const auto got = reader.read(spool_->end(), text);
      if (!got || *got == 0) return all;
      all += text.substr(0, *got);
    }
  }

  FakeDisk disk_;
  ManualClock clock_;
  PushCounters counters_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<IngestService> service_;
};

TEST_F(IngestServiceTest, AnswersOnlyOnceTheLinesAreDurable) {
  open();
  const HttpRequest request = post("/ingest/my%20edge", "{\"a\":1}\n{\"b\":2}");
  EXPECT_FALSE(ask(request, false));
  EXPECT_EQ(disk_.syncs, 0u);
  EXPECT_TRUE(spool_->step());
  EXPECT_EQ(disk_.syncs, 1u);
  EXPECT_EQ(spooled(), "{\"a\":1}\n{\"b\":2}\n");
  const auto answer = ask(request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "{\"lines\":2}\n");
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(counters_.stats().requests, 2u);
}

struct Case {
  const char* name;
  HttpRequest request;
  int status;
  std::optional<PushRefusal> reason;
  const char* spooled = "";
  const char* answer = "";  // part of it
};

Headers with(const char* name, const char* value) { return {{name, value}}; }

HttpRequest by(const char* method, const char* path) {
  HttpRequest request = post(path);
  request.method = method;
  return request;
}

const std::string kPath = "/ingest/my%20edge";
const Headers kJson = {{"content-type", "application/json"}};

const Case kCases[] = {
    {"plain", post(kPath, "1\n"), 200, {}, "1\n", "{\"lines\":1}"},
    {"type does not matter", post(kPath, "1\n", with("content-type", "x/y")), 200, {}, "1\n"},
    {"no body", post(kPath), 200, {}, "", "{\"lines\":0}"},
    {"mark alone", post(kPath, "\xEF\xBB\xBF"), 200, {}, ""},
    {"gzip", post(kPath, gzip("1\n2"), with("content-encoding", "gzip")), 200, {}, "1\n2\n"},
    {"zstd", post(kPath, zstd("1\n2"), with("content-encoding", "zstd")), 200, {}, "1\n2\n"},
    {"identity", post(kPath, "1", with("content-encoding", "identity")), 200, {}, "1\n"},
    {"binary", post(kPath, "\x01\xff\n"), 200, {}, "\x01\xff\n"},
    {"bad gzip", post(kPath, "1\n", with("content-encoding", "gzip")), 400, PushRefusal::Malformed},
    {"cut zstd", post(kPath, zstd("1\n").substr(0, 9), with("content-encoding", "zstd")), 400,
     PushRefusal::Malformed},
    {"other encoding", post(kPath, "1\n", with("content-encoding", "br")), 415,
     PushRefusal::MediaType},
    {"too large", post(kPath, std::string(2001, 'x')), 413, PushRefusal::TooLarge},
    {"too large unpacked",
     post(kPath, gzip(std::string(2001, 'x')), with("content-encoding", "gzip")), 413,
     PushRefusal::TooLarge},
    {"other source", post("/ingest/other", "1\n"), 404, PushRefusal::NotFound},
    {"no source", post("/ingest/", "1\n"), 404, PushRefusal::NotFound},
    {"longer", post(kPath + "/", "1\n"), 404, PushRefusal::NotFound},
    {"root", post("/", "1\n"), 404, PushRefusal::NotFound},
    {"GET", by("GET", kPath.c_str()), 405, PushRefusal::Method},
    {"PUT", by("PUT", "/v1/logs"), 405, PushRefusal::Method},
    {"otlp",
     post("/v1/logs", "{\n\"resourceLogs\": []\n}", kJson),
     200,
     {},
     "{ \"resourceLogs\": [] }\n",
     "{}"},
    {"otlp gzip",
     post("/v1/logs", gzip("{}"),
          {{"content-type", "application/json; charset=utf-8"}, {"content-encoding", "gzip"}}),
     200,
     {},
     "{}\n",
     "{}"},
    {"otlp nothing", post("/v1/logs", " \n", kJson), 400, PushRefusal::Malformed},
    {"otlp protobuf", post("/v1/logs", "x", with("content-type", "application/x-protobuf")), 415,
     PushRefusal::MediaType},
    {"otlp no type", post("/v1/logs", "{}"), 415, PushRefusal::MediaType},
    {"otlp odd type", post("/v1/logs", "{}", with("content-type", "application/json2")), 415,
     PushRefusal::MediaType},
};
TEST_F(IngestServiceTest, EveryStatus) {
  uint64_t requests = 0;
  std::string all;
  open();
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const PushStats before = counters_.stats();
    const auto answer = ask(c.request);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, c.status);
    EXPECT_THAT(answer->body, HasSubstr(c.status == 200 ? c.answer : "{\"error\":"));
    const PushStats after = counters_.stats();
    EXPECT_EQ(after.requests, ++requests);
    for (size_t i = 0; i < kPushRefusals; ++i) {
      const bool here = c.reason && static_cast<size_t>(*c.reason) == i;
      EXPECT_EQ(after.refused[i] - before.refused[i], here ? 1u : 0u) << kPushRefusalNames[i];
    }
    if (c.status == 405) {
      EXPECT_THAT(answer->headers, Contains(Pair("Allow", "POST")));
    }
    all += c.spooled;
    EXPECT_EQ(spooled(), all);
  }
}

TEST_F(IngestServiceTest, TheTokenIsAskedForBeforeAnythingElse) {
  open("secret");
  const char* wrong[] = {"",
                         "secret",
                         "Bearer",
                         "Bearer ",
                         "Basic secret",
                         "Bearer secre",
                         "Bearer secrets",
                         "Bearer Secret"};
  for (const char* value : wrong) {
    const auto answer = ask(post("/nowhere", "1\n", {{"authorization", value}}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 401) << value;
    EXPECT_THAT(answer->headers, Contains(Pair("WWW-Authenticate", "Bearer")));
  }
  EXPECT_EQ(counters_.stats().refused[static_cast<size_t>(PushRefusal::Unauthorized)],
            std::size(wrong));
  EXPECT_EQ(ask(post("/ingest/my edge", "1\n", {{"authorization", "Bearer secret"}}))->status, 200);
  EXPECT_EQ(ask(post("/ingest/my edge", "1\n", {{"authorization", "bearer secret"}}))->status, 200);
}

TEST_F(IngestServiceTest, AFailingDiskIsToldAndRecoveredFrom) {
  open();
  const HttpRequest request = post("/ingest/my edge", "1\n");
  for (const auto& fault :
       {FakeDisk::Faults{.space_left = 3}, FakeDisk::Faults{.sync = {EIO, std::system_category()}},
        FakeDisk::Faults{.create = {EACCES, std::system_category()}}}) {
    disk_.faults = fault;
    const auto answer = ask(request);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503);
    EXPECT_THAT(answer->headers, Contains(Pair("Retry-After", "5")));
    EXPECT_EQ(spooled(), "");
  }
  EXPECT_EQ(counters_.stats().refused[static_cast<size_t>(PushRefusal::DiskError)], 3u);
  disk_.faults = {};
  EXPECT_EQ(ask(request)->status, 200);
  EXPECT_EQ(spooled(), "1\n");
}

TEST_F(IngestServiceTest, AFullSpoolIsToldUntilItIsReleased) {
  open("", 70'000);
  const HttpRequest request = post("/ingest/my edge", std::string(1999, 'x') + "\n");
  int taken = 0;
  std::optional<HttpResponse> answer;
  while ((answer = ask(request))->status == 200) ++taken;
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(answer->headers, Contains(Pair("Retry-After", "10")));
  EXPECT_EQ(counters_.stats().refused[static_cast<size_t>(PushRefusal::SpoolFull)], 1u);
  EXPECT_GT(taken, 30);
  spool_->release(spool_->end().offset);
  EXPECT_EQ(ask(request)->status, 200);
}

TEST_F(IngestServiceTest, TooMuchAtOnceIsToldAtOnce) {
  open();
  const HttpRequest request = post("/ingest/my edge", std::string(1999, 'x') + "\n");
  EXPECT_FALSE(ask(request, false));
  EXPECT_FALSE(ask(request, false));
  const auto answer = ask(request, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(answer->headers, Contains(Pair("Retry-After", "1")));
}

TEST_F(IngestServiceTest, WhatTheServerTurnsAwayIsCounted) {
  open();
  for (const int status : {400, 413, 431, 503, 0}) service_->turned_away(status);
  const PushStats stats = counters_.stats();
  EXPECT_EQ(stats.requests, 5u);
  EXPECT_EQ(stats.refused[static_cast<size_t>(PushRefusal::Malformed)], 1u);
  EXPECT_EQ(stats.refused[static_cast<size_t>(PushRefusal::TooLarge)], 2u);
  EXPECT_EQ(stats.refused[static_cast<size_t>(PushRefusal::Busy)], 1u);
  EXPECT_EQ(stats.refused[static_cast<size_t>(PushRefusal::Interrupted)], 1u);
}

}  // namespace
}  // namespace picket
