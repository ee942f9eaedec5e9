// HttpConnections: the connections of one HttpServer: which of them must give way, and how many
// bytes of bodies they hold together.
//
// Thread rule: the server's thread; size() from any. Tested by tests/daemon/http/server_test.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "daemon/byte_stream.h"

namespace picket {

struct HttpConnection {
  explicit HttpConnection(std::unique_ptr<ByteStream> s) : stream(std::move(s)) {}
  void expect_by(std::chrono::milliseconds timeout) {
    deadline = std::chrono::steady_clock::now() + timeout;
  }

  std::unique_ptr<ByteStream> stream;
  std::string input = {};   // read and not parsed yet
  uint64_t body_bytes = 0;  // held for its request
  std::chrono::steady_clock::time_point deadline = {};
  std::chrono::steady_clock::time_point waiting_since = std::chrono::steady_clock::now();
  bool waiting = true;  // for the client, so that it may have to give way
  bool last = false;    // it ends with the answer to the request under way
};

class HttpConnections {
 public:
  void insert(HttpConnection* connection) {
    all_.insert(connection);
    size_ = all_.size();
  }
  void remove(HttpConnection* connection) {
    all_.erase(connection);
    size_ = all_.size();
    hold(connection, 0);
  }
  void close(HttpConnection* connection) {
    connection->stream->close();
    remove(connection);
  }
  void hold(HttpConnection* connection, uint64_t body_bytes) {
    bodies_bytes_ = bodies_bytes_ - connection->body_bytes + body_bytes;
    connection->body_bytes = body_bytes;
  }
  // Null: all others are being answered right now.
  HttpConnection* longest_waiting(const HttpConnection* but, bool with_body) const {
    HttpConnection* oldest = nullptr;
    for (HttpConnection* c : all_) {
      if (!c->waiting || c == but || (with_body && c->body_bytes == 0)) continue;
      if (!oldest || c->waiting_since < oldest->waiting_since) oldest = c;
    }
    return oldest;
  }
  // Closes those that wait for their client; the others end with their answer.
  void retire() {
    for (HttpConnection* connection : all()) {
      connection->last = true;
      if (connection->waiting) close(connection);
    }
  }
  // A copy, because closing one changes the set.
  std::set<HttpConnection*> all() const { return all_; }
  size_t size() const { return size_; }
  uint64_t bodies_bytes() const { return bodies_bytes_; }

 private:
  std::set<HttpConnection*> all_;
  std::atomic<size_t> size_ = 0;
  uint64_t bodies_bytes_ = 0;
};

}  // namespace picket
