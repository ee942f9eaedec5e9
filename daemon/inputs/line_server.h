// LineServer: many connections that send lines, and one spool that takes them.
//
// What was read is spooled before more is read, so a full or failing disk slows the senders down
// instead of costing lines. There is no acknowledgement in such a stream: what a sender had written
// but we had not spooled yet is lost when picket or the connection dies. Who must know uses HTTP.
//
// Invariants
//  1. At most connections_max connections and held_bytes_max bytes of unfinished lines. When one
//     more comes, the connection that has been silent longest gives way.
//  2. A connection that its sender ends gives its unfinished line; one that we close does not.
//  3. A line over max_line is spooled as its first part and its length.
// Thread rule: the receiving thread; connections() from any thread. It may be destroyed once
// drain() was called and its executor has nothing left to do. Tested by
// tests/daemon/inputs/line_server_test.cc.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <set>

#include "daemon/byte_stream.h"
#include "daemon/inputs/line_cutter.h"
#include "daemon/inputs/push_counters.h"
#include "daemon/inputs/spool.h"

namespace picket {

struct LineServerOptions {
  size_t connections_max = 256;
  std::chrono::milliseconds open_timeout{5'000};
  std::chrono::milliseconds idle_timeout{300'000};
  std::chrono::milliseconds retry_after{1'000};  // when the spool did not take something
  uint64_t max_line = 16 << 20;
  uint64_t held_bytes_max = 64 << 20;
};

class LineServer {
 public:
  // `spool` and `counters` outlive the server and its coroutines.
  LineServer(boost::asio::any_io_executor executor, Spool& spool, PushCounters& counters,
             LineServerOptions options);

  // Takes over a connection.
  void take(std::unique_ptr<ByteStream> stream);
  // Closes what is silent for too long; until drain().
  void start();
  // Closes all connections; what was read of them is still spooled if the spool takes it at once.
  void drain();

  size_t connections() const { return connections_open_; }

 private:
  struct Connection {
    std::unique_ptr<ByteStream> stream;
    LineCutter cutter;
    std::chrono::steady_clock::time_point silent_since = {};
    std::chrono::steady_clock::time_point deadline = {};
    uint64_t held_bytes = 0;
    bool closed = false;  // by us
  };

  boost::asio::awaitable<void> converse(std::unique_ptr<Connection> connection);
  boost::asio::awaitable<bool> read_once(Connection* connection);
  boost::asio::awaitable<bool> spool_batches(Connection* connection);
  boost::asio::awaitable<bool> spool_item(Connection* connection, SpoolItem item);
  boost::asio::awaitable<void> sweep();
  void hold(Connection* connection, uint64_t bytes);
  void close(Connection* connection, PushRefusal reason);
  Connection* most_silent(const Connection* but, bool holding) const;
  void expect_by(Connection* connection, std::chrono::milliseconds timeout) const;

  boost::asio::any_io_executor executor_;
  Spool& spool_;
  PushCounters& counters_;
  const LineServerOptions options_;
  boost::asio::steady_timer sweeper_;
  std::set<Connection*> connections_;
  std::atomic<size_t> connections_open_ = 0;
  uint64_t held_bytes_ = 0;
  bool draining_ = false;
};

}  // namespace picket
