// ByteStream: a connection that somebody made to us, plain or TLS.
//
// Thread rule: the executor of the socket, single-threaded. Errors: those of the socket or of TLS
// end the connection; nothing is thrown.
// Tested by tests/daemon/inputs/socket_test.cc and tests/daemon/inputs/http_ingest_test.cc.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/result.h"

namespace picket {

using StreamSocket = boost::asio::generic::stream_protocol::socket;

enum class StreamRead : uint8_t { Bytes, Ended, Failed };

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // What must happen before the first read. False: the connection is of no use.
  virtual boost::asio::awaitable<bool> open() = 0;
  // Fills the front of `into`, which must live until then; `count` says how far.
  virtual boost::asio::awaitable<StreamRead> read(std::span<char> into, size_t* count) = 0;
  // Sends both, which must live until then. False: the connection is of no use any more.
  virtual boost::asio::awaitable<bool> write(std::string_view head, std::string_view body) = 0;
  // Tells the other side that nothing more comes, then takes and drops what it still sends until it
  // ends too: closing over unread bytes would reset the connection, and what we sent last with it.
  virtual boost::asio::awaitable<void> end() = 0;
  // Makes whatever waits fail.
  virtual void close() = 0;
};

std::unique_ptr<ByteStream> make_plain_stream(StreamSocket socket);

// A certificate and its key, for any number of connections.
class TlsServer {
 public:
  // Both files are PEM. Errors: one cannot be read, or they do not belong together.
  static Result<std::unique_ptr<TlsServer>> make(const std::string& certificate,
                                                 const std::string& key);
  virtual ~TlsServer() = default;
  // TLS 1.2 or 1.3. REQUIRES: the server outlives the stream.
  virtual std::unique_ptr<ByteStream> make_stream(StreamSocket socket) = 0;
};

}  // namespace picket
