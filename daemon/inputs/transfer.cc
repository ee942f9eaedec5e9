#include "daemon/inputs/transfer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace picket {

namespace asio = boost::asio;

Transfer::Transfer(HttpClientOptions options, const asio::any_io_executor& executor)
    : executor_(executor),
      bell_(std::make_shared<Bell>(executor)),
      client_(std::move(options), stop_) {
  thread_ = std::thread([this] { run(); });
}

Transfer::~Transfer() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Transfer::begin(Request request) {
  MutexLock lock(mutex_);
  status_ = 0;
  headers_.clear();
  buffer_.clear();
  end_.reset();
  request_ = std::move(request);
  changed_.notify_all();
}

asio::awaitable<Transfer::Piece> Transfer::next() {
  co_await asio::this_coro::throw_if_cancelled(false);
  for (;;) {
    if (std::optional<Piece> piece = take()) co_return *std::move(piece);
    if (!std::exchange(bell_->rung, false)) {
      bell_->timer.expires_at(asio::steady_timer::time_point::max());
      co_await bell_->timer.async_wait(asio::as_tuple(asio::use_awaitable));
      bell_->rung = false;
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return Piece{.cancelled = true};
  }
}

std::optional<Transfer::Piece> Transfer::take() {
  MutexLock lock(mutex_);
  if (buffer_.empty() && !end_) return std::nullopt;
  Piece piece;
  piece.bytes = std::exchange(buffer_, {});
  // end_ comes after the last bytes, so nothing is behind it.
  piece.end = std::exchange(end_, std::nullopt);
  changed_.notify_all();
  return piece;
}

int Transfer::status() const {
  MutexLock lock(mutex_);
  return status_;
}

Transfer::Headers Transfer::headers() const {
  MutexLock lock(mutex_);
  return headers_;
}

void Transfer::on_status(int status) {
  MutexLock lock(mutex_);
  status_ = status;
  headers_.clear();
}

void Transfer::on_header(std::string_view name, std::string_view value) {
  MutexLock lock(mutex_);
  headers_.emplace_back(name, value);
}

bool Transfer::on_data(std::string_view bytes) {
  MutexLock lock(mutex_);
  while (buffer_.size() >= kBufferBytes && !stop_) changed_.wait(mutex_);
  if (stop_) return false;
  buffer_ += bytes;
  ring();
  return true;
}

void Transfer::ring() {
  asio::post(executor_, [bell = bell_] {
    bell->rung = true;
    bell->timer.cancel();
  });
}

void Transfer::run() {
  for (;;) {
    Request request;
    {
      MutexLock lock(mutex_);
      while (!request_ && !stop_) changed_.wait(mutex_);
      if (stop_) return;
      request = *std::exchange(request_, std::nullopt);
    }
    HttpOutcome outcome =
        client_.post({request.url, std::move(request.headers), request.body}, *this);
    MutexLock lock(mutex_);
    end_ = std::move(outcome);
    ring();
  }
}

}  // namespace picket
