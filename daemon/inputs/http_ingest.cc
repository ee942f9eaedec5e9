// The `http` input: takes lines from whoever posts them, and answers once they are durable.
//
//   - type: http
//     name: edge                     # POST /ingest/edge, and POST /v1/logs for OTLP as JSON
//     listen: 127.0.0.1:9618
//     tls: {certificate: /etc/picket/cert.pem, key: /etc/picket/key.pem}   # optional
//     token_file: /etc/picket/token  # senders need "Authorization: Bearer <its content>"
//     body_max: 8MiB                 # as sent
//     unpacked_max: 32MiB            # the same after gzip or zstd
//     spool_max: 1GiB                # what may wait on disk; beyond it: 503
//     connections_max: 512
//
// The request's way to the spool is in ingest_service.h, the spool's way to the pipeline in
// spool_feed.h. Slow, silent and too many clients are the business of HttpServer.
//
// Tested by tests/daemon/inputs/http_ingest_test.cc and tests/e2e/ingest_test.sh.
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <utility>

#include "config/settings.h"
#include "daemon/byte_stream.h"
#include "daemon/http/server.h"
#include "daemon/inputs/ingest_service.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/secret_file.h"
#include "daemon/inputs/spool_feed.h"
#include "daemon/log.h"

namespace picket {
namespace {

constexpr uint64_t kSpoolMaxLeast = 16 << 20;
constexpr uint64_t kUnpackedMost = 1 << 30;  // a record of the spool holds less than 4 GiB
constexpr int64_t kConnectionsMost = 20'000;

struct Options {
  ListenAddress listen = {};
  std::string listen_text = {};
  std::string certificate = {};  // empty: no TLS
  std::string key = {};
  std::string token = {};
  uint64_t body_max = 8 << 20;
  uint64_t unpacked_max = 32 << 20;
  uint64_t spool_max = 1 << 30;
  size_t connections_max = 512;
};

Location place_of(const Node& node, std::string_view key) {
  const Node* at = node.find(key);
  return (at ? at : &node)->where();
}

Result<Options> parse(const Node& node) {
  Diagnostics diagnostics;
  MapReader reader(node, "http input", diagnostics);
  for (const char* common : kCommonInputKeys) reader.optional(common);
  Options options;
  options.listen_text = reader.required_string("listen");
  const auto address = parse_listen_address(options.listen_text);
  if (address) {
    options.listen = *address;
  } else if (!options.listen_text.empty()) {
    diagnostics.push_back({place_of(node, "listen"),
                           fmt::format("'{}' is not an address to listen on", options.listen_text),
                           "write an IP address and a port, such as 127.0.0.1:9618"});
  }
  if (const Node* tls = reader.optional("tls")) {
    MapReader files(*tls, "tls", diagnostics);
    options.certificate = files.required_string("certificate");
    options.key = files.required_string("key");
    files.finish();
  }
  if (const Node* file = reader.optional("token_file")) {
    options.token = read_secret(*file, diagnostics);
  }
  options.body_max = reader.bytes("body_max", options.body_max);
  options.unpacked_max = reader.bytes("unpacked_max", options.unpacked_max);
  options.spool_max = reader.bytes("spool_max", options.spool_max);
  options.connections_max =
      static_cast<size_t>(reader.integer("connections_max", 512, 1, kConnectionsMost));
  if (options.unpacked_max < options.body_max) {
    diagnostics.push_back(
        {place_of(node, "unpacked_max"), "'unpacked_max' must not be below 'body_max'"});
  }
  if (options.unpacked_max > kUnpackedMost) {
    diagnostics.push_back({place_of(node, "unpacked_max"), "'unpacked_max' is at most 1GiB"});
  }
  if (options.spool_max < std::max(kSpoolMaxLeast, 2 * options.unpacked_max)) {
    diagnostics.push_back({place_of(node, "spool_max"),
                           "'spool_max' must be at least 16MiB and twice 'unpacked_max'"});
  }
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

class HttpIngest final : public Input {
 public:
  HttpIngest(Options options, InputContext context, std::unique_ptr<TlsServer> tls)
      : options_(std::move(options)),
        context_(std::move(context)),
        tls_(std::move(tls)),
        feed_(context_, options_.spool_max) {}

  Diagnostics prepare() override;
  boost::asio::awaitable<void> run() override;
  InputStats stats() const override;
  void committed(const Checkpoint& checkpoint) override { feed_.committed(checkpoint); }

 private:
  const Options options_;
  const InputContext context_;
  std::unique_ptr<TlsServer> tls_;  // until the server has it; null: none
  PushCounters counters_;
  SpoolFeed feed_;
  std::unique_ptr<HttpServer> server_;
};

Diagnostics HttpIngest::prepare() {
  if (Diagnostics problems = feed_.prepare(); has_errors(problems)) return problems;
  auto service = std::make_unique<IngestService>(
      IngestOptions{context_.name, options_.token, {.bytes_max = options_.unpacked_max}},
      feed_.spool(), counters_, context_.receive);
  HttpServerOptions limits{.body_bytes_max = options_.body_max,
                           .connections_max = options_.connections_max};
  limits.bodies_bytes_max = std::max(limits.bodies_bytes_max, 2 * options_.body_max);
  auto server = HttpServer::make(context_.receive, options_.listen, std::move(service), limits,
                                 std::move(tls_));
  if (!server) return std::move(server).error();
  server_ = *std::move(server);
  return {};
}

boost::asio::awaitable<void> HttpIngest::run() {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  log_info("input '{}' listens on {}, port {}", context_.name, options_.listen_text,
           server_->port());
  boost::asio::post(context_.receive, [server = server_.get()] { server->start(); });
  co_await feed_.run();
  boost::asio::post(context_.receive, [server = server_.get()] { server->drain(); });
}

InputStats HttpIngest::stats() const {
  InputStats stats;
  stats.push = counters_.stats();
  stats.push->connections = server_ ? server_->connections() : 0;
  feed_.add_to(stats);
  return stats;
}

}  // namespace

Result<std::unique_ptr<Input>> make_http_input(const Node& node, InputContext context) {
  PICKET_TRY(Options options, parse(node));
  std::unique_ptr<TlsServer> tls;
  if (!options.certificate.empty()) {
    PICKET_TRY(tls, TlsServer::make(options.certificate, options.key));
  }
  return std::make_unique<HttpIngest>(std::move(options), std::move(context), std::move(tls));
}

}  // namespace picket
