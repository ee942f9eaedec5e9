// HttpServer: HTTP/1.1 for a handful of trusted readers, on a port that strangers may reach too.
//
// Beast's parser reads requests; reading and writing are plain Asio over a ByteStream (TLS or not),
// one coroutine per connection. Every wait has an end: slow headers, slow bodies, idle connections
// and readers that do not read are closed by one sweep over all connections, which costs less than
// a timer for each.
//
// Invariants: at most connections_max connections and bodies_bytes_max bytes of bodies; when one
// more comes, the connection that has waited longest for its client gives way, so a thousand silent
// clients cannot keep a good one out; while all are being answered, newcomers wait to be accepted.
// A request that cannot be parsed is answered and its connection closed. Thread rule: everything,
// the handler included, runs on the executor's single thread; port() and connections() may be
// called from any thread.
// Errors: those of the socket end the connection; an exception of the handler becomes a 500.
// Tested by tests/daemon/http/server_test.cc.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "daemon/byte_stream.h"

namespace picket {

struct HttpRequest {
  // The first header of that name, which is written in lower case; empty when there is none.
  std::string_view header(std::string_view name) const;

  std::string method = {};  // "GET"; HEAD is passed on as GET
  std::string path = {};    // without the query
  std::string query = {};   // after '?', still encoded
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // further ones; no data in them
};

// {"error": "..."} with that status.
HttpResponse http_error(int status, std::string_view message);

// A part of a path with its %XX decoded.
std::string decode_percent(std::string_view text);
// The decoded value of `name` in a query such as "a=1&b=x%20y"; nothing when it is not there.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

// An address to listen on. Names are not looked up; "localhost" is 127.0.0.1.
struct ListenAddress {
  std::string host = "127.0.0.1";
  uint16_t port = 9617;  // 0: any free one
};
// "127.0.0.1:9617", "[::1]:9617", "localhost:0"; nothing when it is not of that form.
std::optional<ListenAddress> parse_listen_address(std::string_view text);

struct HttpServerOptions {
  std::chrono::milliseconds header_timeout{5'000};
  std::chrono::milliseconds idle_timeout{10'000};
  std::chrono::milliseconds body_timeout{10'000};
  std::chrono::milliseconds answer_timeout{30'000};  // for a service that waits for something
  std::chrono::milliseconds write_timeout{30'000};
  uint32_t header_bytes_max = 16 << 10;
  uint64_t bodies_bytes_max = 64 << 20;  // of all connections together
  size_t connections_max = 512;
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// What a service says to the header of a request.
struct HttpAdmission {
  // Ends the request and its connection: strangers cannot make the server hold their bodies.
  std::optional<HttpResponse> refused = {};
  uint64_t body_bytes_max = 1 << 20;
};

// What answers requests when a plain function is not enough.
class HttpService {
 public:
  using Admission = boost::asio::awaitable<HttpAdmission>;
  using Answer = boost::asio::awaitable<HttpResponse>;

  virtual ~HttpService() = default;
  // Called once the header of a request is complete; its body is empty yet, and `head` stays until
  // this has returned. Both may wait: the connection is closed when that takes longer than
  // answer_timeout.
  virtual Admission admit(const HttpRequest& head) = 0;
  virtual Answer answer(HttpRequest request) = 0;
  // The server itself answered with `status`, or broke off in the middle of a request (0), or took
  // no connection: 400, or 401 for want of a certificate. `path`: empty when not known yet.
  virtual void turned_away(int status, std::string_view path) = 0;
};

class HttpServer {
 public:
  // Binds and listens at once, so that a taken port stops start-up. Plain HTTP without `tls`.
  static Result<std::unique_ptr<HttpServer>> make(boost::asio::any_io_executor executor,
                                                  const ListenAddress& address, HttpHandler handler,
                                                  HttpServerOptions options = {});
  static Result<std::unique_ptr<HttpServer>> make(boost::asio::any_io_executor executor,
                                                  const ListenAddress& address,
                                                  std::unique_ptr<HttpService> service,
                                                  HttpServerOptions options = {},
                                                  std::unique_ptr<TlsServer> tls = nullptr);
  // Stops. REQUIRES: on the executor's thread or after that ended, and before its io_context dies.
  ~HttpServer();

  // Begins to accept; call once.
  void start();
  // Serves a connection that came from elsewhere. REQUIRES: on the executor's thread.
  void take(std::unique_ptr<ByteStream> stream);
  // Other bounds, and another certificate for the connections that come from now on. `retire`:
  // those that are there end as soon as they are not in the midst of an answer. REQUIRES: as for
  // take().
  void change(const HttpServerOptions& options, std::unique_ptr<TlsServer> tls, bool retire);
  // Closes the listener and every connection. REQUIRES: as for the destructor.
  void stop();
  // Closes the listener and every connection but those being answered; these have five seconds.
  // Nothing of the server is left on the executor then. REQUIRES: on the executor's thread.
  void drain();

  // The port in use, also when 0 was asked for.
  uint16_t port() const { return port_; }
  // Connections open now.
  size_t connections() const;

 private:
  struct State;
  explicit HttpServer(std::shared_ptr<State> state);

  // Shared with the coroutines of the connections, which may be resumed once more after stop().
  std::shared_ptr<State> state_;
  uint16_t port_ = 0;
};

}  // namespace picket
