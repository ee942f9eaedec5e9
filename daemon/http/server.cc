// The only file that includes Beast, and of Beast only the parser: its own asynchronous operations
// take three times as long to compile and hide the deadlines.
// Tested by tests/daemon/http/server_test.cc.
#include "daemon/http/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
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
constexpr milliseconds kDrainTimeout{5'000};
constexpr size_t kReadBytes = 4096;
constexpr size_t kBodyReadBytes = 64 << 10;

struct Connection {
  explicit Connection(std::unique_ptr<ByteStream> s) : stream(std::move(s)) {}
  void expect_by(milliseconds timeout) { deadline = steady_clock::now() + timeout; }

  std::unique_ptr<ByteStream> stream;
  std::string input = {};   // read and not parsed yet; at most header_bytes_max + kBodyReadBytes
  uint64_t body_bytes = 0;  // held for its request
  steady_clock::time_point deadline = {};
  steady_clock::time_point waiting_since = steady_clock::now();
  bool waiting = true;  // for the client, so that it may have to give way
};

enum class ReadOutcome {
  Request,
  Closed,
  Refused,  // by the service
  HeaderTooLarge,
  BodyTooLarge,
  Malformed,
  Overloaded
};

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
    case ReadOutcome::Overloaded: {
      HttpResponse response = http_error(503, "too much at once");
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
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

// The request without its body.
HttpRequest to_head(Parser& parser) {
  auto& message = parser.get();
  const std::string_view target(message.target().data(), message.target().size());
  const size_t question = target.find('?');
  HttpRequest request;
  request.method = std::string(message.method_string());
  if (request.method == "HEAD") request.method = "GET";
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  return request;
}

// A plain function as a service.
class HandlerService final : public HttpService {
 public:
  explicit HandlerService(HttpHandler handler) : handler_(std::move(handler)) {}
  std::optional<HttpResponse> admit(const HttpRequest&) override { return std::nullopt; }
  asio::awaitable<HttpResponse> answer(HttpRequest request) override {
    co_return handler_(request);
  }
  void turned_away(int) override {}

 private:
  HttpHandler handler_;
};

// A service runs code of ours; a failure in it must cost one answer, not the daemon.
asio::awaitable<HttpResponse> call(HttpService* service, HttpRequest request) {
  try {
    co_return co_await service->answer(std::move(request));
  } catch (const std::exception&) {
  }
  service->turned_away(500);
  co_return http_error(500, "internal error");
}

// The connections of a server, and the bytes of bodies that they hold.
class ConnectionSet {
 public:
  void insert(Connection* connection) {
    all_.insert(connection);
    size_ = all_.size();
  }
  void remove(Connection* connection) {
    all_.erase(connection);
    size_ = all_.size();
    hold(connection, 0);
  }
  void close(Connection* connection) {
    connection->stream->close();
    remove(connection);
  }
  void hold(Connection* connection, uint64_t body_bytes) {
    bodies_bytes_ = bodies_bytes_ - connection->body_bytes + body_bytes;
    connection->body_bytes = body_bytes;
  }
  // Null: all others are being answered right now.
  Connection* longest_waiting(const Connection* but, bool with_body) const {
    Connection* oldest = nullptr;
    for (Connection* c : all_) {
      if (!c->waiting || c == but || (with_body && c->body_bytes == 0)) continue;
      if (!oldest || c->waiting_since < oldest->waiting_since) oldest = c;
    }
    return oldest;
  }
  // A copy, because closing one changes the set.
  std::set<Connection*> all() const { return all_; }
  size_t size() const { return size_; }  // from any thread
  uint64_t bodies_bytes() const { return bodies_bytes_; }

 private:
  std::set<Connection*> all_;
  std::atomic<size_t> size_ = 0;
  uint64_t bodies_bytes_ = 0;
};

}  // namespace

struct HttpServer::State {
  State(asio::any_io_executor e, std::unique_ptr<HttpService> s, HttpServerOptions o,
        std::unique_ptr<TlsServer> t)
      : executor(e),
        service(std::move(s)),
        options(o),
        tls(std::move(t)),
        acceptor(e),
        sweeper(e),
        pause(e) {}

  asio::any_io_executor executor;
  std::unique_ptr<HttpService> service;
  HttpServerOptions options;
  std::unique_ptr<TlsServer> tls;  // null: plain
  tcp::acceptor acceptor;
  asio::steady_timer sweeper;
  asio::steady_timer pause;
  ConnectionSet connections;
  bool draining = false;

  bool busy() const { return acceptor.is_open() || connections.size() > 0; }
  bool make_room();
  bool take_body(Connection* connection, uint64_t body_bytes);
  asio::awaitable<bool> go_ahead(Connection* connection);
  asio::awaitable<ReadOutcome> read(Connection* connection, Parser* parser,
                                    std::optional<HttpResponse>* refused);
  asio::awaitable<ReadOutcome> next_response(Connection* connection, Parser* parser,
                                             HttpResponse* response);
  asio::awaitable<bool> write(Connection* connection, HttpResponse response, bool head_only,
                              bool keep_alive);
  asio::awaitable<void> converse(Connection* connection);

  static asio::awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket);
  static asio::awaitable<void> accept(std::shared_ptr<State> state);
  static asio::awaitable<void> sweep(std::shared_ptr<State> state);
};

// False: the new connection cannot be taken.
bool HttpServer::State::make_room() {
  if (connections.size() < options.connections_max) return true;
  Connection* oldest = connections.longest_waiting(nullptr, false);
  if (oldest == nullptr) return false;
  connections.close(oldest);
  return true;
}

// False: there is no room for that much of a body.
bool HttpServer::State::take_body(Connection* connection, uint64_t body_bytes) {
  connections.hold(connection, body_bytes);
  while (connections.bodies_bytes() > options.bodies_bytes_max) {
    Connection* oldest = connections.longest_waiting(connection, true);
    if (oldest == nullptr) return false;
    connections.close(oldest);
  }
  return true;
}

asio::awaitable<bool> HttpServer::State::go_ahead(Connection* connection) {
  co_return co_await connection->stream->write("HTTP/1.1 100 Continue\r\n\r\n", {});
}

asio::awaitable<ReadOutcome> HttpServer::State::read(Connection* connection, Parser* parser,
                                                     std::optional<HttpResponse>* refused) {
  bool header_seen = false;
  for (;;) {
    if (!connection->input.empty()) {
      error_code error;
      const size_t used = parser->put(asio::buffer(std::as_const(connection->input)), error);
      connection->input.erase(0, used);
      if (error && error != http::error::need_more) co_return outcome_of(error);
      if (parser->is_header_done() && !header_seen) {
        *refused = service->admit(to_head(*parser));
        if (*refused) co_return ReadOutcome::Refused;
      }
      if (!take_body(connection, parser->get().body().size())) co_return ReadOutcome::Overloaded;
      if (parser->is_done()) co_return ReadOutcome::Request;
    }
    if (parser->is_header_done() && !header_seen) {
      header_seen = true;
      connection->expect_by(options.body_timeout);
      if (boost::beast::iequals(parser->get()[http::field::expect], "100-continue")) {
        if (!co_await go_ahead(connection)) co_return ReadOutcome::Closed;
      }
    }
    const size_t kept = connection->input.size();
    const size_t room = header_seen ? kBodyReadBytes : kReadBytes;
    connection->input.resize(kept + room);
    size_t count = 0;
    const StreamRead got =
        co_await connection->stream->read({connection->input.data() + kept, room}, &count);
    connection->input.resize(kept + count);
    if (got != StreamRead::Bytes) co_return ReadOutcome::Closed;
    // The first bytes after a pause start the clock for the whole header; later ones do not renew
    // it.
    if (kept == 0 && !parser->got_some() && !header_seen) {
      connection->expect_by(options.header_timeout);
    }
  }
}

// Reads a request and finds what to say to it. Closed: nothing, to nobody.
asio::awaitable<ReadOutcome> HttpServer::State::next_response(Connection* connection,
                                                              Parser* parser,
                                                              HttpResponse* response) {
  std::optional<HttpResponse> refused;
  const ReadOutcome outcome = co_await read(connection, parser, &refused);
  if (outcome == ReadOutcome::Closed) {
    if (parser->got_some()) service->turned_away(0);
    co_return outcome;
  }
  connection->waiting = false;
  if (outcome == ReadOutcome::Request) {
    HttpRequest request = to_head(*parser);
    request.body = std::move(parser->get().body());
    connection->expect_by(options.answer_timeout);
    *response = co_await call(service.get(), std::move(request));
  } else if (outcome == ReadOutcome::Refused) {
    *response = *std::move(refused);
  } else {
    *response = refusal(outcome);
    service->turned_away(response->status);
  }
  connections.hold(connection, 0);
  co_return outcome;
}

asio::awaitable<bool> HttpServer::State::write(Connection* connection, HttpResponse response,
                                               bool head_only, bool keep_alive) {
  connection->expect_by(options.write_timeout);
  const std::string head = response_head(response, keep_alive);
  const std::string_view body = head_only ? std::string_view() : response.body;
  co_return co_await connection->stream->write(head, body);
}

asio::awaitable<void> HttpServer::State::converse(Connection* connection) {
  connection->expect_by(options.header_timeout);
  if (!co_await connection->stream->open()) {
    service->turned_away(400);
    co_return;
  }
  connection->expect_by(options.header_timeout);
  for (bool keep_alive = true; keep_alive;) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(options.header_bytes_max);
    parser.body_limit(options.body_bytes_max);
    HttpResponse response;
    const ReadOutcome outcome = co_await next_response(connection, &parser, &response);
    if (outcome == ReadOutcome::Closed) co_return;
    const bool request = outcome == ReadOutcome::Request;
    keep_alive = request && parser.get().keep_alive() && !draining;
    const bool head_only = parser.is_header_done() && parser.get().method() == http::verb::head;
    if (!co_await write(connection, std::move(response), head_only, keep_alive)) co_return;
    if (connection->input.empty()) connection->input = {};
    connection->waiting = true;
    connection->waiting_since = steady_clock::now();
    connection->expect_by(connection->input.empty() ? options.idle_timeout
                                                    : options.header_timeout);
  }
  connection->expect_by(kLingerTimeout);
  co_await connection->stream->end();
}

asio::awaitable<void> HttpServer::State::serve(std::shared_ptr<State> state, tcp::socket socket) {
  // Whatever way the coroutine ends, also by being destroyed with its io_context, it is
  // unregistered.
  struct Registration {
    Registration(State* s, Connection* c) : state(s), connection(c) {
      state->connections.insert(connection);
    }
    ~Registration() { state->connections.remove(connection); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    State* state;
    Connection* connection;
  };
  StreamSocket plain(std::move(socket));
  Connection connection(state->tls ? state->tls->make_stream(std::move(plain))
                                   : make_plain_stream(std::move(plain)));
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
  while (state->busy()) {
    state->sweeper.expires_after(kSweepInterval);
    co_await state->sweeper.async_wait(kAwait);
    const auto now = steady_clock::now();
    for (Connection* connection : state->connections.all()) {
      if (now > connection->deadline) state->connections.close(connection);
    }
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::make(asio::any_io_executor executor,
                                                     const ListenAddress& address,
                                                     HttpHandler handler,
                                                     HttpServerOptions options) {
  return make(std::move(executor), address, std::make_unique<HandlerService>(std::move(handler)),
              options);
}

Result<std::unique_ptr<HttpServer>> HttpServer::make(asio::any_io_executor executor,
                                                     const ListenAddress& address,
                                                     std::unique_ptr<HttpService> service,
                                                     HttpServerOptions options,
                                                     std::unique_ptr<TlsServer> tls) {
  error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  if (error) {
    return fail({}, fmt::format("'{}' is not an IP address to listen on", address.host));
  }
  auto state =
      std::make_shared<State>(std::move(executor), std::move(service), options, std::move(tls));
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
  for (Connection* connection : state_->connections.all()) state_->connections.close(connection);
}

void HttpServer::drain() {
  error_code ignored;
  state_->draining = true;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  for (Connection* connection : state_->connections.all()) {
    if (connection->waiting) {
      state_->connections.close(connection);
    } else {
      connection->deadline = std::min(connection->deadline, steady_clock::now() + kDrainTimeout);
    }
  }
  if (!state_->busy()) state_->sweeper.cancel();
}

size_t HttpServer::connections() const { return state_->connections.size(); }

}  // namespace picket
