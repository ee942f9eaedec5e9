// StatusService: who may ask for a reload, and what is answered.
#include "daemon/http/status_service.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace picket {
namespace {

namespace asio = boost::asio;

class StatusServiceTest : public testing::Test {
 protected:
  static HttpRequest request(std::string method, std::string path = "/-/reload") {
    HttpRequest made;
    made.method = std::move(method);
    made.path = std::move(path);
    return made;
  }
  // What the service answers to it; the reload, if it asks for one, ends as `outcome_` says.
  HttpResponse ask(HttpRequest made) {
    if (auto refused = service_.refusal(made)) return *std::move(refused);
    HttpResponse response;
    asio::co_spawn(loop_, service_.answer(std::move(made)),
                   [&response](const std::exception_ptr&, HttpResponse answer) {
                     response = std::move(answer);
                   });
    loop_.run();
    loop_.restart();
    return response;
  }

  asio::io_context loop_;
  PublishedState state_;
  ReloadOutcome outcome_{true, "reloaded"};
  int asked_ = 0;
  StatusService service_{state_, loop_.get_executor(), [this](const Orders::Answer& answer) {
                           ++asked_;
                           answer(outcome_);
                         }};
};

TEST_F(StatusServiceTest, ReloadsAndSaysHowItWent) {
  EXPECT_EQ(ask(request("POST")).status, 200);
  outcome_ = {false, "picket.yaml:3:1: error: wrong"};
  const HttpResponse refused = ask(request("POST"));
  EXPECT_EQ(refused.status, 500);
  EXPECT_EQ(refused.body, "picket.yaml:3:1: error: wrong\n");
  EXPECT_EQ(asked_, 2);
}

TEST_F(StatusServiceTest, OnlyPostReloads) {
  const HttpResponse response = ask(request("GET"));
  EXPECT_EQ(response.status, 405);
  ASSERT_FALSE(response.headers.empty());
  EXPECT_EQ(response.headers.front().second, "POST");
  EXPECT_EQ(asked_, 0);
}

TEST_F(StatusServiceTest, WebPagesMayNot) {
  for (const char* header : {"origin", "sec-fetch-site"}) {
    HttpRequest made = request("POST");
    made.headers.emplace_back(header, "same-origin");
    EXPECT_EQ(ask(std::move(made)).status, 403) << header;
  }
  EXPECT_EQ(asked_, 0);
}

TEST_F(StatusServiceTest, NobodyMayWhereStrangersListen) {
  StatusService open(state_, loop_.get_executor(), nullptr);
  const auto refused = open.refusal(request("POST"));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 403);
  EXPECT_FALSE(open.refusal(request("GET", "/metrics")).has_value());
}

TEST_F(StatusServiceTest, KnowsLoopbackAddresses) {
  EXPECT_TRUE(is_loopback({"127.0.0.1", 1}));
  EXPECT_TRUE(is_loopback({"::1", 1}));
  EXPECT_FALSE(is_loopback({"0.0.0.0", 1}));
  EXPECT_FALSE(is_loopback({"::", 1}));
}

}  // namespace
}  // namespace picket
