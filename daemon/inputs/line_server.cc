#include "daemon/inputs/line_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "daemon/inputs/spool_wait.h"

namespace picket {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr size_t kReadBytes = 64 << 10;
constexpr std::chrono::milliseconds kSweepInterval{1'000};

PushRefusal reason_of(SpoolVerdict verdict) {
  switch (verdict) {
    case SpoolVerdict::Full:
      return PushRefusal::SpoolFull;
    case SpoolVerdict::DiskError:
      return PushRefusal::DiskError;
    default:
      return PushRefusal::Busy;
  }
}

SpoolItem item_of(const LineBatch& batch) {
  SpoolItem item;
  item.bytes = batch.bytes.view();
  if (batch.kind == BatchKind::OversizeLine) {
    item.kind = RecordKind::OversizeLine;
    item.line_length = batch.oversize_length;
  }
  if (!item.bytes.ends_with('\n')) item.bytes += '\n';
  return item;
}

}  // namespace

LineServer::LineServer(asio::any_io_executor executor, Spool& spool, PushCounters& counters,
                       LineServerOptions options)
    : executor_(executor),
      spool_(spool),
      counters_(counters),
      options_(options),
      sweeper_(executor) {}

void LineServer::take(std::unique_ptr<ByteStream> stream) {
  if (draining_) return;
  while (connections_.size() >= options_.connections_max) {
    Connection* oldest = most_silent(nullptr, false);
    if (oldest == nullptr) return;
    close(oldest, PushRefusal::Busy);
  }
  auto connection = std::make_unique<Connection>(
      Connection{.stream = std::move(stream),
                 .cutter = LineCutter({.batch_bytes = kReadBytes, .max_line = options_.max_line}),
                 .silent_since = steady_clock::now()});
  expect_by(connection.get(), options_.open_timeout);
  asio::co_spawn(executor_, converse(std::move(connection)), [](const std::exception_ptr&) {});
}

void LineServer::start() {
  asio::co_spawn(executor_, sweep(), [](const std::exception_ptr&) {});
}

void LineServer::drain() {
  draining_ = true;
  sweeper_.cancel();
  const std::set<Connection*> all = connections_;
  for (Connection* connection : all) close(connection, PushRefusal::Count_);
}

asio::awaitable<void> LineServer::converse(std::unique_ptr<Connection> owned) {
  struct Registration {
    Registration(LineServer* s, Connection* c) : server(s), connection(c) {
      server->connections_.insert(connection);
      server->connections_open_ = server->connections_.size();
    }
    ~Registration() {
      server->hold(connection, 0);
      server->connections_.erase(connection);
      server->connections_open_ = server->connections_.size();
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    LineServer* server;
    Connection* connection;
  };
  Connection* connection = owned.get();
  const Registration registration(this, connection);
  const StreamOpen opened = co_await connection->stream->open();
  bool going = opened == StreamOpen::Good;
  if (!going && !connection->closed) {
    counters_.request();
    counters_.refused(opened == StreamOpen::Untrusted ? PushRefusal::Unauthorized
                                                      : PushRefusal::Malformed);
  }
  while (going) going = co_await read_once(connection);
}

// False once the connection is done with.
asio::awaitable<bool> LineServer::read_once(Connection* connection) {
  expect_by(connection, options_.idle_timeout);
  size_t count = 0;
  const StreamRead outcome =
      co_await connection->stream->read(connection->cutter.space(kReadBytes), &count);
  connection->silent_since = steady_clock::now();
  if (outcome == StreamRead::Failed) co_return false;
  if (outcome == StreamRead::Ended) {
    const std::optional<LineBatch> last = connection->cutter.finish();
    if (last) co_await spool_item(connection, item_of(*last));
    co_return false;
  }
  connection->cutter.commit(count);
  hold(connection, connection->cutter.held_bytes());
  const bool taken = co_await spool_batches(connection);
  if (!taken || connection->closed) co_return false;
  hold(connection, connection->cutter.held_bytes());
  co_return true;
}

asio::awaitable<bool> LineServer::spool_batches(Connection* connection) {
  for (;;) {
    const std::optional<LineBatch> batch = connection->cutter.next();
    if (!batch) co_return true;
    const bool taken = co_await spool_item(connection, item_of(*batch));
    if (!taken) co_return false;
  }
}

// Tries until the spool takes it; meanwhile nothing more is read, which slows the sender down.
// False: we are to end.
asio::awaitable<bool> LineServer::spool_item(Connection* connection, SpoolItem item) {
  for (;;) {
    connection->deadline = steady_clock::time_point::max();
    counters_.request();
    const SpoolVerdict verdict = co_await submit_and_wait(spool_, item, executor_);
    if (verdict == SpoolVerdict::Durable) co_return true;
    counters_.refused(reason_of(verdict));
    if (draining_ || connection->closed) co_return false;
    asio::steady_timer pause(executor_, options_.retry_after);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    if (draining_ || connection->closed) co_return false;
  }
}

asio::awaitable<void> LineServer::sweep() {
  while (!draining_) {
    sweeper_.expires_after(kSweepInterval);
    co_await sweeper_.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto now = steady_clock::now();
    const std::set<Connection*> all = connections_;
    for (Connection* connection : all) {
      if (now > connection->deadline) close(connection, PushRefusal::Interrupted);
    }
  }
}

void LineServer::hold(Connection* connection, uint64_t bytes) {
  held_bytes_ = held_bytes_ - connection->held_bytes + bytes;
  connection->held_bytes = bytes;
  while (held_bytes_ > options_.held_bytes_max) {
    Connection* oldest = most_silent(connection, true);
    close(oldest ? oldest : connection, PushRefusal::Busy);
    if (oldest == nullptr) return;
  }
}

// Count_: nobody is to blame. The coroutine of the connection ends by itself.
void LineServer::close(Connection* connection, PushRefusal reason) {
  if (connection->closed) return;
  connection->closed = true;
  // Silence between lines is no refusal.
  if (reason != PushRefusal::Count_ && connection->held_bytes > 0) {
    counters_.request();
    counters_.refused(reason);
  }
  held_bytes_ -= std::exchange(connection->held_bytes, 0);
  connections_.erase(connection);
  connections_open_ = connections_.size();
  connection->stream->close();
}

LineServer::Connection* LineServer::most_silent(const Connection* but, bool holding) const {
  Connection* oldest = nullptr;
  for (Connection* c : connections_) {
    if (c == but || c->closed || (holding && c->held_bytes == 0)) continue;
    if (!oldest || c->silent_since < oldest->silent_since) oldest = c;
  }
  return oldest;
}

void LineServer::expect_by(Connection* connection, std::chrono::milliseconds timeout) const {
  connection->deadline = steady_clock::now() + timeout;
}

}  // namespace picket
