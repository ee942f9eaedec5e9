// StatusService: what the HTTP listener of the daemon answers: the routes, and POST /-/reload.
//
// A reload may take seconds, so its answer waits without holding up anybody else: 200 and what
// works now, or 500 and everything that is wrong with the new configuration.
//
// Who may reload: whoever reaches a loopback address, programs only. A web page cannot: browsers
// say with every POST where it comes from, and such requests are refused, whichever name the page
// has given to 127.0.0.1. Elsewhere than on loopback the route is off (403); signals work as ever.
//
// Thread rule: the server's thread; answers to reload requests may come on any.
// Tested by tests/daemon/http/status_service_test.cc.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>

#include "daemon/http/server.h"
#include "daemon/orders.h"
#include "daemon/published.h"

namespace picket {

class StatusService final : public HttpService {
 public:
  // `reload` asks for a reload. Null: this listener may not.
  using AskReload = std::function<void(Orders::Answer)>;

  StatusService(const PublishedState& state, boost::asio::any_io_executor executor,
                AskReload reload)
      : state_(state), executor_(std::move(executor)), reload_(std::move(reload)) {}

  Admission admit(const HttpRequest& head) override;
  Answer answer(HttpRequest request) override;
  void turned_away(int, std::string_view) override {}

  // What admit() refuses.
  std::optional<HttpResponse> refusal(const HttpRequest& head) const;

 private:
  Answer reload();

  const PublishedState& state_;
  boost::asio::any_io_executor executor_;
  AskReload reload_;
};

// True for addresses that only this machine reaches.
bool is_loopback(const ListenAddress& address);

}  // namespace picket
