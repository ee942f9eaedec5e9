#include "daemon/byte_stream.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace picket {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kDroppedReadsMax = 1024;

template <class Stream>
asio::awaitable<bool> write_both(Stream* stream, std::string_view head, std::string_view body) {
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
  const auto [error, count] = co_await asio::async_write(*stream, buffers, kAwait);
  co_return !error;
}

// Ends our side of a connection and drops what comes from the other.
asio::awaitable<void> end_socket(StreamSocket* socket) {
  error_code error;
  socket->shutdown(StreamSocket::shutdown_send, error);
  std::array<char, 4096> dropped;
  for (int i = 0; i < kDroppedReadsMax && !error; ++i) {
    const auto [failed, count] = co_await socket->async_read_some(asio::buffer(dropped), kAwait);
    error = failed;
  }
}

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(StreamSocket socket) : socket_(std::move(socket)) {}

  asio::awaitable<bool> open() override { co_return true; }
  asio::awaitable<StreamRead> read(std::span<char> into, size_t* count) override {
    const auto [error, got] =
        co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
    *count = got;
    if (!error) co_return StreamRead::Bytes;
    co_return error == asio::error::eof ? StreamRead::Ended : StreamRead::Failed;
  }
  asio::awaitable<bool> write(std::string_view head, std::string_view body) override {
    co_return co_await write_both(&socket_, head, body);
  }
  asio::awaitable<void> end() override { co_await end_socket(&socket_); }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  StreamSocket socket_;
};

class TlsStream final : public ByteStream {
 public:
  TlsStream(StreamSocket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  asio::awaitable<bool> open() override {
    const auto [error] = co_await stream_.async_handshake(ssl::stream_base::server, kAwait);
    co_return !error;
  }
  // A connection that ends without TLS saying so may have been cut by anybody: not an end.
  asio::awaitable<StreamRead> read(std::span<char> into, size_t* count) override {
    const auto [error, got] =
        co_await stream_.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
    *count = got;
    if (!error) co_return StreamRead::Bytes;
    co_return error == asio::error::eof ? StreamRead::Ended : StreamRead::Failed;
  }
  asio::awaitable<bool> write(std::string_view head, std::string_view body) override {
    co_return co_await write_both(&stream_, head, body);
  }
  asio::awaitable<void> end() override {
    // Says that this is the end; fails at once when the other side is still sending.
    co_await stream_.async_shutdown(kAwait);
    co_await end_socket(&stream_.next_layer());
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  ssl::stream<StreamSocket> stream_;
};

class OpenSslServer final : public TlsServer {
 public:
  std::unique_ptr<ByteStream> make_stream(StreamSocket socket) override {
    return std::make_unique<TlsStream>(std::move(socket), context);
  }
  ssl::context context{ssl::context::tls_server};
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(StreamSocket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

Result<std::unique_ptr<TlsServer>> TlsServer::make(const std::string& certificate,
                                                   const std::string& key) {
  auto server = std::make_unique<OpenSslServer>();
  SSL_CTX* native = server->context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A sender that closes without having read our tickets would reset the connection, and what it
  // sent last would be gone.
  SSL_CTX_set_num_tickets(native, 0);
  error_code error;
  server->context.use_certificate_chain_file(certificate, error);
  if (error) {
    return fail({certificate, 0, 0},
                fmt::format("cannot be used as a certificate: {}", error.message()));
  }
  server->context.use_private_key_file(key, ssl::context::pem, error);
  if (error) return fail({key, 0, 0}, fmt::format("cannot be used as a key: {}", error.message()));
  return server;
}

}  // namespace picket
