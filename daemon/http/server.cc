// The only file that includes Beast, and of Beast only the parser: its own asynchronous operations
// take three times as long to compile and hide the deadlines.
// Tested by tests/daemon/http/server_test.cc.
#include "daemon/http/server.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <set>

namespace picket {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Parser = http::request_parser<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr milliseconds kSweepInterval{200};
constexpr milliseconds kAcceptPause{100};  // after running out of descriptors
constexpr milliseconds kLingerTimeout{1'000};
constexpr int kLingerReadsMax = 64;
constexpr size_t kReadBytes = 4096;

struct Connection {
  explicit Connection(tcp::socket s) : socket(std::move(s)) {}
  void expect_by(milliseconds timeout) { deadline = steady_clock::now() + timeout; }

  tcp::socket socket;
  std::string input = {};  // read and not parsed yet; at most header_bytes_max + kReadBytes
  steady_clock::time_point deadline = {};
  steady_clock::time_point waiting_since = steady_clock::now();
  bool waiting = true;  // for the client, so that it may have to give way
};

enum class ReadOutcome { Request, Closed, HeaderTooLarge, BodyTooLarge, Malformed };

ReadOutcome outcome_of(const error_code& error) {
  if (error == http::error::header_limit) return ReadOutcome::HeaderTooLarge;
  if (error == http::error::body_limit) return ReadOutcome::BodyTooLarge;
  return ReadOutcome::Malformed;
}

HttpResponse refusal(ReadOutcome outcome) {
  switch (outcome) {
    case ReadOutcome::HeaderTooLarge:
      return http_error(431, "request header too large");
    case ReadOutcome::BodyTooLarge:
      return http_error(413, "request body too large");
    default:
      return http_error(400, "malformed request");
  }
}

// Nothing that this server sends may be cached, guessed about or framed.
std::string response_head(const HttpResponse& response, bool keep_alive) {
  const auto reason =
      http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nConnection: {}\r\n",
      response.status, std::string_view(reason.data(), reason.size()), response.content_type,
      response.body.size(), keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  return head + "\r\n";
}

HttpRequest to_request(Parser& parser) {
  auto& message = parser.get();
  const std::string_view target(message.target().data(), message.target().size());
  const size_t question = target.find('?');
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  request.body = std::move(message.body());
  return request;
}

// A handler runs code of ours; a failure in it must cost one answer, not the daemon.
HttpResponse call(const HttpHandler& handler, HttpRequest request) {
  if (request.method == "HEAD") request.method = "GET";
  try {
    return handler(request);
  } catch (const std::exception&) {
    return http_error(500, "internal error");
  }
}

}  // namespace

struct HttpServer::State {
  State(asio::any_io_executor e, HttpHandler h, HttpServerOptions o)
      : executor(e), handler(std::move(h)), options(o), acceptor(e), sweeper(e), pause(e) {}

  asio::any_io_executor executor;
  HttpHandler handler;
  HttpServerOptions options;
  tcp::acceptor acceptor;
  asio::steady_timer sweeper;
  asio::steady_timer pause;
  std::set<Connection*> connections;

  void close(Connection* connection) {
    error_code ignored;
    connection->socket.close(ignored);
    connections.erase(connection);
  }
  bool make_room();
  asio::awaitable<ReadOutcome> read(Connection* connection, Parser* parser);
  asio::awaitable<bool> write(Connection* connection, HttpResponse response, bool head_only,
                              bool keep_alive);
  asio::awaitable<void> linger(Connection* connection);
  asio::awaitable<void> converse(Connection* connection);

  static asio::awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket);
  static asio::awaitable<void> accept(std::shared_ptr<State> state);
  static asio::awaitable<void> sweep(std::shared_ptr<State> state);
};

// Closes the connection that has waited longest for its client, if there are too many. False: all
// are being answered right now, so the new one cannot be taken.
bool HttpServer::State::make_room() {
  if (connections.size() < options.connections_max) return true;
  Connection* oldest = nullptr;
  for (Connection* c : connections) {
    if (c->waiting && (!oldest || c->waiting_since < oldest->waiting_since)) oldest = c;
  }
  if (oldest == nullptr) return false;
  close(oldest);
  return true;
}

asio::awaitable<ReadOutcome> HttpServer::State::read(Connection* connection, Parser* parser) {
  bool header_seen = false;
  for (;;) {
    if (!connection->input.empty()) {
      error_code error;
      const size_t used = parser->put(asio::buffer(std::as_const(connection->input)), error);
      connection->input.erase(0, used);
      if (error && error != http::error::need_more) co_return outcome_of(error);
      if (parser->is_done()) co_return ReadOutcome::Request;
    }
    if (parser->is_header_done() && !header_seen) {
      header_seen = true;
      connection->expect_by(options.body_timeout);
      if (boost::beast::iequals(parser->get()[http::field::expect], "100-continue")) {
        const auto [error, n] = co_await asio::async_write(
            connection->socket, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")),
            kAwait);
        if (error) co_return ReadOutcome::Closed;
      }
    }
    const size_t kept = connection->input.size();
    connection->input.resize(kept + kReadBytes);
    const auto [error, count] = co_await connection->socket.async_read_some(
        asio::buffer(connection->input.data() + kept, kReadBytes), kAwait);
    connection->input.resize(kept + count);
    if (error) co_return ReadOutcome::Closed;
    // The first bytes after a pause start the clock for the whole header; later ones do not renew
    // it.
    if (kept == 0 && !parser->got_some() && !header_seen) {
      connection->expect_by(options.header_timeout);
    }
  }
}

asio::awaitable<bool> HttpServer::State::write(Connection* connection, HttpResponse response,
                                               bool head_only, bool keep_alive) {
  connection->expect_by(options.write_timeout);
  const std::string head = response_head(response, keep_alive);
  const std::array<asio::const_buffer, 2> buffers = {
      asio::buffer(head), asio::buffer(head_only ? std::string_view() : response.body)};
  const auto [error, count] = co_await asio::async_write(connection->socket, buffers, kAwait);
  co_return !error;
}

// Reads and drops what the client still sends: closing over unread bytes would reset the connection
// and take the answer with it.
asio::awaitable<void> HttpServer::State::linger(Connection* connection) {
  connection->expect_by(kLingerTimeout);
  error_code error;
  connection->socket.shutdown(tcp::socket::shutdown_send, error);
  std::array<char, kReadBytes> dropped;
  for (int i = 0; i < kLingerReadsMax && !error; ++i) {
    const auto [failed, count] =
        co_await connection->socket.async_read_some(asio::buffer(dropped), kAwait);
    error = failed;
  }
}

asio::awaitable<void> HttpServer::State::converse(Connection* connection) {
  connection->expect_by(options.header_timeout);
  for (bool keep_alive = true; keep_alive;) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(options.header_bytes_max);
    parser.body_limit(options.body_bytes_max);
    const ReadOutcome outcome = co_await read(connection, &parser);
    if (outcome == ReadOutcome::Closed) co_return;
    connection->waiting = false;
    keep_alive = outcome == ReadOutcome::Request && parser.get().keep_alive();
    const bool head_only =
        outcome == ReadOutcome::Request && parser.get().method() == http::verb::head;
    HttpResponse response =
        outcome == ReadOutcome::Request ? call(handler, to_request(parser)) : refusal(outcome);
    if (!co_await write(connection, std::move(response), head_only, keep_alive)) co_return;
    connection->waiting = true;
    connection->waiting_since = steady_clock::now();
    connection->expect_by(connection->input.empty() ? options.idle_timeout
                                                    : options.header_timeout);
  }
  co_await linger(connection);
}

asio::awaitable<void> HttpServer::State::serve(std::shared_ptr<State> state, tcp::socket socket) {
  // Whatever way the coroutine ends, also by being destroyed with its io_context, it is
  // unregistered.
  struct Registration {
    Registration(State* s, Connection* c) : state(s), connection(c) {
      state->connections.insert(connection);
    }
    ~Registration() { state->connections.erase(connection); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    State* state;
    Connection* connection;
  };
  Connection connection(std::move(socket));
  const Registration registration(state.get(), &connection);
  co_await state->converse(&connection);
}

asio::awaitable<void> HttpServer::State::accept(std::shared_ptr<State> state) {
  while (state->acceptor.is_open()) {
    auto [error, socket] = co_await state->acceptor.async_accept(kAwait);
    if (!state->acceptor.is_open()) co_return;
    if (error) {
      state->pause.expires_after(kAcceptPause);
      co_await state->pause.async_wait(kAwait);
      continue;
    }
    if (!state->make_room()) continue;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    try {
      asio::co_spawn(state->executor, serve(state, std::move(socket)), [](std::exception_ptr) {});
    } catch (const std::exception&) {
      // Out of memory: this connection is lost, the listener goes on.
    }
  }
}

asio::awaitable<void> HttpServer::State::sweep(std::shared_ptr<State> state) {
  while (state->acceptor.is_open()) {
    state->sweeper.expires_after(kSweepInterval);
    co_await state->sweeper.async_wait(kAwait);
    const auto now = steady_clock::now();
    const std::set<Connection*> all = state->connections;
    for (Connection* connection : all) {
      if (now > connection->deadline) state->close(connection);
    }
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::make(asio::any_io_executor executor,
                                                     const ListenAddress& address,
                                                     HttpHandler handler,
                                                     HttpServerOptions options) {
  error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  if (error) {
    return fail({}, fmt::format("'{}' is not an IP address to listen on", address.host));
  }
  auto state = std::make_shared<State>(std::move(executor), std::move(handler), options);
  const tcp::endpoint endpoint(ip, address.port);
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return fail({}, fmt::format("cannot listen on {} port {}: {}", address.host, address.port,
                                error.message()));
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {
  error_code ignored;
  port_ = state_->acceptor.local_endpoint(ignored).port();
}

HttpServer::~HttpServer() { stop(); }

void HttpServer::start() {
  asio::co_spawn(state_->executor, State::accept(state_), [](std::exception_ptr) {});
  asio::co_spawn(state_->executor, State::sweep(state_), [](std::exception_ptr) {});
}

void HttpServer::stop() {
  error_code ignored;
  state_->acceptor.close(ignored);
  state_->sweeper.cancel();
  state_->pause.cancel();
  while (!state_->connections.empty()) state_->close(*state_->connections.begin());
}

size_t HttpServer::connections() const { return state_->connections.size(); }

}  // namespace picket
