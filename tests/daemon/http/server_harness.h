// RunningServer: an HttpServer on a thread of its own that says what it was asked.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include "daemon/http/server.h"
#include "tests/support/http_receiver.h"

namespace picket {

// "METHOD PATH QUERY BODY".
inline HttpResponse echo(const HttpRequest& request) {
  if (request.path == "/throw") throw std::bad_alloc();
  if (request.path == "/big") return {.body = std::string(8 << 20, 'x')};
  return {.body = request.method + " " + request.path + " " + request.query + " " + request.body};
}

class RunningServer {
 public:
  explicit RunningServer(HttpServerOptions options = {}) {
    auto made = HttpServer::make(context_.get_executor(), {.port = 0}, echo, options);
    EXPECT_TRUE(made.has_value());
    server_ = *std::move(made);
    server_->start();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~RunningServer() {
    boost::asio::post(context_, [this] { server_->stop(); });
    thread_.join();
    EXPECT_EQ(server_->connections(), 0U);
  }
  uint16_t port() const { return server_->port(); }
  std::string ask(std::string_view request) const {
    return testing::http_exchange(port(), request);
  }

 private:
  boost::asio::io_context context_{1};
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

}  // namespace picket
