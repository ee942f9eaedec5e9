#include "daemon/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "tests/daemon/http/server_harness.h"
#include "tests/support/http_receiver.h"

namespace picket {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::connect_to;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::read_to_end;
using testing::send_text;
using ::testing::StartsWith;

TEST(HttpServer, Answers) {
  const RunningServer server;
  const std::string answer =
      server.ask("GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nGET /a b=c "));
}

TEST(HttpServer, HeadHasNoBody) {
  const RunningServer server;
  const std::string answer = server.ask("HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(HttpServer, KeepsConnectionsAndTakesPipelinedRequests) {
  const RunningServer server;
  const std::string answer = server.ask(
      "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /3 "
      "HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("GET /1"));
  EXPECT_THAT(answer, HasSubstr("POST /2  abc"));
  EXPECT_THAT(answer, EndsWith("GET /3  "));
}

TEST(HttpServer, ReadsByteByByteAndChunked) {
  const RunningServer server;
  const int fd = connect_to(server.port());
  const std::string request =
      "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const char c : request) send_text(fd, {&c, 1});
  EXPECT_THAT(read_to_end(fd), EndsWith("POST /c  abc"));
  close(fd);
}

TEST(HttpServer, SendsTheGoAhead) {
  const RunningServer server;
  const int fd = connect_to(server.port());
  send_text(
      fd,
      "POST /c HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  char first[25];
  ASSERT_EQ(read(fd, first, sizeof first), 25);
  EXPECT_EQ(std::string_view(first, 25), "HTTP/1.1 100 Continue\r\n\r\n");
  send_text(fd, "z");
  EXPECT_THAT(read_to_end(fd), EndsWith("POST /c  z"));
  close(fd);
}

TEST(HttpServer, RefusesWhatItCannotRead) {
  const RunningServer server;
  EXPECT_THAT(server.ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(server.ask(std::string("GET / HTTP/1.1\r\nA: \0b\r\n\r\n", 26)),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(server.ask("GET / HTTP/1.1\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(server.ask("POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(server.ask("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
              StartsWith("HTTP/1.1 400 "));
}

TEST(HttpServer, AFailingHandlerCostsOneAnswer) {
  const RunningServer server;
  EXPECT_THAT(server.ask("GET /throw HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(server.ask("GET /a HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServer, ClosesSlowAndIdleClients) {
  const RunningServer server({.header_timeout = 300ms, .idle_timeout = 300ms});
  const auto start = steady_clock::now();
  EXPECT_EQ(server.ask("GET / HTT"), "");
  const int idle = connect_to(server.port());
  send_text(idle, "GET /a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(read_to_end(idle), HasSubstr("GET /a"));
  close(idle);
  EXPECT_LT(steady_clock::now() - start, 3s);
}

// A byte every now and then must not keep a header open.
TEST(HttpServer, TheHeaderClockIsNotRenewed) {
  const RunningServer server({.header_timeout = 400ms});
  const int fd = connect_to(server.port());
  const auto start = steady_clock::now();
  send_text(fd, "GET / HTTP/1.1\r\n");
  for (int i = 0; i < 12; ++i) {
    std::this_thread::sleep_for(100ms);
    send_text(fd, "a");
  }
  EXPECT_EQ(read_to_end(fd), "");
  EXPECT_LT(steady_clock::now() - start, 3s);
  close(fd);
}

TEST(HttpServer, ClosesAReaderThatDoesNotRead) {
  const RunningServer server({.write_timeout = 300ms});
  const int fd = connect_to(server.port());
  send_text(fd, "GET /big HTTP/1.1\r\n\r\n");
  std::this_thread::sleep_for(900ms);
  EXPECT_LT(read_to_end(fd).size(), size_t{8} << 20);
  close(fd);
}

TEST(HttpServer, SilentClientsGiveWayToANewOne) {
  const RunningServer server({.connections_max = 20});
  std::vector<int> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(connect_to(server.port()));
    send_text(silent.back(), "GET / HTTP/1.1\r\nA: ");
  }
  const auto start = steady_clock::now();
  EXPECT_THAT(server.ask("GET /good HTTP/1.0\r\n\r\n"), HasSubstr("GET /good"));
  EXPECT_LT(steady_clock::now() - start, 1s);
  for (const int fd : silent) close(fd);
}

// Answers when it is let to, and refuses what is for /no.
class WaitingService final : public HttpService {
 public:
  explicit WaitingService(boost::asio::any_io_executor executor) : gate(executor) {
    gate.expires_at(boost::asio::steady_timer::time_point::max());
  }
  Admission admit(const HttpRequest& head) override {
    if (head.path == "/held") {
      ++held;
      co_await gate.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    if (head.path != "/no") co_return HttpAdmission{.body_bytes_max = body_bytes_max};
    co_return HttpAdmission{
        .refused = HttpResponse{.status = 404, .body = std::string(head.header("x-name"))}};
  }
  Answer answer(HttpRequest request) override {
    ++waiting;
    if (request.path == "/wait") {
      co_await gate.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return HttpResponse{.body = request.body};
  }
  void turned_away(int status, std::string_view path) override {
    away.push_back(status);
    away_path = path;
  }

  boost::asio::steady_timer gate;
  uint64_t body_bytes_max = 1 << 20;
  int held = 0;
  int waiting = 0;
  std::string away_path;
  std::vector<int> away;
};

// Runs on the test's own thread, so that its state can be looked at.
class SteppedServer {
 public:
  explicit SteppedServer(HttpServerOptions options = {}) {
    auto made = std::make_unique<WaitingService>(context.get_executor());
    service = made.get();
    auto server_made =
        HttpServer::make(context.get_executor(), {.port = 0}, std::move(made), options);
    EXPECT_TRUE(server_made.has_value());
    server = *std::move(server_made);
    server->start();
  }
  ~SteppedServer() { server->stop(); }
  int connect(std::string_view text) const {
    const int fd = connect_to(server->port());
    send_text(fd, text);
    return fd;
  }
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = steady_clock::now() + 10s;
    while (!done() && steady_clock::now() < deadline) context.run_one_for(100ms);
    return done();
  }

  boost::asio::io_context context{1};
  WaitingService* service = nullptr;
  std::unique_ptr<HttpServer> server;
};

TEST(HttpServer, AServiceMayWaitWhileOthersAreAnswered) {
  SteppedServer run;
  const int slow = run.connect("POST /wait HTTP/1.0\r\nContent-Length: 4\r\n\r\nslow");
  ASSERT_TRUE(run.run_until([&] { return run.service->waiting == 1; }));
  const int fast = run.connect("POST /a HTTP/1.0\r\nContent-Length: 4\r\n\r\nfast");
  ASSERT_TRUE(run.run_until([&] { return run.service->waiting == 2; }));
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 2; }));
  run.service->gate.cancel();
  shutdown(fast, SHUT_WR);
  shutdown(slow, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 0; }));
  EXPECT_THAT(read_to_end(fast), EndsWith("\r\n\r\nfast"));
  EXPECT_THAT(read_to_end(slow), EndsWith("\r\n\r\nslow"));
  close(fast);
  close(slow);
}

TEST(HttpServer, NewcomersWaitWhileAllAreBeingAnswered) {
  SteppedServer run({.connections_max = 1});
  const int first = run.connect("POST /wait HTTP/1.0\r\nContent-Length: 1\r\n\r\na");
  ASSERT_TRUE(run.run_until([&] { return run.service->waiting == 1; }));
  const int second = run.connect("POST /b HTTP/1.0\r\nContent-Length: 1\r\n\r\nb");
  run.context.run_for(250ms);
  EXPECT_EQ(run.server->connections(), 1u);
  run.service->gate.cancel();
  shutdown(first, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.service->waiting == 2; }));
  shutdown(second, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 0; }));
  EXPECT_THAT(read_to_end(first), EndsWith("\r\n\r\na"));
  EXPECT_THAT(read_to_end(second), EndsWith("\r\n\r\nb"));
  close(first);
  close(second);
}

TEST(HttpServer, AServiceRefusesByTheHeaderAlone) {
  SteppedServer run;
  const int fd = run.connect(
      "POST /no HTTP/1.1\r\nX-Name:  some value \r\nContent-Length: 1000\r\nExpect: "
      "100-continue\r\n\r\n");
  shutdown(fd, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 1; }));
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 0; }));
  const std::string answer = read_to_end(fd);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nsome value"));
  EXPECT_EQ(run.service->waiting, 0);
  close(fd);
}

TEST(HttpServer, TheServiceSaysHowLargeABodyMayBe) {
  SteppedServer run;
  run.service->body_bytes_max = 4;
  const std::string chunked = "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& request : {std::string("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n"),
                                     chunked + "5\r\nabcde\r\n", chunked + "2\r\nab\r\n3\r\n"}) {
    run.service->away.clear();
    const int fd = run.connect(request);
    shutdown(fd, SHUT_WR);
    EXPECT_TRUE(run.run_until([&] { return run.service->away == std::vector<int>{413}; }));
    EXPECT_EQ(run.service->away_path, "/a");
    EXPECT_TRUE(run.run_until([&] { return run.server->connections() == 0; }));
    EXPECT_THAT(read_to_end(fd), StartsWith("HTTP/1.1 413 "));
    close(fd);
  }
  EXPECT_EQ(run.service->waiting, 0);
}

TEST(HttpServer, AServiceMayThinkAboutTheHeader) {
  SteppedServer run({.header_timeout = 100ms, .idle_timeout = 100ms});
  const int fd = run.connect("POST /held HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(run.run_until([&] { return run.service->held == 1; }));
  // It is not the client who is slow.
  run.context.run_for(500ms);
  EXPECT_EQ(run.server->connections(), 1u);
  run.service->gate.cancel();
  shutdown(fd, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 0; }));
  EXPECT_THAT(read_to_end(fd), EndsWith("\r\n\r\nbody"));
  close(fd);
}

TEST(HttpServer, ConnectionsThatAreRetiredEndWithTheirAnswer) {
  SteppedServer run;
  const int idle = run.connect("");
  const int asked = run.connect("POST /wait HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
  ASSERT_TRUE(
      run.run_until([&] { return run.service->waiting == 1 && run.server->connections() == 2; }));
  run.server->change({}, nullptr, false);
  EXPECT_EQ(run.server->connections(), 2u);
  run.server->change({}, nullptr, true);
  EXPECT_EQ(run.server->connections(), 1u);
  EXPECT_EQ(read_to_end(idle), "");
  run.service->gate.cancel();
  shutdown(asked, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 0; }));
  EXPECT_THAT(read_to_end(asked), HasSubstr("Connection: close\r\n"));
  const int next = run.connect("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(run.run_until([&] { return run.service->waiting == 2; })) << "the port is open";
  for (const int fd : {idle, asked, next}) close(fd);
}

TEST(HttpServer, BodiesTogetherAreBoundedAndTheOldestGivesWay) {
  SteppedServer run({.bodies_bytes_max = 1000});
  const std::string part =
      "POST /wait HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + std::string(600, 'x');
  const int first = run.connect(part);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 1; }));
  const int second = run.connect(part);
  EXPECT_TRUE(run.run_until([&] { return run.service->away == std::vector<int>{0}; }));
  EXPECT_EQ(read_to_end(first), "");
  send_text(second, std::string(400, 'x'));
  ASSERT_TRUE(run.run_until([&] { return run.service->waiting == 1; }));
  // Now the room is taken by one that is being answered, which gives way to nobody.
  const int third = run.connect(part);
  EXPECT_TRUE(run.run_until([&] { return run.service->away == std::vector<int>{0, 503}; }));
  shutdown(third, SHUT_WR);
  ASSERT_TRUE(run.run_until([&] { return run.server->connections() == 1; }));
  EXPECT_THAT(read_to_end(third), HasSubstr("Retry-After: 1\r\n"));
  for (const int fd : {first, second, third}) close(fd);
}

TEST(HttpServer, DrainingAnswersWhatItHasTakenAndLeavesNothing) {
  SteppedServer run;
  const int idle = run.connect("");
  const int asked = run.connect("POST /wait HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
  ASSERT_TRUE(
      run.run_until([&] { return run.service->waiting == 1 && run.server->connections() == 2; }));
  run.server->drain();
  EXPECT_EQ(run.server->connections(), 1u);
  EXPECT_EQ(read_to_end(idle), "");
  run.service->gate.cancel();
  shutdown(asked, SHUT_WR);
  // Returns by itself: no timer, listener or connection is left.
  run.context.run();
  const std::string answer = read_to_end(asked);
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nab"));
  close(idle);
  close(asked);
}

TEST(HttpServer, ReportsAPortInUse) {
  const RunningServer server;
  boost::asio::io_context context;
  const auto second = HttpServer::make(context.get_executor(), {.port = server.port()}, echo);
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error()[0].message, HasSubstr("cannot listen on 127.0.0.1"));
  EXPECT_FALSE(HttpServer::make(context.get_executor(), {.host = "nowhere"}, echo).has_value());
}

TEST(HttpServer, MayBeDroppedBeforeItRuns) {
  boost::asio::io_context context;
  auto server = HttpServer::make(context.get_executor(), {.port = 0}, echo);
  ASSERT_TRUE(server.has_value());
  (*server)->start();
  server->reset();
  context.run();
}

TEST(ListenAddress, Parses) {
  const auto v4 = parse_listen_address("127.0.0.1:9617");
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 9617);
  const auto v6 = parse_listen_address("[::1]:0");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 0);
  EXPECT_EQ(parse_listen_address("localhost:1")->host, "127.0.0.1");
  for (const char* bad : {"", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:80",
                          "127.0.0.1:8a", "[1]:80", "127.0.0.1:-1"}) {
    EXPECT_FALSE(parse_listen_address(bad).has_value()) << bad;
  }
}

TEST(Query, FindsAndDecodes) {
  EXPECT_EQ(query_value("a=1&b=x%20y+z&c", "b"), "x y z");
  EXPECT_EQ(query_value("a=1&b=x%20y+z&c", "c"), "");
  EXPECT_EQ(query_value("a=%4", "a"), "%4");
  EXPECT_EQ(query_value("ab=1", "a"), std::nullopt);
  EXPECT_EQ(query_value("", "a"), std::nullopt);
}

}  // namespace
}  // namespace picket
