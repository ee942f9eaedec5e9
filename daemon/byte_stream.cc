#include "daemon/byte_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

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

  asio::awaitable<StreamOpen> open() override { co_return StreamOpen::Good; }
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

bool is_about_trust(const error_code& error) {
  if (error.category() != asio::error::get_ssl_category()) return false;
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  return reason == SSL_R_CERTIFICATE_VERIFY_FAILED ||
         reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(StreamSocket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  asio::awaitable<StreamOpen> open() override {
    const auto [error] = co_await stream_.async_handshake(ssl::stream_base::server, kAwait);
    if (!error) co_return StreamOpen::Good;
    co_return is_about_trust(error) ? StreamOpen::Untrusted : StreamOpen::Failed;
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

Result<std::unique_ptr<TlsServer>> TlsServer::make(const TlsFiles& files) {
  auto server = std::make_unique<OpenSslServer>();
  SSL_CTX* native = server->context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A sender that closes without having read our tickets would reset the connection, and what it
  // sent last would be gone.
  SSL_CTX_set_num_tickets(native, 0);
  error_code error;
  server->context.use_certificate_chain_file(files.certificate, error);
  if (error) {
    return fail({files.certificate, 0, 0},
                fmt::format("cannot be used as a certificate: {}", error.message()));
  }
  server->context.use_private_key_file(files.key, ssl::context::pem, error);
  if (error) {
    return fail({files.key, 0, 0}, fmt::format("cannot be used as a key: {}", error.message()));
  }
  if (files.client_ca.empty()) return server;
  server->context.load_verify_file(files.client_ca, error);
  if (error) {
    return fail({files.client_ca, 0, 0},
                fmt::format("cannot be used as certificates of authorities: {}", error.message()));
  }
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(native, TlsServer::kClientDepthMax);
  // So that a client with several certificates knows which to show.
  SSL_CTX_set_client_CA_list(native, SSL_load_client_CA_file(files.client_ca.c_str()));
  // A session that is resumed shows no certificate again, and it may have expired since.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
  return server;
}

}  // namespace picket
