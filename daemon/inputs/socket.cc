// The `tcp` and `unix` inputs: lines from whoever connects, one after the other.
//
//   - type: tcp
//     name: app
//     listen: 127.0.0.1:9619
//     tls: {certificate: /etc/picket/cert.pem, key: /etc/picket/key.pem}   # see tls_section.h
//   - type: unix
//     name: local
//     path: /run/picket/lines.sock   # mode 0660; a stale socket of that name is replaced
//     allow_users: [api, 1007]       # optional: nobody else may send, as the kernel tells users
//
//   # both
//     connections_max: 256
//     idle_timeout: 5m
//     spool_max: 1GiB
//
// Lines end in '\n'; there is no acknowledgement. What becomes of connections is in line_server.h.
//
// Tested by tests/daemon/inputs/socket_test.cc.
#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <memory>
#include <set>
#include <utility>

#include "config/settings.h"
#include "daemon/http/server.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/line_server.h"
#include "daemon/inputs/listen_socket.h"
#include "daemon/inputs/listener_pool.h"
#include "daemon/inputs/spool_feed.h"
#include "daemon/inputs/tls_section.h"
#include "daemon/log.h"

namespace picket {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kAcceptPause{100};  // after running out of descriptors
constexpr uint64_t kSpoolMaxLeast = 16 << 20;
constexpr int64_t kConnectionsMost = 20'000;
constexpr size_t kToldUsersMax = 64;
constexpr uint64_t kLineMost = 1 << 30;  // a record of the spool holds less than 4 GiB

struct Options {
  LineServerOptions server = {};
  uint64_t spool_max = 1 << 30;
  std::string where = {};  // for people
  ListenAddress listen = {};
  std::string path = {};
  std::vector<uid_t> allow_users = {};  // empty: whoever may open the socket
  std::optional<TlsFiles> tls = {};
};

// What both kinds understand.
Options parse_common(MapReader& reader, const Node& node, Diagnostics& diagnostics) {
  for (const char* common : kCommonInputKeys) reader.optional(common);
  Options options;
  options.server.connections_max =
      static_cast<size_t>(reader.integer("connections_max", 256, 1, kConnectionsMost));
  options.server.idle_timeout = reader.duration("idle_timeout", options.server.idle_timeout);
  if (options.server.idle_timeout < std::chrono::seconds(1)) {
    const Node* at = reader.optional("idle_timeout");
    diagnostics.push_back({(at ? at : &node)->where(), "'idle_timeout' must be at least 1s"});
  }
  options.spool_max = reader.bytes("spool_max", options.spool_max);
  if (options.spool_max < kSpoolMaxLeast) {
    const Node* at = reader.optional("spool_max");
    diagnostics.push_back({(at ? at : &node)->where(), "'spool_max' must be at least 16MiB"});
  }
  return options;
}

Result<Options> parse_tcp(const Node& node) {
  Diagnostics diagnostics;
  MapReader reader(node, "tcp input", diagnostics);
  Options options = parse_common(reader, node, diagnostics);
  options.where = reader.required_string("listen");
  const auto address = parse_listen_address(options.where);
  if (address) {
    options.listen = *address;
  } else if (!options.where.empty()) {
    diagnostics.push_back({reader.require("listen")->where(),
                           fmt::format("'{}' is not an address to listen on", options.where),
                           "write an IP address and a port, such as 127.0.0.1:9619"});
  }
  options.tls = read_tls(reader, diagnostics);
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

// A user's name or number.
std::optional<uid_t> find_user(const std::string& name) {
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), uid);
  if (error == std::errc() && end == name.data() + name.size()) return uid;
  std::array<char, 16 << 10> texts{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found) != 0 || !found) {
    return std::nullopt;
  }
  return entry.pw_uid;
}

Result<Options> parse_unix(const Node& node) {
  Diagnostics diagnostics;
  MapReader reader(node, "unix input", diagnostics);
  Options options = parse_common(reader, node, diagnostics);
  options.path = reader.required_string("path");
  options.where = options.path;
  const Node* allowed = reader.optional("allow_users");
  for (const std::string& name : reader.strings("allow_users")) {
    const std::optional<uid_t> uid = find_user(name);
    if (uid) options.allow_users.push_back(*uid);
    if (!uid) diagnostics.push_back({allowed->where(), fmt::format("there is no user '{}'", name)});
  }
  if (allowed && allowed->items().empty() && !allowed->is_scalar()) {
    diagnostics.push_back({allowed->where(), "'allow_users' allows nobody"});
  }
  if (options.path.size() >= sizeof(sockaddr_un::sun_path)) {
    diagnostics.push_back({reader.require("path")->where(), "'path' is too long for a socket",
                           fmt::format("at most {} bytes", sizeof(sockaddr_un::sun_path) - 1)});
  }
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

template <class Protocol>
class SocketInput final : public Input {
 public:
  SocketInput(Options options, InputContext context, std::unique_ptr<TlsServer> tls)
      : options_(std::move(options)),
        context_(std::move(context)),
        tls_(std::move(tls)),
        feed_(context_, options_.spool_max) {}

  Diagnostics prepare() override;
  asio::awaitable<void> run() override;
  bool receives() const override { return true; }
  InputStats stats() const override;
  void committed(const Checkpoint& checkpoint) override { feed_.committed(checkpoint); }

 private:
  ListenerPool::ClaimResult claim() const;
  Protocol protocol() const;
  Diagnostics take_socket();
  asio::awaitable<void> accept();
  bool admits(int socket);

  const Options options_;
  const InputContext context_;
  const std::unique_ptr<TlsServer> tls_;  // null: none
  PushCounters counters_;
  SpoolFeed feed_;
  std::unique_ptr<ListenerPool::Claim> place_;
  std::unique_ptr<typename Protocol::acceptor> acceptor_;
  std::unique_ptr<LineServer> server_;
  std::set<uid_t> told_;  // users that the log names already; receiving thread
};

template <>
ListenerPool::ClaimResult SocketInput<tcp>::claim() const {
  return context_.listeners->tcp(options_.listen);
}

template <>
ListenerPool::ClaimResult SocketInput<stream_protocol>::claim() const {
  return context_.listeners->unix_socket(options_.path);
}

template <class Protocol>
Diagnostics SocketInput<Protocol>::prepare() {
  if (Diagnostics problems = feed_.prepare(); has_errors(problems)) return problems;
  auto place = claim();
  if (!place) return std::move(place).error();
  place_ = *std::move(place);
  acceptor_ = std::make_unique<typename Protocol::acceptor>(context_.receive);
  if (Diagnostics problems = take_socket(); has_errors(problems)) return problems;
  LineServerOptions limits = options_.server;
  limits.max_line = std::min(context_.max_line, kLineMost);
  limits.held_bytes_max = std::max(limits.held_bytes_max, 2 * context_.max_line);
  server_ = std::make_unique<LineServer>(context_.receive, feed_.spool(), counters_, limits);
  return {};
}

template <>
tcp SocketInput<tcp>::protocol() const {
  error_code ignored;  // parsed before
  return asio::ip::make_address(options_.listen.host, ignored).is_v6() ? tcp::v6() : tcp::v4();
}

template <>
stream_protocol SocketInput<stream_protocol>::protocol() const {
  return {};
}

template <class Protocol>
Diagnostics SocketInput<Protocol>::take_socket() {
  const int socket = place_->socket().duplicate();
  error_code error(errno, boost::system::system_category());
  if (socket >= 0) {
    error.clear();
    acceptor_->assign(protocol(), socket, error);
  }
  if (!error) return {};
  if (socket >= 0) ::close(socket);
  return {{{}, fmt::format("cannot listen on {}: {}", options_.where, error.message())}};
}

template <class Protocol>
asio::awaitable<void> SocketInput<Protocol>::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  log_info("input '{}' listens on {}", context_.name, options_.where);
  asio::post(context_.receive, [this] {
    server_->start();
    asio::co_spawn(context_.receive, accept(), [](const std::exception_ptr&) {});
  });
  co_await feed_.run();
  asio::post(context_.receive, [this] {
    error_code ignored;
    acceptor_->close(ignored);
    server_->drain();
  });
}

template <>
bool SocketInput<tcp>::admits(int) {
  return true;
}

// Whether the process at the other end may send. The kernel noted who it was when it connected.
template <>
bool SocketInput<stream_protocol>::admits(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  const auto& allowed = options_.allow_users;
  const bool admitted =
      allowed.empty() || (known && std::ranges::find(allowed, peer.uid) != allowed.end());
  // Each user once: who connects all the time must not fill the log.
  if (known && told_.size() < kToldUsersMax && told_.insert(peer.uid).second) {
    const std::string who = fmt::format("user {}, process {}", peer.uid, peer.pid);
    if (admitted) log_info("input '{}': lines from {}", context_.name, who);
    if (!admitted) log_warning("input '{}': {} may not send", context_.name, who);
  }
  if (!admitted) {
    counters_.request();
    counters_.refused(PushRefusal::Unauthorized);
  }
  return admitted;
}

template <class Protocol>
asio::awaitable<void> SocketInput<Protocol>::accept() {
  asio::steady_timer pause(context_.receive);
  while (acceptor_->is_open()) {
    auto [error, socket] = co_await acceptor_->async_accept(kAwait);
    if (!acceptor_->is_open()) co_return;
    if (error) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAwait);
      continue;
    }
    if (!admits(socket.native_handle())) continue;
    StreamSocket plain(std::move(socket));
    server_->take(tls_ ? tls_->make_stream(std::move(plain)) : make_plain_stream(std::move(plain)));
  }
}

template <class Protocol>
InputStats SocketInput<Protocol>::stats() const {
  InputStats stats;
  stats.push = counters_.stats();
  stats.push->connections = server_ ? server_->connections() : 0;
  feed_.add_to(stats);
  return stats;
}

}  // namespace

Result<std::unique_ptr<Input>> make_tcp_input(const Node& node, InputContext context) {
  PICKET_TRY(Options options, parse_tcp(node));
  std::unique_ptr<TlsServer> tls;
  if (options.tls) {
    PICKET_TRY(tls, TlsServer::make(*options.tls));
  }
  return std::make_unique<SocketInput<tcp>>(std::move(options), std::move(context), std::move(tls));
}

Result<std::unique_ptr<Input>> make_unix_input(const Node& node, InputContext context) {
  PICKET_TRY(Options options, parse_unix(node));
  return std::make_unique<SocketInput<stream_protocol>>(std::move(options), std::move(context),
                                                        nullptr);
}

}  // namespace picket
