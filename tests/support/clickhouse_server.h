// ClickhouseServer: as much of ClickHouse's HTTP interface on loopback as picket's input asks for,
// over a table in memory: param_cursor and param_until, ORDER BY the cursor, LIMIT, JSONEachRow,
// gzip, chunks, TLS. It can also fail in the ways that the real one, or what is in between, fails.
//
// Rows with equal cursors come in another order every time, as they do there.
//
// Thread rule: all calls from any thread; the server runs a thread of its own.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace picket::testing {

enum class ClickhouseFault : uint8_t {
  None,
  ExceptionBetweenRows,  // its text in the middle of a 200 answer, then the end
  ExceptionInsideRow,    // the same, glued to half a row
  ExceptionAsJson,       // {"exception": "..."} behind some rows
  ExceptionInHeader,     // 200 with X-ClickHouse-Exception-Code
  CutBetweenRows,        // the connection is closed before the last chunk
  CutInsideRow,
  NoLength,  // neither chunks nor a length: the end is not certain
  CutGzip,   // half of the packed bytes, with a proper last chunk
  CorruptGzip,
  Status401,
  Status403,
  Status404,
  Status500,
  Hang,     // nothing at all until the other side gives up
  NotARow,  // an object without the cursor
};

class ClickhouseServer {
 public:
  // With TLS when there is a certificate.
  explicit ClickhouseServer(const std::string& certificate = "", const std::string& key = "");
  ~ClickhouseServer();
  ClickhouseServer(const ClickhouseServer&) = delete;
  ClickhouseServer& operator=(const ClickhouseServer&) = delete;

  uint16_t port() const { return port_; }
  void insert(int64_t cursor, const std::string& row);
  // How the next answers go, one each; then all is well again.
  void fail_next(std::vector<ClickhouseFault> faults);
  // Requests so far, head and body.
  std::vector<std::string> requests() const;

 private:
  struct Peer {
    int fd;
    SSL* ssl;
  };
  void run();
  void serve(Peer peer);
  std::string read_request(Peer peer);
  std::vector<std::string> rows_for(std::string_view request);
  void answer(Peer peer, ClickhouseFault fault, std::vector<std::string> rows, bool gzip);
  static void send(Peer peer, std::string_view text);

  int listener_ = -1;
  uint16_t port_ = 0;
  SSL_CTX* tls_ = nullptr;
  std::atomic<bool> closing_ = false;
  mutable std::mutex mutex_;
  std::multimap<int64_t, std::string> table_;
  std::deque<ClickhouseFault> faults_;
  std::vector<std::string> requests_;
  std::minstd_rand random_;
  std::thread thread_;
};

}  // namespace picket::testing
