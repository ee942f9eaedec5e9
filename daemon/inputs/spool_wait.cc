#include "daemon/inputs/spool_wait.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace picket {

namespace asio = boost::asio;

asio::awaitable<SpoolVerdict> submit_and_wait(Spool& spool, SpoolItem item,
                                              asio::any_io_executor executor) {
  auto initiate = [](auto handler, Spool* to, SpoolItem what, asio::any_io_executor where) {
    // The guard keeps the loop alive: it has nothing else to do while the disk works.
    auto work = asio::make_work_guard(where);
    to->submit(std::move(what), [handler = std::move(handler),
                                 work = std::move(work)](SpoolVerdict verdict) mutable {
      auto back = work.get_executor();
      asio::post(
          back, [handler = std::move(handler), verdict]() mutable { std::move(handler)(verdict); });
      work.reset();
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(SpoolVerdict)>(
      std::move(initiate), asio::use_awaitable, &spool, std::move(item), std::move(executor));
}

}  // namespace picket
