// The `http` input: takes lines from whoever posts them, and answers once they are durable.
//
//   - type: http
//     name: edge                     # POST /ingest/edge
//     listen: 127.0.0.1:9618         # may be shared with other inputs of this type
//     otlp: true                     # takes POST /v1/logs, OTLP as JSON; one input of a port
//     tls: {certificate: /etc/picket/cert.pem, key: /etc/picket/key.pem}   # see tls_section.h
//     token_file: /etc/picket/token  # senders need "Authorization: Bearer <its content>"
//     body_max: 8MiB                 # as sent
//     unpacked_max: 32MiB            # the same after gzip or zstd
//     spool_max: 1GiB                # what may wait on disk; beyond it: 503
//     connections_max: 512
//
// The request's way to the spool is in ingest_service.h, the spool's way to the pipeline in
// spool_feed.h. Slow, silent and too many clients are the business of HttpServer, and who answers
// what at a shared port that of IngestRouter. What inputs of a port must agree on is looked at in
// check.cc.
//
// Tested by tests/daemon/inputs/http_ingest_test.cc and tests/e2e/ingest_test.sh.
#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <memory>
#include <utility>

#include "config/settings.h"
#include "daemon/byte_stream.h"
#include "daemon/inputs/http_listener.h"
#include "daemon/inputs/ingest_service.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/listener_pool.h"
#include "daemon/inputs/secret_file.h"
#include "daemon/inputs/spool_feed.h"
#include "daemon/inputs/tls_section.h"
#include "daemon/loader.h"
#include "daemon/log.h"

namespace picket {
namespace {

constexpr uint64_t kSpoolMaxLeast = 16 << 20;
constexpr uint64_t kUnpackedMost = 1 << 30;  // a record of the spool holds less than 4 GiB
constexpr int64_t kConnectionsMost = 20'000;

struct Options {
  ListenAddress listen = {};
  std::string listen_text = {};
  std::optional<TlsFiles> tls = {};
  std::string token = {};
  uint64_t body_max = 8 << 20;
  uint64_t unpacked_max = 32 << 20;
  uint64_t spool_max = 1 << 30;
  size_t connections_max = 512;
  bool otlp = true;
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
  options.tls = read_tls(reader, diagnostics);
  if (const Node* file = reader.optional("token_file")) {
    options.token = read_secret(*file, diagnostics);
  }
  options.otlp = reader.boolean("otlp", options.otlp);
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

// Differs when it matters to connections that were made before, see HttpListenerOptions.
std::string trust_of(const std::optional<TlsFiles>& tls) {
  if (!tls) return "plain";
  return tls->client_ca.empty() ? "tls" : "tls " + read_file(tls->client_ca).value_or("");
}

class HttpIngest final : public Input {
 public:
  HttpIngest(Options options, InputContext context, std::unique_ptr<TlsServer> tls)
      : options_(std::move(options)),
        context_(std::move(context)),
        trust_(trust_of(options_.tls)),
        tls_(std::move(tls)),
        feed_(context_, options_.spool_max) {}

  Diagnostics prepare() override;
  boost::asio::awaitable<void> run() override;
  InputStats stats() const override;
  void committed(const Checkpoint& checkpoint) override { feed_.committed(checkpoint); }

 private:
  const Options options_;
  const InputContext context_;
  const std::string trust_;
  std::unique_ptr<TlsServer> tls_;  // until the listener has it; null: none
  PushCounters counters_;
  SpoolFeed feed_;
  std::unique_ptr<ListenerPool::Claim> place_;
  std::unique_ptr<IngestService> service_;
};

Diagnostics HttpIngest::prepare() {
  if (Diagnostics problems = feed_.prepare(); has_errors(problems)) return problems;
  auto place = context_.listeners->http(options_.listen);
  if (!place) return std::move(place).error();
  place_ = *std::move(place);
  service_ = std::make_unique<IngestService>(IngestOptions{.source = context_.name,
                                                           .token = options_.token,
                                                           .limits = {options_.unpacked_max},
                                                           .body_max = options_.body_max,
                                                           .otlp = options_.otlp},
                                             feed_.spool(), counters_, place_->http().executor());
  return {};
}

boost::asio::awaitable<void> HttpIngest::run() {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  log_info("input '{}' listens on {}, port {}", context_.name, options_.listen_text,
           place_->http().port());
  place_->http().join(*service_, {.connections_max = options_.connections_max, .trust = trust_},
                      std::move(tls_));
  co_await feed_.run();
  co_await place_->http().leave(*service_);
}

InputStats HttpIngest::stats() const {
  InputStats stats;
  stats.push = counters_.stats();
  stats.push->connections = service_ ? place_->http().connections(*service_) : 0;
  feed_.add_to(stats);
  return stats;
}

}  // namespace

Result<std::unique_ptr<Input>> make_http_input(const Node& node, InputContext context) {
  PICKET_TRY(Options options, parse(node));
  std::unique_ptr<TlsServer> tls;
  if (options.tls) {
    PICKET_TRY(tls, TlsServer::make(*options.tls));
  }
  return std::make_unique<HttpIngest>(std::move(options), std::move(context), std::move(tls));
}

}  // namespace picket
