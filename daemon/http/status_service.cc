#include "daemon/http/status_service.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "daemon/http/routes.h"

namespace picket {
namespace {

namespace asio = boost::asio;

bool is_reload(const HttpRequest& request) {
  return request.path == "/-/reload" && request.method == "POST";
}

// A browser sends one of these with every POST, other programs send neither.
bool comes_from_a_page(const HttpRequest& request) {
  return !request.header("origin").empty() || !request.header("sec-fetch-site").empty();
}

}  // namespace

HttpService::Admission StatusService::admit(const HttpRequest& head) {
  co_return HttpAdmission{.refused = refusal(head)};
}

std::optional<HttpResponse> StatusService::refusal(const HttpRequest& head) const {
  if (!is_reload(head)) return std::nullopt;
  if (!reload_) {
    return http_error(403, "this listener is not on a loopback address: send SIGHUP instead");
  }
  if (comes_from_a_page(head)) return http_error(403, "web pages may not reload");
  return std::nullopt;
}

HttpService::Answer StatusService::answer(HttpRequest request) {
  if (is_reload(request)) co_return co_await reload();
  co_return picket::answer(request, {state_});
}

HttpService::Answer StatusService::reload() {
  // Shared with the answer, which may come after the connection has gone.
  struct Bell {
    explicit Bell(const asio::any_io_executor& executor)
        : timer(executor, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    std::optional<ReloadOutcome> outcome;
  };
  auto bell = std::make_shared<Bell>(executor_);
  reload_([bell, executor = executor_](const ReloadOutcome& outcome) {
    asio::post(executor, [bell, outcome] {
      bell->outcome = outcome;
      bell->timer.cancel();
    });
  });
  while (!bell->outcome) co_await bell->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return HttpResponse{.status = bell->outcome->successful ? 200 : 500,
                         .body = bell->outcome->text + "\n"};
}

bool is_loopback(const ListenAddress& address) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  return !error && ip.is_loopback();
}

}  // namespace picket
