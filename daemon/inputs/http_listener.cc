#include "daemon/inputs/http_listener.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace picket {

namespace asio = boost::asio;

Result<std::unique_ptr<HttpListener>> HttpListener::make(const ListenAddress& address) {
  std::unique_ptr<HttpListener> listener(new HttpListener());
  auto router = std::make_unique<IngestRouter>(listener->executor());
  listener->router_ = router.get();
  PICKET_TRY(listener->server_, HttpServer::make(listener->executor(), address, std::move(router)));
  listener->thread_ = std::thread([io = &listener->io_] { io->run(); });
  return listener;
}

HttpListener::~HttpListener() {
  if (!thread_.joinable()) return;
  drain();
  work_.reset();
  thread_.join();
}

void HttpListener::expect(size_t inputs, bool changing) {
  asio::post(io_, [this, inputs, changing] { router_->expect(inputs, changing); });
}

void HttpListener::join(IngestService& input, HttpListenerOptions options,
                        std::unique_ptr<TlsServer> tls) {
  asio::post(io_, [this, &input, options = std::move(options), tls = std::move(tls)]() mutable {
    router_->join(input);
    change(options, std::move(tls));
    if (!std::exchange(started_, true)) server_->start();
  });
}

void HttpListener::change(const HttpListenerOptions& options, std::unique_ptr<TlsServer> tls) {
  HttpServerOptions limits{.connections_max = options.connections_max};
  limits.bodies_bytes_max = std::max(limits.bodies_bytes_max, 2 * router_->body_max());
  server_->change(limits, std::move(tls), started_ && options.trust != trust_);
  trust_ = options.trust;
}

asio::awaitable<void> HttpListener::leave(IngestService& input) {
  // A cancellation would come from the thread of the caller.
  co_await asio::co_spawn(
      io_, router_->leave(input),
      asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

size_t HttpListener::connections(const IngestService& input) const {
  return router_->first() == &input ? server_->connections() : 0;
}

void HttpListener::drain() {
  asio::post(io_, [this] {
    server_->drain();
    router_->expect(0, false);
  });
}

}  // namespace picket
