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
#include <utility>

#include "daemon/http/connections.h"

namespace picket {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Connection = HttpConnection;
using Parser = http::request_parser<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr milliseconds kSweepInterval{200};
constexpr milliseconds kAcceptPause{100};  // after running out of descriptors
constexpr milliseconds kLingerTimeout{1'000};
constexpr milliseconds kDrainTimeout{5'000};
constexpr size_t kReadBytes = 4096;
constexpr size_t kBodyReadBytes = 64 << 10;

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

// Proxies and we must take a request for the same host, and see the end of its body at the same
// place. Beast passes over codings that it does not know, and would take the body for the next
// request.
bool is_unambiguous(const Parser& parser) {
  const auto& message = parser.get();
  if (message.count(http::field::host) > 1) return false;
  const auto codings = message.count(http::field::transfer_encoding);
  if (codings == 0) return true;
  return codings == 1 && parser.chunked() && message.version() == 11 &&
         boost::beast::iequals(message[http::field::transfer_encoding], "chunked");
}

// "http://host/path", which proxies are asked for, is "/path".
std::string_view without_host(std::string_view target) {
  if (target.empty() || target.front() == '/') return target;
  const size_t scheme = target.find("://");
  if (scheme == target.npos) return target;
  const size_t end = target.find_first_of("/?", scheme + 3);
  return end == target.npos ? "/" : target.substr(end);
}

// The request without its body.
HttpRequest to_head(Parser& parser) {
  auto& message = parser.get();
  const std::string_view target = without_host({message.target().data(), message.target().size()});
  const size_t question = target.find('?');
  HttpRequest request;
  request.method = std::string(message.method_string());
  if (request.method == "HEAD") request.method = "GET";
  request.path = question == 0 ? "/" : target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  return request;
}

// What was read goes to the parser. Nothing: so far, so good.
std::optional<ReadOutcome> parse(Connection* connection, Parser* parser) {
  if (connection->input.empty()) return std::nullopt;
  error_code error;
  const size_t used = parser->put(asio::buffer(std::as_const(connection->input)), error);
  connection->input.erase(0, used);
  if (error && error != http::error::need_more) return outcome_of(error);
  return std::nullopt;
}

// A plain function as a service.
class HandlerService final : public HttpService {
 public:
  explicit HandlerService(HttpHandler handler) : handler_(std::move(handler)) {}
  Admission admit(const HttpRequest&) override { co_return HttpAdmission(); }
  Answer answer(HttpRequest request) override { co_return handler_(request); }
  void turned_away(int, std::string_view) override {}

 private:
  HttpHandler handler_;
};

// A service runs code of ours; a failure in it must cost one answer, not the daemon.
asio::awaitable<HttpResponse> call(HttpService* service, HttpRequest request) {
  const std::string path = request.path;
  try {
    co_return co_await service->answer(std::move(request));
  } catch (const std::exception&) {
  }
  service->turned_away(500, path);
  co_return http_error(500, "internal error");
}

}  // namespace

struct HttpServer::State {
  using Flag = asio::awaitable<bool>;
  using Read = asio::awaitable<ReadOutcome>;
  using Done = asio::awaitable<void>;

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
  HttpConnections connections;
  bool draining = false;

  bool busy() const { return acceptor.is_open() || connections.size() > 0; }
  bool make_room();
  bool take_body(Connection* connection, uint64_t body_bytes);
  Flag go_ahead(Connection* connection);
  Flag read_more(Connection* connection, size_t room);
  Read read_header(Connection* connection, Parser* parser);
  Read read_body(Connection* connection, Parser* parser);
  Read read(Connection* connection, Parser* parser, HttpRequest* request, HttpResponse* refused);
  Read next_response(Connection* connection, Parser* parser, HttpResponse* response);
  Flag write(Connection* connection, HttpResponse response, bool head_only, bool keep_alive);
  Done converse(Connection* connection);

  static Done serve(std::shared_ptr<State> state, std::unique_ptr<ByteStream> stream);
  static Done accept(std::shared_ptr<State> state);
  static Done sweep(std::shared_ptr<State> state);
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

// False: nothing more comes.
asio::awaitable<bool> HttpServer::State::read_more(Connection* connection, size_t room) {
  const size_t kept = connection->input.size();
  connection->input.resize(kept + room);
  size_t count = 0;
  const StreamRead got =
      co_await connection->stream->read({connection->input.data() + kept, room}, &count);
  connection->input.resize(kept + count);
  co_return got == StreamRead::Bytes;
}

asio::awaitable<ReadOutcome> HttpServer::State::read_header(Connection* connection,
                                                            Parser* parser) {
  parser->header_limit(options.header_bytes_max);
  parser->body_limit(boost::none);  // read_body() has one
  for (;;) {
    if (const auto failed = parse(connection, parser)) co_return *failed;
    if (parser->is_header_done()) co_return ReadOutcome::Request;
    const bool first = connection->input.empty() && !parser->got_some();
    if (!co_await read_more(connection, kReadBytes)) co_return ReadOutcome::Closed;
    // The first bytes after a pause start the clock for the whole header; later ones do not renew
    // it.
    if (first) connection->expect_by(options.header_timeout);
  }
}

asio::awaitable<ReadOutcome> HttpServer::State::read_body(Connection* connection, Parser* parser) {
  parser->eager(true);
  connection->expect_by(options.body_timeout);
  bool asked = boost::beast::iequals(parser->get()[http::field::expect], "100-continue");
  for (;;) {
    // What is behind a request without a body is the next one.
    const auto failed = parser->is_done() ? std::nullopt : parse(connection, parser);
    if (failed) co_return *failed;
    if (!take_body(connection, parser->get().body().size())) co_return ReadOutcome::Overloaded;
    if (parser->is_done()) co_return ReadOutcome::Request;
    if (std::exchange(asked, false) && !co_await go_ahead(connection)) {
      co_return ReadOutcome::Closed;
    }
    if (!co_await read_more(connection, kBodyReadBytes)) co_return ReadOutcome::Closed;
  }
}

// The request is complete as far as the outcome says. Its header is taken before its body is read:
// what a chunked body brings along behind it adds nothing to that.
asio::awaitable<ReadOutcome> HttpServer::State::read(Connection* connection, Parser* parser,
                                                     HttpRequest* request, HttpResponse* refused) {
  ReadOutcome outcome = co_await read_header(connection, parser);
  if (outcome != ReadOutcome::Request) co_return outcome;
  if (!is_unambiguous(*parser)) co_return ReadOutcome::Malformed;
  *request = to_head(*parser);
  connection->waiting = false;
  connection->expect_by(options.answer_timeout);
  HttpAdmission admission = co_await service->admit(*request);
  connection->waiting = true;
  if (admission.refused) {
    *refused = *std::move(admission.refused);
    co_return ReadOutcome::Refused;
  }
  // Before the parser makes room for it.
  const auto length = parser->content_length();
  if (length && *length > admission.body_bytes_max) co_return ReadOutcome::BodyTooLarge;
  parser->body_limit(admission.body_bytes_max);
  outcome = co_await read_body(connection, parser);
  if (outcome == ReadOutcome::Request) request->body = std::move(parser->get().body());
  co_return outcome;
}

// Reads a request and finds what to say to it. Closed: nothing, to nobody.
asio::awaitable<ReadOutcome> HttpServer::State::next_response(Connection* connection,
                                                              Parser* parser,
                                                              HttpResponse* response) {
  HttpRequest request;
  const ReadOutcome outcome = co_await read(connection, parser, &request, response);
  if (outcome == ReadOutcome::Closed) {
    if (parser->got_some()) service->turned_away(0, request.path);
    co_return outcome;
  }
  connection->waiting = false;
  if (outcome == ReadOutcome::Request) {
    connection->expect_by(options.answer_timeout);
    *response = co_await call(service.get(), std::move(request));
  } else if (outcome != ReadOutcome::Refused) {
    *response = refusal(outcome);
    service->turned_away(response->status, request.path);
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
  const StreamOpen opened = co_await connection->stream->open();
  if (opened != StreamOpen::Good) {
    service->turned_away(opened == StreamOpen::Untrusted ? 401 : 400, {});
    co_return;
  }
  connection->expect_by(options.header_timeout);
  for (bool keep_alive = true; keep_alive;) {
    Parser parser;
    HttpResponse response;
    const ReadOutcome outcome = co_await next_response(connection, &parser, &response);
    if (outcome == ReadOutcome::Closed) co_return;
    const bool request = outcome == ReadOutcome::Request;
    keep_alive = request && parser.get().keep_alive() && !draining && !connection->last;
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

asio::awaitable<void> HttpServer::State::serve(std::shared_ptr<State> state,
                                               std::unique_ptr<ByteStream> stream) {
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
  Connection connection(std::move(stream));
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
    while (!state->make_room()) {
      // All are being answered. Who comes now waits in the system's queue.
      state->pause.expires_after(kAcceptPause);
      co_await state->pause.async_wait(kAwait);
      if (!state->acceptor.is_open()) co_return;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    try {
      StreamSocket plain(std::move(socket));
      auto stream = state->tls ? state->tls->make_stream(std::move(plain))
                               : make_plain_stream(std::move(plain));
      asio::co_spawn(state->executor, serve(state, std::move(stream)), [](std::exception_ptr) {});
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

void HttpServer::take(std::unique_ptr<ByteStream> stream) {
  if (!state_->make_room()) return;
  asio::co_spawn(state_->executor, State::serve(state_, std::move(stream)),
                 [](std::exception_ptr) {});
}

void HttpServer::change(const HttpServerOptions& options, std::unique_ptr<TlsServer> tls,
                        bool retire) {
  state_->options = options;
  state_->tls = std::move(tls);
  if (retire) state_->connections.retire();
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
  state_->connections.retire();
  for (Connection* connection : state_->connections.all()) {
    connection->deadline = std::min(connection->deadline, steady_clock::now() + kDrainTimeout);
  }
  if (!state_->busy()) state_->sweeper.cancel();
}

size_t HttpServer::connections() const { return state_->connections.size(); }

}  // namespace picket
