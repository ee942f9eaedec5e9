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

enum class StreamOpen : uint8_t {
  Good,
  Untrusted,  // it did not show a certificate that we trust
  Failed,
};
enum class StreamRead : uint8_t { Bytes, Ended, Failed };

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // What must happen before the first read. Anything but Good: the connection is of no use.
  virtual boost::asio::awaitable<StreamOpen> open() = 0;
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

// All are PEM.
struct TlsFiles {
  std::string certificate = {};  // with those between it and the root, if there are any
  std::string key = {};
  // Who connects must show a certificate for clients that one of these has signed, directly or by
  // way of at most kClientDepthMax others, and that has not expired. Empty: anybody may connect.
  std::string client_ca = {};
};

// A certificate and its key, for any number of connections.
class TlsServer {
 public:
  static constexpr int kClientDepthMax = 3;

  // Errors: a file cannot be read or used, or certificate and key do not belong together.
  static Result<std::unique_ptr<TlsServer>> make(const TlsFiles& files);
  virtual ~TlsServer() = default;
  // TLS 1.2 or 1.3. The stream needs the server no more.
  virtual std::unique_ptr<ByteStream> make_stream(StreamSocket socket) = 0;
};

}  // namespace picket
