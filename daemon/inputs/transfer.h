// Transfer: a POST whose answer the input thread takes as it arrives, without ever waiting for it.
//
// A thread of its own sends and receives (HttpClient). What arrives waits in a buffer; when that is
// full the thread stops reading, so a slow pipeline slows the other side down instead of filling
// memory.
//
// Invariants: at most one request at a time; at most kBufferBytes and one read of curl wait.
// Thread rule: everything belongs to the input thread. Errors: told by the last Piece.
// Tested by tests/daemon/inputs/clickhouse_test.cc.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/http/client.h"
#include "daemon/mutex.h"

namespace picket {

class Transfer final : private HttpAnswerSink {
 public:
  static constexpr size_t kBufferBytes = 1 << 20;

  struct Request {
    std::string url = {};
    std::vector<std::string> headers = {};
    std::string body = {};
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case
  struct Piece {
    std::string bytes = {};
    std::optional<HttpOutcome> end = {};  // nothing follows
    bool cancelled = false;               // nothing was taken
  };

  Transfer(HttpClientOptions options, const boost::asio::any_io_executor& executor);
  // Breaks off what is under way; may take a second.
  ~Transfer() override;

  // REQUIRES: the answer to the request before was taken to its end.
  void begin(Request request);
  // Waits for the next bytes or the end.
  boost::asio::awaitable<Piece> next();
  // Of the answer; complete once bytes or the end were taken.
  int status() const;
  Headers headers() const;

 private:
  // Wakes next(). Shared with what the thread has posted.
  struct Bell {
    explicit Bell(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    bool rung = false;
  };

  void on_status(int status) override;
  void on_header(std::string_view name, std::string_view value) override;
  bool on_data(std::string_view bytes) override;
  void run();
  void ring();
  std::optional<Piece> take();

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Bell> bell_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::optional<Request> request_ PICKET_THREAD(guarded_by(mutex_));
  int status_ PICKET_THREAD(guarded_by(mutex_)) = 0;
  Headers headers_ PICKET_THREAD(guarded_by(mutex_));
  std::string buffer_ PICKET_THREAD(guarded_by(mutex_));
  std::optional<HttpOutcome> end_ PICKET_THREAD(guarded_by(mutex_));
  std::atomic<bool> stop_ = false;
  HttpClient client_;  // used by the thread only
  std::thread thread_;
};

}  // namespace picket
