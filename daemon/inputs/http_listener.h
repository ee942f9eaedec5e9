// HttpListener: one port that `http` inputs share, with the thread that serves it.
//
// Thread rule: all calls from any thread; everything else happens on the listener's own.
// Tested by tests/daemon/inputs/http_ingest_test.cc.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>

#include "daemon/http/server.h"
#include "daemon/inputs/ingest_router.h"

namespace picket {

// What its inputs agree on.
struct HttpListenerOptions {
  size_t connections_max = 512;
  // Who may connect, as text: other than before, and the connections that are there end.
  std::string trust = {};
};

class HttpListener {
 public:
  static Result<std::unique_ptr<HttpListener>> make(const ListenAddress& address);
  // Answers what it has taken, within the server's deadlines. REQUIRES: all inputs have left.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Where the services of the inputs run.
  boost::asio::any_io_executor executor() { return io_.get_executor(); }
  uint16_t port() const { return server_->port(); }

  // See IngestRouter::expect().
  void expect(size_t inputs, bool changing);
  // The first one opens the doors. Null `tls`: plain. `input` stays until leave() has returned.
  void join(IngestService& input, HttpListenerOptions options, std::unique_ptr<TlsServer> tls);
  // To be awaited on any other thread; cancelling it does nothing.
  boost::asio::awaitable<void> leave(IngestService& input);
  // Open now, if `input` stands for the listener; else 0.
  size_t connections(const IngestService& input) const;
  void drain();

 private:
  using WorkGuard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  HttpListener() = default;
  void change(const HttpListenerOptions& options, std::unique_ptr<TlsServer> tls);

  boost::asio::io_context io_{1};
  WorkGuard work_{io_.get_executor()};
  std::unique_ptr<HttpServer> server_;
  IngestRouter* router_ = nullptr;  // of the server
  std::string trust_;
  bool started_ = false;
  std::thread thread_;
};

}  // namespace picket
